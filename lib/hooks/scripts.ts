import { types } from 'node:util'
import { checkOptions, invalid } from '../arguments'
import type { HookRegistration } from './hook'
import type { HookPoint } from './hook-point'
import type { AnyProvider } from './provider'
import { HookRegistry } from './registry'
import type { Roster } from './roster'

/** Where a script belongs. */
export interface ScriptOptions {
  /**
   * The generation that it is part of, whose registry is being set up: then it goes with that, and the scripts of other generations
   * stay as they are. Default: the window that is open, else the program, as long as it runs or until it is replaced.
   */
  readonly registry?: HookRegistry | undefined
}

/** What became of the functions of a script. */
export interface ScriptInfo {
  readonly name: string
  /** `scope.name` of the hooks that it provides. */
  readonly hooks: readonly string[]
  /** Functions whose names are those of no hook, which wait for one that is declared later, and those that may mean several. */
  readonly unknown: readonly string[]
}

interface Table {
  readonly name: string
  readonly self: object
  readonly functions: Map<string, AnyProvider>
  readonly place: Place
  readonly wired: Map<string, { readonly hook: string; readonly registration: HookRegistration }>
}

/** Where a script belongs. */
interface Place {
  /** That it is registered in; undefined: the program's. */
  readonly registry: HookRegistry | undefined
  /** Of a singleton: what it registers becomes the program's with its generation. */
  readonly isLasting: boolean
}

const OPTIONS: ReadonlySet<string> = new Set<keyof ScriptOptions>(['registry'])
/** An object whose prototypes never end is no script. */
const MOST_PROTOTYPES = 64

/**
 * Scripts: plain objects whose functions are named `<scope>_<hook>`. Each such function is a provider of that hook, at the end of its
 * list; it gets the object, then the arguments of the call. Scripts are given no hooks: they can neither call nor declare any.
 * (HK-15)
 */
export class Scripts {
  readonly #roster: Roster
  readonly #program = new Map<string, Table>()
  readonly #generations = new WeakMap<HookRegistry, Map<string, Table>>()

  /** @internal Made by Hooks. */
  constructor(roster: Roster) {
    this.#roster = roster
  }

  /**
   * Registers the functions of an object. A script of the same name is replaced whole; when the object cannot be read, it stays as it
   * was. A function whose name is that of no hook is warned of, and provides a hook that is declared later; names that begin with an
   * underscore are the script's own. ERR_INVALID_ARGUMENT, ERR_WRONG_THREAD, ERR_PHASE, ERR_RELEASED, what a getter of the object throws.
   */
  registerModule(name: string, script: object, options: ScriptOptions = {}): ScriptInfo {
    if (typeof name !== 'string' || name === '') throw invalid('the name of a script', 'is text', name)
    if ((typeof script !== 'object' && typeof script !== 'function') || script === null)
      throw invalid('a script', 'is an object of functions', script)
    checkOptions('registerModule', options, OPTIONS, '{ registry }')
    const place = this.#admit(name, options.registry)
    const functions = functionsOf(script)
    const tables = this.#tables(place.registry)
    this.#drop(tables, name)
    const table: Table = { name, self: script, functions, place, wired: new Map() }
    tables.set(name, table)
    for (const [key, found] of this.#meanings(table)) {
      this.#rewire(table, key, found)
      if (found.length !== 1) warn(table.name, key, found)
    }
    if (place.isLasting) place.registry?.whenSettled((isActive) => this.#adopt(table, tables, isActive))
    return infoOf(table)
  }

  /** Takes a script of the program out. False where there is none of that name. */
  unregisterModule(name: string): boolean {
    return this.#drop(this.#program, name)
  }

  /** Those of the program and of the current generation. */
  list(): ScriptInfo[] {
    const generation = this.#generations.get(this.#roster.current)
    return [...this.#program.values(), ...(generation?.values() ?? [])].map(infoOf)
  }

  /**
   * @internal A hook was declared: functions that waited for it are its providers now. One that may mean two hooks from now on provides
   * neither; what the current generation uses changes only when it is sure that the hook stays.
   */
  declared(point: HookPoint): void {
    const key = keyOf(point)
    const found = this.#meaning(key)
    const pending = point.declared?.pendingFor
    for (const table of this.#tablesWith(key, pending)) {
      const isSure = pending === undefined || pending === table.place.registry
      if (found.length < 2 || isSure) this.#rewire(table, key, found)
      if (found.length > 1) warn(table.name, key, found)
    }
    if (found.length > 1) pending?.whenSettled(() => this.#settle(key))
  }

  #settle(key: string): void {
    for (const table of this.#tablesWith(key, undefined)) this.#rewire(table, key, this.#meaning(key))
  }

  /** Those of the program, of the current generation, and of one that is being set up. */
  #tablesWith(key: string, pending: HookRegistry | undefined): Table[] {
    const generations = new Set([this.#roster.current, pending])
    const tables = [
      this.#program,
      ...[...generations].map((registry) => registry && this.#generations.get(registry)),
    ]
    return tables
      .flatMap((tables) => [...(tables?.values() ?? [])])
      .filter(({ functions }) => functions.has(key))
  }

  /** The script of a singleton goes over to the program, in the place of one of that name. */
  #adopt(table: Table, from: Map<string, Table>, isActive: boolean): void {
    if (!isActive || from.get(table.name) !== table) return
    from.delete(table.name)
    this.#drop(this.#program, table.name)
    this.#program.set(table.name, { ...table, place: { registry: undefined, isLasting: true } })
  }

  /** Where the script belongs. Whoever has the registry is setting it up, and needs no window. */
  #admit(name: string, given: HookRegistry | undefined): Place {
    const { windows } = this.#roster
    const what = `script ${name}`
    if (given !== undefined) {
      if (!(given instanceof HookRegistry)) throw invalid('registry', 'is one of hooks.fork()', given)
      windows.checkThread(what)
      this.#roster.checkOpen(given, what)
      return { registry: given, isLasting: false }
    }
    const window = windows.admit(what)
    if (window === undefined) return { registry: undefined, isLasting: true }
    const { registry, singleton } = window
    this.#roster.checkOpen(registry, what)
    return {
      registry: singleton && registry.state === 'current' ? undefined : registry,
      isLasting: singleton,
    }
  }

  #tables(registry: HookRegistry | undefined): Map<string, Table> {
    if (registry === undefined) return this.#program
    const known = this.#generations.get(registry)
    if (known !== undefined) return known
    const made = new Map<string, Table>()
    this.#generations.set(registry, made)
    return made
  }

  #drop(tables: Map<string, Table>, name: string): boolean {
    const table = tables.get(name)
    if (table === undefined) return false
    for (const { registration } of table.wired.values()) registration.unregister()
    return tables.delete(name)
  }

  /** Lets a function provide the one hook that it may mean, and none where it may mean none or several. */
  #rewire(table: Table, key: string, found: readonly HookPoint[]): void {
    const point = found.length === 1 ? found[0] : undefined
    const known = table.wired.get(key)
    if (known?.hook === point?.fullName) return
    known?.registration.unregister()
    table.wired.delete(key)
    if (point !== undefined) this.#wire(table, key, point)
  }

