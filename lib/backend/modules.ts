/**
 * What lib/modules needs of native modules: shared libraries that export a `struct heddle_module`
 * (native/include/heddle/module.h). Only the native backend has them; on the other `Backend.modules` is undefined, and
 * `capabilities.nativeModules` is false.
 *
 * Modules and selves have handles, above 0; what is called with one that is gone answers -EBADF. Calls return a
 * non-negative number on success and a negative errno on failure. Thread rule: handles are the isolate's own.
 */

/** How far loading a module has come when it failed. */
export const LoadStep = { OPEN: 1, SYMBOL: 2, VERSION: 3, REGISTER: 4, MODULE: 5 } as const

/** Why a module is not loaded. */
export interface NativeModuleFailure {
  /** Of `LoadStep`. */
  readonly step: number
  /** Of OPEN a negative errno, -ENOEXEC with the linker's own `text`; of REGISTER what the module answered. */
  readonly error: number
  /** Of VERSION that for which the module was built; 0: it did not say. */
  readonly version: number
  readonly revision: number
  /** Of SYMBOL the name of the module that it does export, or nothing. */
  readonly text: string
}

/** What a library exports. */
export interface NativeModuleInfo {
  readonly module: number
  readonly name: string
  readonly description: string
  readonly singleton: boolean
  readonly hasControl: boolean
}

/** What a phase answered: below 0 it has failed, and `text` is what it noted. */
export interface NativeAnswer {
  readonly error: number
  readonly text: string
}

/** Types of values, as in the header. */
export const ValueType = {
  NONE: 0,
  INT64: 1,
  DOUBLE: 2,
  BOOL: 3,
  TEXT: 4,
  BYTES: 5,
  UINT64: 6,
  OTHER: 7,
} as const

/** An option that a module has declared; its slot is its place in the list. */
export interface NativeOption {
  readonly name: string
  /** Of `ValueType`. */
  readonly type: number
  readonly isArray: boolean
  readonly notTunableOnline: boolean
  readonly scopes: string | undefined
  readonly default: string | undefined
  readonly hasValidate: boolean
}

export const NativeHookKind = { VOID: 0, NON_ZERO: 1, FIRST: 2 } as const

/** A hook that a module has declared; its number is its place in the list. */
export interface NativeHookNames {
  readonly scope: string
  readonly name: string
  /** Of `NativeHookKind`. */
  readonly kind: number
}

/** What a phase wants to provide; its index is its place in the list. */
export interface NativeProvision {
  readonly scope: string
  readonly name: string
  readonly first: boolean
}

export const PostKind = { CALL: 0, LINE: 1, FAILURE: 2, SETTLED: 3 } as const

/** What a thread has left for the isolate. */
export interface NativePost {
  /** Of `PostKind`: a call of a hook, a line of the log, a provider of a hook that has failed, see `settle`. */
  readonly kind: number
  readonly module: number
  /** Of a call or a failure, else -1. */
  readonly hook: number
  /** Whose line, or whose provider; it may have been released. */
  readonly self: number
  /** The name of the module of that self. */
  readonly from: string
  /** The level of a line, the negative errno of a failure, the number of `settle`. */
  readonly number: number
  /** The arguments of a call; the text of a line or a failure. */
  readonly values: readonly unknown[]
}

/** JavaScript's part. */
export interface ModuleCallbacks {
  /** Runs the providers of a module's hook. When it fails it says so in the status of `connect`. */
  call(module: number, hook: number, values: unknown[]): unknown
  /** There are posts. */
  posted(): void
}

/** Of the isolate. */
export interface ModulesBackend {
  /**
   * Before anything else, once in an isolate: who is called. `status` holds the errno of the last `runProvider`, or 0; the
   * callbacks put theirs there too. -EALREADY; -ENOMEM.
   */
  connect(callbacks: ModuleCallbacks, status: Int32Array): number
  /**
   * Loads a library for good, and finds its module of that name, without one that which it exports as heddle_module. The path
   * has a slash in it. -ENOMEM, -ENFILE.
   */
  open(path: string, name: string): NativeModuleInfo | NativeModuleFailure | number
  /** Its selves stay. */
  close(module: number): number
  /** A handle; `name` is that of its stanza. -ENOMEM, -ENFILE. */
  make(module: number, name: string): number
  /** Let go of: the module's code may still hold it. Destroys it first. */
  release(self: number): number

  confSetup(self: number): NativeAnswer
  /** -1, the privileged INIT and so on as in the header. `values`: of each slot those of the configuration. */
  extInit(self: number, mode: number, privileged: boolean, values?: readonly unknown[][]): NativeAnswer
  /** The values of the last `extInit` come into use, or are dropped. */
  activate(self: number): number
  discard(self: number): number
  /** The last call, once, if it has begun: DESTROY, of a singleton EXIT. */
  destroy(self: number): NativeAnswer
  control(self: number, command: string, xml: boolean): NativeAnswer & { readonly output: string }
  validate(self: number, slot: number, values: readonly unknown[]): NativeAnswer

  /** As long as the texts of the module are there: directly after the phase that declared them. */
  options(module: number): NativeOption[]
  hooks(module: number): NativeHookNames[]
  /** Those from that index on. */
  provisions(self: number, from: number): NativeProvision[]
  /** The provider's value; when it fails undefined, with the errno in the status and the text in `failure`. */
  runProvider(self: number, index: number, values: readonly unknown[]): unknown
  /** What the last provider noted that failed. */
  failure(): string
  /**
   * In use from now on: so many providers of a hook; all of them native, as pairs of self and index, they are called without
   * coming here. -ENOMEM: they are, through here.
   */
  publish(module: number, hook: number, providers: number, native?: Int32Array): number
  /** No hook has the self as a native provider any more, but by way of here. 1: one did, and a thread may be in it; else 0. */
  retract(self: number): number
  /**
   * When no thread can be in a hook any more as it was published or retracted before, a post comes with the number. -ENOMEM;
   * -EBADF: the isolate ends.
   */
  settle(number: number): number
  /** The oldest post. */
  takePost(): NativePost | undefined
}
