import type { LocatedTarget } from '../jobq/targets'

/** One call, as a runner gets it. It is settled once, on the isolate that submitted it. */
export interface AsynchCall {
  readonly target: LocatedTarget
  readonly arg: unknown
  /** `work` and `cleanup` are to be run, with the phase as the first argument. */
  readonly phased: boolean
  /** Fair turns among those of one queue. */
  readonly subqueue: bigint
  /** Loop milliseconds; a call that has not begun by then does not run, and is rejected with ETIME. */
  readonly deadline: number
  resolve(value: unknown): void
  reject(error: unknown): void
}

/**
 * Runs asynchronous calls elsewhere: the seam between coroutines and what executes their blocking work. Today queues of
 * worker threads implement it (`WorkerQueue`).
 */
export interface AsynchRunner {
  readonly name: string
  /** As many calls wait as may; a call with `try` is not submitted then. */
  readonly isFull: boolean
  submit(call: AsynchCall): void
  /** Nobody waits for the call any more: it need not run if it has not begun. */
  withdraw(call: AsynchCall): void
}
