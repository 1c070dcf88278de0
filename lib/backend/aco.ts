/**
 * What lib/aco needs of native coroutines: procedures of native modules, which run on stacks of their own over a loop.
 * Only the native backend has them; on the other `Backend.aco` and `Engine.aco` are undefined, and
 * `capabilities.nativeCoroutines` is false.
 *
 * Calls return a non-negative number on success and a negative errno on failure; -EBADF: the engine is closed. Thread
 * rule: an engine's are for its own isolate; no JavaScript runs inside a coroutine, whose ends and mishaps come as
 * records (`In.ACO_…`).
 */

import type { ListenSpec, AddressInfo } from './backend'

/** How far loading a module has come when it failed. */
export const AcoStep = { OPEN: 1, SYMBOL: 2, VERSION: 3, REGISTER: 4 } as const

/** Why a module is not loaded. */
export interface AcoLoadFailure {
  /** Of `AcoStep`. */
  readonly step: number
  /** Of OPEN a negative errno, -ENOEXEC with the linker's own `text`; of REGISTER what the module answered. */
  readonly error: number
  readonly text: string
}

/** How a coroutine ended. */
export const AcoOutcome = {
  EXITED: 0,
  /** It needed more stack than it may have. */
  OVERFLOWED: 1,
  /** The loop ended before it had begun. */
  DESTROYED: 2,
} as const

/** What went wrong. */
export const AcoTrouble = {
  /** A coroutine needed more stack than it may have; ACO_ENDED follows if this isolate started it. */
  OVERFLOW: 0,
  /** It ended inside a section of safe memory, which was left for it. */
  SECTION_LEAK: 1,
  /** It freed an event with its descriptor open. */
  FREED_OPEN: 2,
  /** A listener's procedure returned without closing its connection: it was done for it. Once for each listener. */
  NOT_CLOSED: 3,
  /** A listener could not accept or serve a client; it goes on by itself. */
  ACCEPT_FAILED: 4,
} as const

/** Places in what `AcoEngine.stats` writes. */
export const AcoCell = {
  SWITCHES: 0,
  COPIES_IN: 1,
  COPIES_OUT: 2,
  BYTES_COPIED: 3,
  SAVE_BYTES: 4,
  MAX_STACK_SEEN: 5,
  LIVE: 6,
  OVERFLOWS: 7,
  EVENTS: 8,
} as const
export const ACO_CELLS = 9

/** The stack of a coroutine. */
export interface AcoStackSpec {
  /** Needing more ends it. Above what a shared stack has it gets one of its own. */
  readonly maxStackBytes: number
  /** A stack that is never copied. */
  readonly ownStack?: boolean
  /** Changes of the floating-point control words stay inside. */
  readonly keepsFloatingControl?: boolean
}

export interface AcoListenSpec extends ListenSpec, AcoStackSpec {}

/** A live coroutine. */
export interface AcoTask {
  readonly id: number
  /** Of its procedure. */
  readonly name: string
  readonly state: string
  readonly ageMs: number
  /** In use at its last wait. */
  readonly stackBytes: number
}

/** Of the process. Any isolate. */
export interface AcoBackend {
  /** Loads a native module for good: undefined, or why not. The path has a slash in it. */
  load(path: string): AcoLoadFailure | undefined
  /** Nanoseconds of a resume with its yield, on average over so many; below 0 without memory. */
  switchNs(iterations: number): number
}

/** Of one loop. */
export interface AcoEngine {
  /** The stacks that its coroutines share, before the first of them. -EALREADY, -EINVAL, -ENOMEM. */
  setStacks(count: number, bytes: number): number
  /**
   * Runs a registered procedure until its first wait; the argument is copied. The coroutine's id, of whose end ACO_ENDED
   * tells; -ENOENT: there is no such procedure; -ENFILE; -ENOMEM.
   */
  start(procedure: string, argument: Uint8Array | undefined, stack: AcoStackSpec): number
  /** Its wait, and every later one, returns -ECANCELED. -ESRCH. */
  cancel(id: number): number
  /** Gives it a value for its park. -ESRCH; -EALREADY: it has one. */
  unpark(id: number, value: bigint): number
  /** -ESRCH. */
  describe(id: number): AcoTask | number
  list(): AcoTask[] | number
  /** Writes `ACO_CELLS` numbers; 0: nothing was ever started. */
  stats(into: Float64Array): number
  /** Whether each resume is a record. */
  reportResumes(on: boolean): number
  /** The name that a record carries as a number. */
  name(index: number): string

  /** Serves each connection with a coroutine of the procedure. A handle, or a negative errno. */
  listen(procedure: string, spec: AcoListenSpec): number
  listenerAddress(listener: number): AddressInfo | undefined | number
  /** Coroutines that serve connections of it. */
  listenerConnections(listener: number): number
  /** Ends accepting; connections stay. */
  listenerClose(listener: number): number
}
