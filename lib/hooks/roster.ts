import { types } from 'node:util'
import { checkOptions, flag, invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { HookRegistration, HookTransaction, RegisterOptions } from './hook'
import { HookPoint } from './hook-point'
import { NONE, listOf, type ProviderList } from './provider-list'
import { type AnyProvider, Entry, type ProviderPlace } from './provider'
import { HookRegistry } from './registry'
import type { Windows } from './window'

/** One call of a register function. */
export interface Registering {
  readonly point: HookPoint
  readonly place: ProviderPlace
  readonly fn: unknown
  readonly closure: unknown
  readonly options?: RegisterOptions | undefined
  /** The module through whose view of the hooks it comes: that is who registers, whatever the options say. */
  readonly by?: string | undefined
  /** What the provider is called in lists and errors. Default: the name of the function. */
  readonly label?: string | undefined
}

const REGISTER: ReadonlySet<string> = new Set<keyof RegisterOptions>(['module', 'strictClosure'])

/**
 * Who provides what, in which generation: the points, the providers that live as long as the program, and the current
 * registry. Lists are made when something is registered, and for registries other than the current one when they are asked
 * for; what nobody touched is shared by all.
 */
export class Roster {
  readonly points = new Map<string, HookPoint>()
  current: HookRegistry
  #process = new Map<HookPoint, ProviderList>()
  /** A retired registry holds the map as it is. */
  #isProcessShared = false
  readonly #warned = new Set<string>()
  #registrations = 0

  constructor(
    readonly windows: Windows,
    readonly strictClosure: boolean,
  ) {
    this.current = this.fork()
    this.current.stateNow = 'current'
  }

  /** The point of that name, made where there is none. */
  point(scope: string, name: string): HookPoint {
    const key = `${scope}.${name}`
    let point = this.points.get(key)
    if (point === undefined) {
      point = new HookPoint(scope, name)
      this.points.set(key, point)
    }
    return point
  }

  fork(): HookRegistry {
    return new HookRegistry(this, (registry) => this.#destroy(registry))
  }

  /** Makes a registry the one that calls use. What it has for the program becomes the program's. */
  activate(next: HookRegistry): void {
    this.checkRegistry(next)
    if (next.stateNow === 'current') return
    if (next.stateNow === 'retired')
      throw new HeddleError('ERR_PHASE', 'the generation of these hooks is over already')
    const last = this.current
    const touched = new Set([...last.own.keys(), ...next.own.keys()])
    if (last.stateNow === 'current') last.stateNow = 'retired'
    last.frozen = this.#process
    this.#isProcessShared = true
    this.current = next
    next.stateNow = 'current'
    this.#promote(next)
    for (const point of touched) this.#show(point)
    next.settle()
  }

  /** Takes back what a module did for a registry that is being set up: its providers, and the hooks that it declared. */
  forget(registry: HookRegistry, module: string): void {
    this.checkRegistry(registry)
    if (registry.stateNow !== 'pending')
      throw new HeddleError('ERR_PHASE', 'a generation of hooks that was activated is kept whole')
    for (const [point, entries] of registry.own)
      for (const entry of entries) if (entry.module === module) this.#remove(registry, point, entry)
    this.#undeclare(registry, (owner) => owner === module)
  }

  /** Takes out what a module registered for the life of the program. */
  drop(module: string): void {
    for (const [point, { entries }] of this.#process)
      for (const entry of entries) if (entry.module === module) this.#remove(this.current, point, entry)
  }

  /** Registers a provider where and when that is allowed. (HK-08, HK-09) */
  register(registering: Registering): HookRegistration {
    const { point, place, closure, label, by } = registering
    const { fullName } = point
    const fn = registering.fn
    if (typeof fn !== 'function') throw invalid(`hook ${fullName}`, 'takes a function as a provider', fn)
    const { module, strictClosure } = checkedOptions(registering.options)
    const window = this.windows.admit(`hook ${fullName}`, by)
    if (window !== undefined && !window.singleton && closure !== window.infrastructure)
      this.#foreignClosure(fullName, window.module, strictClosure ?? this.strictClosure)
    const registry = window?.registry ?? this.current
    const lifetime = window === undefined || window.singleton ? 'process' : 'generation'
    return this.add(registry, point, place, {
      fn: fn as AnyProvider,
      closure,
      lifetime,
      module: window?.module ?? by ?? module,
      label,
      isAsync: types.isAsyncFunction(fn),
    })
  }

  /** Registers without asking where and when. */
  add(
    registry: HookRegistry,
    point: HookPoint,
    place: ProviderPlace,
    what: Pick<Entry, 'fn' | 'closure' | 'lifetime' | 'module' | 'label' | 'isAsync'>,
  ): HookRegistration {
    this.checkOpen(registry, `hook ${point.fullName}`)
    const count = ++this.#registrations
    const order = place === 'first' ? -count : count
    const { fn, closure, lifetime, module, label, isAsync } = what
    const entry = new Entry(fn, closure, order, lifetime, module, label, isAsync)
    if (lifetime === 'process' && registry.stateNow === 'current') this.#addToProcess(point, entry)
    else registry.own.set(point, [...(registry.own.get(point) ?? []), entry])
    if (registry === this.current) this.#show(point)
    return new Registered(() => this.#remove(registry, point, entry))
  }

  /** The providers of a point in a generation. */
  listFor(registry: HookRegistry, point: HookPoint): ProviderList {
    if (registry === this.current) return point.list
    return this.#merge(registry, point)
  }

  /** The registry of a transaction, as long as it has one. ERR_RELEASED, ERR_INVALID_ARGUMENT, what its getter throws. */
  registryOf(txn: HookTransaction): HookRegistry {
    if (typeof txn !== 'object' || txn === null) throw invalid('a transaction', 'has a hookRegistry', txn)
    const registry = txn.hookRegistry
    this.checkRegistry(registry)
    return registry
  }

  /** One of ours that takes providers. */
  checkOpen(registry: HookRegistry, what: string): void {
    this.checkRegistry(registry)
    if (registry.stateNow === 'retired') throw new HeddleError('ERR_PHASE', `${what}: the generation is over`)
  }

  /** One of ours, and not destroyed. */
  checkRegistry(registry: HookRegistry): void {
    if (!(registry instanceof HookRegistry) || registry.roster !== this)
      throw invalid('a hookRegistry', 'is one of these hooks', registry)
    if (registry.stateNow === 'destroyed')
      throw new HeddleError('ERR_RELEASED', 'the generation of these hooks has been released')
  }

  /** Each module is warned once for a hook, not again at each reload. (HK-09) */
  #foreignClosure(hook: string, module: string, isStrict: boolean): void {
    const message = `hook ${hook}, module ${module}: the closure of a provider is the module's own object`
    if (isStrict) throw new HeddleError('ERR_HOOK_CLOSURE', message)
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    process.emitWarning(message, { type: 'HeddleWarning', code: 'HEDDLE_HOOK_CLOSURE' })
  }

  #merge(registry: HookRegistry, point: HookPoint): ProviderList {
    const process = (registry.frozen ?? this.#process).get(point) ?? NONE
    const own = registry.own.get(point)
    if (own === undefined && (point.removals === 0 || isLive(process.entries))) return process
    const known = registry.merged.get(point)
    if (known?.process === process && known.own === own && known.removals === point.removals)
      return known.list
    const list = listOf(process.entries, own ?? [])
    registry.merged.set(point, { list, process, own, removals: point.removals })
    return list
  }

  #show(point: HookPoint): void {
    const process = this.#process.get(point) ?? NONE
    const own = this.current.own.get(point)
    point.show(own === undefined ? process : listOf(process.entries, own))
    for (const watcher of [...point.watchers]) watcher.changed(point.list)
  }

  #promote(registry: HookRegistry): void {
    for (const [point, entries] of registry.own) {
      const lasting = entries.filter(({ lifetime }) => lifetime === 'process')
      if (lasting.length === 0) continue
      for (const entry of lasting) this.#addToProcess(point, entry)
      setOrDrop(
        registry.own,
        point,
        entries.filter(({ lifetime }) => lifetime === 'generation'),
      )
    }
    for (const { declared, watchers } of this.points.values()) {
      if (declared?.pendingFor === registry) declared.pendingFor = undefined
      for (const watcher of watchers) if (watcher.pendingFor === registry) watcher.pendingFor = undefined
    }
    registry.merged.clear()
  }

  #addToProcess(point: HookPoint, entry: Entry): void {
    this.#processToWrite().set(point, listOf(this.#process.get(point)?.entries ?? [], [entry]))
  }

  #processToWrite(): Map<HookPoint, ProviderList> {
    if (this.#isProcessShared) this.#process = new Map(this.#process)
    this.#isProcessShared = false
    return this.#process
  }

  #remove(registry: HookRegistry, point: HookPoint, entry: Entry): boolean {
    if (entry.isGone) return false
    entry.isGone = true
    point.removals++
    const own = registry.own.get(point)
    if (own !== undefined) setOrDrop(registry.own, point, live(own))
    const process = this.#process.get(point)
    if (process?.entries.includes(entry))
      setOrDropList(this.#processToWrite(), point, listOf(process.entries))
    this.#show(point)
    return true
  }

  #destroy(registry: HookRegistry): void {
    const touched = [...registry.own.keys()]
    const isCurrent = registry === this.current
    registry.own.clear()
    registry.merged.clear()
    if (isCurrent) {
      for (const point of touched) this.#show(point)
      return
    }
    if (registry.stateNow === 'pending') this.#undeclare(registry)
    registry.frozen = undefined
    registry.stateNow = 'destroyed'
    registry.settle()
  }

  /** Hooks and watchers that came with a registry which does not become the current one. */
  #undeclare(registry: HookRegistry, isTheirs: (owner: string | undefined) => boolean = () => true): void {
    for (const point of this.points.values()) {
      const { declared, watchers } = point
      if (declared?.pendingFor === registry && isTheirs(declared.owner)) point.declared = undefined
      for (const watcher of [...watchers])
        if (watcher.pendingFor === registry && isTheirs(watcher.owner)) watchers.delete(watcher)
    }
  }
}

