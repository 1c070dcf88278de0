import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import { fromNow } from '../eventer/time'
import type { Coroutine } from './coroutine'
import { LazyDeadline } from './lazy-deadline'

/** What a coroutine does: it runs, is about to (native ones), waits somewhere, or is over. (AC-33) */
export type CoroutineState =
  | 'running'
  | 'ready'
  | 'read'
  | 'write'
  | 'accept'
  | 'close'
  | 'sleep'
  | 'asynch'
  | 'gate'
  | 'park'
  | 'ended'

/** How long to wait in a coroutine, and how to stop waiting. */
export interface AcoWaitOptions {
  /** Milliseconds; the wait fails with `ETIME` after that. Undefined and Infinity: no limit. 0: what is there now. */
  readonly timeout?: number | undefined
  /** Its reason is what the wait rejects with; at once if it is aborted already. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A place where one coroutine at a time waits; made once, used for every wait there, so that a wait costs one promise.
 * Whoever owns it settles it when what was waited for has come; the coroutine goes on right after the record in progress.
 *
 * A wait that ends otherwise (time-out, signal, exit, the end of the eventer) calls `dropped`, so that the owner forgets
 * what it asked the backend for; no timer is left then. A wait that was settled may leave its timer armed (see
 * `LazyDeadline`) until the coroutine ends: call `disarm` when the place goes before.
 */
export class WaitPoint<T = void> {
  readonly #dropped: (() => void) | undefined
  readonly #keep = (resolve: (value: T) => void, reject: (error: unknown) => void): void => {
    this.#resolve = resolve
    this.#reject = reject
  }
  #co: Coroutine | undefined
  #promise: Promise<T> | undefined
  #resolve!: (value: T) => void
  #reject!: (error: unknown) => void
  #state: CoroutineState = 'running'
  #deadline: LazyDeadline | undefined
  #signal: AbortSignal | undefined
  #onAbort: (() => void) | undefined

  /** `dropped`: nobody waits any more, for another reason than `resolve` and `reject`. */
  constructor(dropped?: () => void) {
    this.#dropped = dropped
  }

  /** Somebody waits. */
  get busy(): boolean {
    return this.#co !== undefined
  }

  /** What for. */
  get state(): CoroutineState {
    return this.#state
  }

  /**
   * Never throws: rejects with EBUSY while somebody waits, with ERR_INVALID_ARGUMENT for a limit that is none, and with
   * the reason where waiting is over for this coroutine or the signal is aborted. `busy` tells whether it waits.
   */
  begin(co: Coroutine, state: CoroutineState, timeout?: number, signal?: AbortSignal): Promise<T> {
    try {
      if (this.#co !== undefined) throw new HeddleError('EBUSY', `a coroutine waits here already: ${state}`)
      co.assertMayWait()
      if (signal !== undefined) assertNotAborted(signal)
      if (timeout !== undefined && timeout !== Number.POSITIVE_INFINITY) this.#limit(co, timeout)
    } catch (error) {
      return Promise.reject(error)
    }
    if (signal !== undefined) this.#watch(signal)
    this.#co = co
    this.#state = state
    co.waits(this)
    this.#promise = new Promise<T>(this.#keep)
    return this.#promise
  }

  /** What was waited for has come. Nothing happens when nobody waits. */
  resolve(value: T): void {
    const co = this.#co
    if (co === undefined) return
    this.#over()
    this.#resolve(value)
    co.resumes(this)
  }

  /** It has failed. Nothing happens when nobody waits. */
  reject(error: unknown): void {
    const co = this.#co
    if (co === undefined) return
    this.#over()
    this.#reject(error)
    co.resumes(this)
  }

  /** Waiting is over for the coroutine as a whole: a wait beside its code, which nobody awaits, need not be heard of. */
  abandon(error: unknown): void {
    this.#promise?.catch(ignore)
    this.#drop(error)
  }

  /** The place goes: no timer is left. */
  disarm(): void {
    this.#deadline?.disarm()
  }

  #drop(error: unknown): void {
    if (this.#co === undefined) return
    this.reject(error)
    this.disarm()
    this.#dropped?.()
  }

  #over(): void {
    this.#co = undefined
    this.#promise = undefined
    this.#deadline?.clear()
    if (this.#signal !== undefined) this.#unwatch(this.#signal)
  }

  #watch(signal: AbortSignal): void {
    this.#onAbort ??= () => this.#drop(this.#signal?.reason)
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort)
  }

  #unwatch(signal: AbortSignal): void {
    this.#signal = undefined
    signal.removeEventListener('abort', this.#onAbort as () => void)
  }

  #limit(co: Coroutine, timeout: number): void {
    if (typeof timeout !== 'number' || !(timeout >= 0))
      throw invalid('timeout', 'is a number of milliseconds', timeout)
    this.#deadline ??= new LazyDeadline(() => this.#drop(timedOut(this.#state)))
    this.#deadline.set(co, fromNow(timeout))
  }
}

function timedOut(state: CoroutineState): HeddleError {
  return new HeddleError('ETIME', `${state} timed out`)
}

function assertNotAborted(signal: AbortSignal): void {
  if (!(signal instanceof AbortSignal)) throw invalid('signal', 'is an AbortSignal', signal)
  signal.throwIfAborted()
}

function ignore(): void {}
