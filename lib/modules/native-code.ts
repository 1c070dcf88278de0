import { NativeHookKind, type NativeHookNames, type NativeOption, ValueType } from '../backend/modules'
import { HeddleError } from '../errors'
import type { OptionDef, OptionSlot, OptionType } from '../config'
import type { HookRegistry } from '../hooks'
import type { Infrastructure } from './infrastructure'
import type { InitFlags, ModuleTransaction } from './module-def'
import { type NativeCallee, NativeHandles, type NativeHost } from './native-host'
import type { SetupContext } from './setup-context'

interface AnyHook {
  call(...values: unknown[]): unknown
}

const MODES = { init: 1, postinit: 2 } as const
/** Of the elements of an array, as the backend takes them. */
const MAX_VALUES = 65_536
const LEVELS = ['debug', 'debug', 'info', 'warning', 'error'] as const
const TYPES: Readonly<Record<number, OptionType>> = {
  [ValueType.INT64]: 'int',
  [ValueType.UINT64]: 'uint64',
  [ValueType.DOUBLE]: 'float',
  [ValueType.BOOL]: 'bool',
  [ValueType.TEXT]: 'string',
}

/**
 * The native code of one module, behind the functions of a module in JavaScript: carries phases, options, hooks and commands
 * from one side to the other. What native code declares in a phase is registered when that has returned, in the same window.
 *
 * Thread rule: the isolate of its Modules.
 */
export class NativeCode implements NativeCallee {
  readonly #host: NativeHost
  readonly #name: string
  readonly #isSingleton: boolean
  readonly #handles: NativeHandles
  readonly #selves = new WeakMap<Infrastructure, NativeObject>()
  /** By their handles, for what threads have left. */
  readonly #bySelf = new Map<number, Infrastructure>()
  #slots: readonly OptionSlot[] = []
  #names: readonly NativeHookNames[] = []
  #hooks: readonly AnyHook[] = []
  /** The object that the module was set up with. */
  #first: Infrastructure | undefined

  constructor(host: NativeHost, module: number, name: string, isSingleton: boolean) {
    this.#host = host
    this.#name = name
    this.#isSingleton = isSingleton
    this.#handles = new NativeHandles(module)
    host.keep(this.#handles, this)
  }

  confSetup(self: Infrastructure, setup: SetupContext): void {
    const object = this.#make(self)
    this.#first = self
    const { native } = this.#host
    this.#host.check(native.confSetup(object.handle), 'conf_setup')
    this.#names = native.hooks(this.#handles.module)
    this.#hooks = this.#names.map((names, number) => this.#declare(self, names, number))
    const options = native.options(this.#handles.module)
    this.#slots = options.map((option, slot) => {
      return setup.registerOption(this.#optionDef(object, option, slot))
    })
    this.#provide(self, object)
  }

  extInit(self: Infrastructure, txn: ModuleTransaction, flags: InitFlags): undefined {
    if (flags.mode === 'destroy') return this.end(self, 'HEDDLE_DESTROY')
    const object = this.#make(self)
    const { native } = this.#host
    const values = this.#slots.map((slot) => fetch(self, txn, slot))
    const answer = native.extInit(object.handle, MODES[flags.mode], flags.privileged, values)
    if (answer.error < 0) native.discard(object.handle)
    this.#host.check(answer, 'ext_init')
    this.#provide(self, object)
    this.#activate(object, txn.hookRegistry)
    return undefined
  }

  /** The command's answer; it may have failed halfway. */
  control(self: Infrastructure, command: string, xml: boolean): { output: string; failed: () => void } {
    const answer = this.#host.native.control(this.#known(self).handle, command, xml)
    return { output: answer.output, failed: () => this.#host.check(answer, 'control') }
  }

  /** Resolves when no thread is in its providers any more; undefined: none can be. */
  leave(self: Infrastructure): Promise<void> | undefined {
    const object = this.#selves.get(self)
    if (object?.isPublished !== true) return undefined
    this.#host.retract(object.handle)
    return this.#host.settle()
  }

  /** The last call of an object, once, after `leave`. */
  end(self: Infrastructure, mode: string): undefined {
    const object = this.#selves.get(self)
    if (object === undefined) return
    const { handle } = object
    object.isOver = true
    const answer = this.#host.native.destroy(handle)
    this.#selves.delete(self)
    this.#bySelf.delete(handle)
    this.#handles.selves.delete(handle)
    this.#host.native.release(handle)
    this.#host.check(answer, mode)
  }

  // --- called by native code

  call(hook: number, values: unknown[]): unknown {
    return this.#hooks[hook]?.call(...values)
  }

  log(level: number, text: string, self: number): void {
    const from = this.#bySelf.get(self) ?? this.#first
    from?.log(LEVELS[level] ?? 'error', text)
  }

  failed(hook: number, from: string, error: HeddleError): void {
    const names = this.#names[hook]
    if (names !== undefined) this.#first?.hooks.failed(names.scope, names.name, from, error)
  }

  // --- phases

  /** ERR_RELEASED: it was destroyed, or has never begun. */
  #known(self: Infrastructure): NativeObject {
    const known = this.#selves.get(self)
    if (known !== undefined) return known
    throw new HeddleError('ERR_RELEASED', `module ${self.id}: its object is gone`)
  }

  #make(self: Infrastructure): NativeObject {
    const known = this.#selves.get(self)
    if (known !== undefined) return known
    const handle = this.#host.native.make(this.#handles.module, self.id)
    if (handle < 0) throw new HeddleError('ENOMEM', `module ${self.id}: there is no memory for it`)
    const made = new NativeObject(handle)
    this.#handles.selves.add(handle)
    this.#selves.set(self, made)
    this.#bySelf.set(handle, self)
    return made
  }