/** What can be taken out again. */
class Registered implements HookRegistration {
  #remove: (() => boolean) | undefined

  constructor(remove: () => boolean) {
    this.#remove = remove
  }

  unregister(): boolean {
    const remove = this.#remove
    this.#remove = undefined
    return remove?.() ?? false
  }

  [Symbol.dispose](): void {
    this.unregister()
  }
}

function live(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ isGone }) => !isGone)
}

function isLive(entries: readonly Entry[]): boolean {
  return !entries.some(({ isGone }) => isGone)
}

function setOrDrop(map: Map<HookPoint, readonly Entry[]>, point: HookPoint, entries: readonly Entry[]): void {
  if (entries.length === 0) map.delete(point)
  else map.set(point, entries)
}

function setOrDropList(map: Map<HookPoint, ProviderList>, point: HookPoint, list: ProviderList): void {
  if (list === NONE) map.delete(point)
  else map.set(point, list)
}

function checkedOptions(options: RegisterOptions | undefined): RegisterOptions {
  if (options === undefined) return {}
  checkOptions('register', options, REGISTER, "{ module: 'mod' }")
  const { module, strictClosure } = options
  if (module !== undefined && typeof module !== 'string')
    throw invalid('module', 'is the name of a module', module)
  return {
    module,
    strictClosure: strictClosure === undefined ? undefined : flag('strictClosure', strictClosure, false),
  }
}
