import type { Backend } from '../backend/backend'
import {
  LoadStep,
  type ModulesBackend,
  type NativeAnswer,
  type NativeModuleFailure,
  type NativeModuleInfo,
} from '../backend/modules'
import { errnoName, errnoNumber, HeddleError, systemError } from '../errors'

/** Of the longest path that the backend takes, in bytes of UTF-8. */
const MAX_PATH_BYTES = 1023
const ECANCELED = -errnoNumber('ECANCELED')

/** What native code asks of a module in JavaScript. */
export interface NativeCallee {
  call(hook: number, values: unknown[]): unknown
  log(level: number, text: string): void
  settled(self: number): void
}

/**
 * The native modules of an isolate: the one place that native code calls, on the isolate's thread. Modules are found by their
 * handles and held weakly: a module that nobody knows any more is called by nobody.
 */
export class NativeHost {
  readonly native: ModulesBackend
  readonly #backend: Backend
  /** Written by native code: the errno of the last provider; by us: that of the last call of a hook. */
  readonly #status = new Int32Array(1)
  readonly #callees = new Map<number, WeakRef<NativeCallee>>()
  /** Modules that nobody knows any more. */
  readonly #forgotten = new FinalizationRegistry<NativeHandles>((handles) => this.close(handles))
  /** What a provider in JavaScript threw, until the native code that called it has failed as well. */
  #thrown: unknown

  /** That of the backend. ERR_NATIVE_REQUIRED, ENOMEM. */
  static of(backend: Backend): NativeHost {
    const known = hosts.get(backend)
    if (known !== undefined) return known
    const made = new NativeHost(backend)
    hosts.set(backend, made)
    return made
  }

  private constructor(backend: Backend) {
    const { modules } = backend
    if (modules === undefined)
      throw new HeddleError('ERR_NATIVE_REQUIRED', 'native modules need the native backend')
    this.native = modules
    this.#backend = backend
    const connected = modules.connect(
      { call: (module, hook, values) => this.#call(module, hook, values), posted: () => this.#posted() },
      this.#status,
    )
    if (connected < 0) throw systemError(connected, 'native modules')
  }

  /** Loads a library for good. The ERR_DSO codes, ENAMETOOLONG, ENOMEM, ENFILE. */
  open(file: string, name: string): NativeModuleInfo {
    if (Buffer.byteLength(file) > MAX_PATH_BYTES)
      throw new HeddleError('ENAMETOOLONG', `the path ${file} is too long`)
    const opened = this.native.open(file, name)
    if (typeof opened === 'number') throw systemError(opened, 'dlopen', file)
    if ('step' in opened) throw loadError(file, opened)
    return opened
  }

  /** `callee` is called from now on, as long as somebody else knows it; then its handles are closed. */
  keep(handles: NativeHandles, callee: NativeCallee): void {
    this.#callees.set(handles.module, new WeakRef(callee))
    this.#forgotten.register(callee, handles, handles)
  }

  close(handles: NativeHandles): void {
    this.#forgotten.unregister(handles)
    handles.undo()
    for (const self of handles.selves) this.native.release(self)
    handles.selves.clear()
    if (this.#callees.delete(handles.module)) this.native.close(handles.module)
  }

  /** Throws what a call into a module answered, if it failed: with what it noted, and the exception that it met. */
  check({ error, text }: NativeAnswer, what: string): void {
    if (error >= 0) return
    throw this.#failure(error, text, what)
  }

  /** Runs a provider. What it answered below 0 is thrown. */
  run(self: number, index: number, values: unknown[], what: string): unknown {
    const status = this.#status
    status[0] = 0
    const value = this.native.runProvider(self, index, values)
    const error = status[0] as number
    if (error === 0) return value
    status[0] = 0
    throw this.#failure(error, this.native.failure(), what)
  }

  #failure(error: number, text: string, what: string): HeddleError {
    const cause = error === ECANCELED ? this.#thrown : undefined
    this.#thrown = undefined
    const name = errnoName(error)
    const isNamed = error !== -1 && name !== 'EUNKNOWN'
    const reason = text === '' ? (isNamed ? name : `it answered ${error}`) : text
    const code = isNamed ? name : 'ERR_NATIVE_MODULE'
    return new HeddleError(code, `${what}: ${reason}`, cause === undefined ? {} : { cause })
  }

  /** Native code calls a hook with providers in JavaScript, in a call of ours. */
  #call(module: number, hook: number, values: unknown[]): unknown {
    try {
      const value = this.#callees.get(module)?.deref()?.call(hook, values)
      this.#status[0] = 0
      return value
    } catch (error) {
      this.#thrown = error
      this.#status[0] = ECANCELED
      return undefined
    }
  }

  /** Those that come meanwhile ring again. */
  #posted(): void {
    for (let post = this.native.takePost(); post !== undefined; post = this.native.takePost()) {
      const callee = this.#callees.get(post.module)?.deref()
      if (callee === undefined) continue
      try {
        if (post.hook >= 0) callee.call(post.hook, [...post.values])
        else if (post.level === 0) callee.settled(post.values[0] as number)
        else callee.log(post.level, String(post.values[0]))
      } catch (error) {
        this.#backend.uncaught(error)
      }
    }
  }
}

/** What is to be let go of when a module is forgotten. */
export class NativeHandles {
  readonly selves = new Set<number>()
  /** They end what watches the providers of its hooks. */
  readonly watches = new Set<() => void>()

  constructor(readonly module: number) {}

  undo(): void {
    for (const unwatch of this.watches) unwatch()
    this.watches.clear()
  }
}

const hosts = new WeakMap<Backend, NativeHost>()

function loadError(file: string, failure: NativeModuleFailure): HeddleError {
  const { step, error, version, text } = failure
  switch (step) {
    case LoadStep.SYMBOL:
      return new HeddleError('ERR_DSO_SYMBOL', `${file} exports no heddle_module`)
    case LoadStep.VERSION:
      return new HeddleError(
        'ERR_DSO_ABI',
        `${file} was built for ${versionOf(version)} of heddle.h, this is ${ABI}`,
      )
    case LoadStep.REGISTER:
      return new HeddleError('ERR_DSO_REGISTER', `heddle_register of ${file} answered ${errnoName(error)}`)
    case LoadStep.MODULE:
      return new HeddleError('ERR_MODULE_DEF', `${file}: ${text}`)
    default:
      // Whoever could open the file gets the linker's own words.
      return text === '' ? systemError(error, 'dlopen', file) : new HeddleError('ERR_DSO_LOAD', text)
  }
}

/** HEDDLE_API_VERSION; a test compares it with the header. */
export const ABI = 1

function versionOf(version: number): string {
  return version === 0 || version === ABI ? 'another version' : `version ${version}`
}