  #declare(self: Infrastructure, { scope, name, kind }: NativeHookNames, number: number): AnyHook {
    const hook: AnyHook =
      kind === NativeHookKind.VOID
        ? self.hooks.declareVoid<unknown[]>(scope, name, { callable: true })
        : self.hooks.declare<unknown[], unknown>(scope, name, {
            callable: true,
            default: undefined,
            onReturn: kind === NativeHookKind.FIRST ? returnFirst : returnSomething,
          })
    this.#watch(self, scope, name, number)
    return hook
  }

  /** Native code that calls a hook whose providers are all native gets them directly. */
  #watch(self: Infrastructure, scope: string, name: string, hook: number): void {
    const host = this.#host
    const { module } = this.#handles
    const unwatch = self.hooks.watchProviders(scope, name, (functions) => {
      const places = functions.map((fn) => providers.get(fn))
      if (!places.every((place) => place !== undefined)) {
        host.publish(module, hook, functions.length)
        return
      }
      for (const { object } of places) object.isPublished = true
      const pairs = Int32Array.from(places.flatMap(({ object, index }) => [object.handle, index]))
      host.publish(module, hook, functions.length, pairs)
    })
    this.#handles.watches.add(unwatch)
  }

  #optionDef(object: NativeObject, option: NativeOption, slot: number): OptionDef {
    const { name, type, isArray, notTunableOnline, scopes, hasValidate } = option
    const own = this.#isSingleton ? `[${this.#name}]` : this.#name
    const def = {
      name,
      type: TYPES[type] as OptionType,
      fallback: scopes ?? own,
      flags: { isArray, notTunableOnline },
      ...(option.default === undefined ? {} : { default: option.default }),
    }
    if (!hasValidate) return def
    const validate = ({ value }: { readonly value: unknown }): boolean => {
      this.#host.check(this.#host.native.validate(object.handle, slot, asArray(value)), name)
      return true
    }
    return { ...def, validate }
  }

  /** What the phase has asked for. */
  #provide(self: Infrastructure, object: NativeObject): void {
    const { native } = this.#host
    for (const { scope, name, first } of native.provisions(object.handle, object.provided)) {
      const index = object.provided++
      const provider = this.#provider(object, index, `${scope}.${name}`)
      providers.set(provider, { object, index })
      self.hooks.register(scope, name, first ? 'first' : 'last', provider, self)
    }
  }

  #provider(
    object: NativeObject,
    index: number,
    hook: string,
  ): (self: unknown, ...values: unknown[]) => unknown {
    const host = this.#host
    const { handle } = object
    const what = `${this.#name}: native provider of ${hook}`
    // Of what has ended there is nothing to provide, whoever still has it in a list.
    return (_self, ...values) => (object.isOver ? undefined : host.run(handle, index, values, what))
  }

  /** The values that `extInit` was given come into use with their configuration: at once where there are none before. */
  #activate(object: NativeObject, registry: HookRegistry): void {
    const { native } = this.#host
    const { handle } = object
    if (!this.#isSingleton || !object.hasValues || registry.state === 'current') {
      object.hasValues = true
      native.activate(handle)
      return
    }
    registry.whenSettled((isActive) => {
      if (isActive) native.activate(handle)
      else native.discard(handle)
    })
  }
}

/** One object of a module, in native code. */
class NativeObject {
  /** Providers that were registered. */
  provided = 0
  hasValues = false
  /** Native code may be calling its providers, on any thread. */
  isPublished = false
  isOver = false

  constructor(readonly handle: number) {}
}

/** Where the functions that stand for native providers lead. */
const providers = new WeakMap<object, { readonly object: NativeObject; readonly index: number }>()

function fetch(self: Infrastructure, txn: ModuleTransaction, slot: OptionSlot): unknown[] {
  const fetched = self.fetchAtInit(txn, slot)
  try {
    return asArray(fetched.value)
  } finally {
    fetched.release()
  }
}

/** E2BIG. */
function asArray(value: unknown): unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) return [value]
  if (value.length <= MAX_VALUES) return value
  throw new HeddleError('E2BIG', `an array of a native module has at most ${MAX_VALUES} values`)
}

function returnFirst(value: unknown, ret: (value: unknown) => void): void {
  ret(value)
}

/** As native code understands it: neither 0, false, "" nor nothing. */
function returnSomething(value: unknown, ret: (value: unknown) => void): void {
  if (value !== undefined && value !== null && value !== 0 && value !== 0n && value !== false && value !== '')
    ret(value)
}
