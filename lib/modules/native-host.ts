import type { Backend } from '../backend/backend'
import {
  LoadStep,
  type ModulesBackend,
  type NativeAnswer,
  type NativeModuleFailure,
  type NativeModuleInfo,
  type NativePost,
  PostKind,
} from '../backend/modules'
import { errnoName, errnoNumber, HeddleError, systemError } from '../errors'

/** Of the longest path that the backend takes, in bytes of UTF-8. */
const MAX_PATH_BYTES = 1023
/** That are told before others have their turn. */
const POSTS_AT_ONCE = 256
/** Milliseconds until what failed for want of memory is tried again. */
const AGAIN = 100
const ECANCELED = -errnoNumber('ECANCELED')

/** What native code asks of a module in JavaScript. */
export interface NativeCallee {
  call(hook: number, values: unknown[]): unknown
  log(level: number, text: string, self: number): void
  /** A provider of a hook of its own has failed, of the module `from`, and no caller hears of it. */
  failed(hook: number, from: string, error: HeddleError): void
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
  /** Calls of native code into JavaScript that are in progress. */
  #depth = 0
  /** What is left of the posts will be told. */
  #willTell = false
  /** Counts what native code may call. */
  #published = 0
  #settling: { readonly published: number; readonly promise: Promise<void> } | undefined
  #settlings = 0
  readonly #waiting = new Map<number, () => void>()

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

  /** Loads a library for good; without a name its `heddle_module`. The ERR_DSO codes, ENAMETOOLONG, ENOMEM, ENFILE. */
  open(file: string, name: string): NativeModuleInfo {
    if (Buffer.byteLength(file) > MAX_PATH_BYTES)
      throw new HeddleError('ENAMETOOLONG', `the path ${file} is too long`)
    const opened = this.native.open(file, name)
    if (typeof opened === 'number') throw systemError(opened, 'dlopen', file)
    if ('step' in opened) throw loadError(file, name, opened)
    return opened
  }

  /** `callee` is called from now on, as long as somebody else knows it; then its handles are closed. */
  keep(handles: NativeHandles, callee: NativeCallee): void {
    this.#callees.set(handles.module, new WeakRef(callee))
    this.#forgotten.register(callee, handles, handles)
  }

  /** At once, or when no thread is in its providers any more. */
  close(handles: NativeHandles): void {
    this.#forgotten.unregister(handles)
    handles.undo()
    this.#callees.delete(handles.module)
    const selves = [...handles.selves].reverse()
    const retracted = selves.map((self) => this.retract(self))
    const finish = (): void => {
      for (const self of selves) this.native.release(self)
      this.native.close(handles.module)
    }
    if (retracted.includes(true)) void this.settle().then(finish)
    else finish()
  }

  /** In use from now on: the providers of a hook, as pairs of self and index where all of them are native. */
  publish(module: number, hook: number, providers: number, native?: Int32Array): void {
    this.#published++
    this.native.publish(module, hook, providers, native)
  }

  /** No hook leads directly to the self any more; whether one did. */
  retract(self: number): boolean {
    const did = this.native.retract(self) > 0
    if (did) this.#published++
    return did
  }

  /** Resolves when no thread is in what was published before now and is not any more. All who ask meanwhile wait together. */
  settle(): Promise<void> {
    const published = this.#published
    if (this.#settling?.published === published) return this.#settling.promise
    const promise = new Promise<void>((resolve) => this.#settle(resolve))
    this.#settling = { published, promise }
    return promise
  }

  #settle(resolve: () => void): void {
    const number = ++this.#settlings & 0x7fffffff
    this.#waiting.set(number, resolve)
    if (this.native.settle(number) >= 0) return
    this.#waiting.delete(number)
    setTimeout(() => this.#settle(resolve), AGAIN)
  }

  /** Throws what a call into a module answered, if it failed: with what it noted, and the exception that it met. */
  check({ error, text }: NativeAnswer, what: string): void {
    const failure = error >= 0 ? undefined : this.#failure(error, text, what)
    // What the module has swallowed is nobody's cause.
    if (this.#depth === 0) this.#thrown = undefined
    if (failure !== undefined) throw failure
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
    // -1 is EPERM, and what `fail` answers.
    const isNamed = name !== 'EUNKNOWN' && !(error === -1 && text !== '')
    const reason = text === '' ? (isNamed ? name : `it answered ${error}`) : text
    const code = isNamed ? name : 'ERR_NATIVE_MODULE'
    return new HeddleError(code, `${what}: ${reason}`, cause === undefined ? {} : { cause })
  }

  /** Native code calls a hook with providers in JavaScript, in a call of ours. */
  #call(module: number, hook: number, values: unknown[]): unknown {
    this.#depth++
    try {
      const value = this.#callees.get(module)?.deref()?.call(hook, values)
      this.#status[0] = 0
      return value
    } catch (error) {
      this.#thrown = error
      this.#status[0] = ECANCELED
      return undefined
    } finally {
      this.#depth--
    }
  }

  /** Whoever posts without end must not hold the loop: what is left comes after what else waits there. */
  #posted(): void {
    if (this.#willTell) return
    for (let told = 0; told < POSTS_AT_ONCE; told++) {
      const post = this.native.takePost()
      if (post === undefined) return
      try {
        this.#tell(post)
      } catch (error) {
        this.#backend.uncaught(error)
      }
    }
    this.#willTell = true
    setImmediate(() => {
      this.#willTell = false
      this.#posted()
    })
  }

  #tell({ kind, module, hook, self, from, number, values }: NativePost): void {
    if (kind === PostKind.SETTLED) {
      this.#waiting.get(number)?.()
      this.#waiting.delete(number)
      return
    }
    const callee = this.#callees.get(module)?.deref()
    if (kind === PostKind.CALL) callee?.call(hook, [...values])
    else if (kind === PostKind.LINE) callee?.log(number, String(values[0]), self)
    else callee?.failed(hook, from, this.#failure(number, String(values[0]), `native provider of ${from}`))
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

function loadError(file: string, name: string, failure: NativeModuleFailure): HeddleError {
  const { step, error, version, revision, text } = failure
  switch (step) {
    case LoadStep.SYMBOL: {
      const what = text === '' ? 'no heddle_module' : `the module ${text}, and no ${name}`
      return new HeddleError('ERR_DSO_SYMBOL', `${file} exports ${what}`)
    }
    case LoadStep.VERSION:
      return new HeddleError(
        'ERR_DSO_ABI',
        `${file} was built for ${versionOf(version, revision)} of heddle.h, this is ${ABI} revision ${REVISION}`,
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

/** HEDDLE_API_REVISION. */
export const REVISION = 0

function versionOf(version: number, revision: number): string {
  if (version === ABI && revision > REVISION) return `version ${version} revision ${revision}`
  return version === 0 || version === ABI ? 'another version' : `version ${version}`
}