  #wire(table: Table, key: string, point: HookPoint): void {
    const fn = table.functions.get(key) as AnyProvider
    const { registry, isLasting } = table.place
    const registration = this.#roster.add(registry ?? this.#roster.current, point, 'last', {
      fn: fn.bind(table.self),
      closure: table.self,
      lifetime: isLasting ? 'process' : 'generation',
      module: table.name,
      label: key,
      isAsync: types.isAsyncFunction(fn),
    })
    table.wired.set(key, { hook: point.fullName, registration })
  }

  /** The declared hooks that a function of that name may mean: scopes and names hold underscores, so several may share one. */
  #meaning(key: string): HookPoint[] {
    return [...this.#roster.points.values()].filter(
      (point) => point.declared !== undefined && keyOf(point) === key,
    )
  }

  /** The same for all functions of a script. */
  #meanings({ functions }: Table): Map<string, HookPoint[]> {
    const meanings = new Map<string, HookPoint[]>([...functions.keys()].map((key) => [key, []]))
    for (const point of this.#roster.points.values())
      if (point.declared !== undefined) meanings.get(keyOf(point))?.push(point)
    return meanings
  }
}

function keyOf({ scope, name }: HookPoint): string {
  return `${scope}_${name}`
}

/** Read once, so that a getter which throws leaves everything as it was. Own properties hide those of prototypes. */
function functionsOf(script: object): Map<string, AnyProvider> {
  const functions = new Map<string, AnyProvider>()
  let from: object | null = script
  for (
    let depth = 0;
    from !== null && from !== Object.prototype && from !== Function.prototype && depth < MOST_PROTOTYPES;
    depth++
  ) {
    for (const key of Object.getOwnPropertyNames(from)) {
      if (key === 'constructor' || key.startsWith('_') || functions.has(key)) continue
      const value: unknown = Reflect.get(script, key)
      if (typeof value === 'function') functions.set(key, value as AnyProvider)
    }
    from = Object.getPrototypeOf(from)
  }
  return functions
}

function infoOf({ name, functions, wired }: Table): ScriptInfo {
  const hooks = [...wired.values()].map(({ hook }) => hook)
  return { name, hooks, unknown: [...functions.keys()].filter((key) => !wired.has(key)) }
}

function warn(script: string, key: string, found: readonly HookPoint[]): void {
  const why =
    found.length === 0
      ? 'is the name of no hook'
      : `may mean ${found.map(({ fullName }) => fullName).join(' or ')}`
  process.emitWarning(`script ${script}: function ${key} ${why}, it provides nothing`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_HOOK_SCRIPT',
  })
}
