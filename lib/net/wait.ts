import { HeddleError } from '../errors'

/** How long to wait, and how to stop waiting. */
export interface WaitOptions {
  /** Milliseconds; the wait fails with `ETIME` after that. 0 and undefined mean no limit. */
  readonly timeout?: number
  /** Its reason is what the wait rejects with. */
  readonly signal?: AbortSignal
}

/** Absolute form of `timeout`, so that several waits can share one budget. */
export function deadlineOf(options: WaitOptions | undefined): number {
  const timeout = options?.timeout
  return timeout === undefined || timeout <= 0 ? Infinity : performance.now() + timeout
}

/** One promise with a deadline and a signal. Settling twice is harmless. */
export class Waiter {
  readonly promise: Promise<void>
  #resolve!: () => void
  #reject!: (reason: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.reject(this.#signal?.reason)

  /** `what` names the wait in the message of ETIME. */
  constructor(what: string, deadline: number, signal?: AbortSignal) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (signal?.aborted) {
      this.#reject(signal.reason)
      return
    }
    if (signal !== undefined) {
      this.#signal = signal
      signal.addEventListener('abort', this.#onAbort, { once: true })
    }
    if (deadline !== Infinity) this.#arm(what, deadline)
  }

  resolve(): void {
    this.#detach()
    this.#resolve()
  }

  reject(reason: unknown): void {
    this.#detach()
    this.#reject(reason)
  }

  /** Timers of Node count from the start of their loop's iteration and so may fire early: look, and wait again. */
  #arm(what: string, deadline: number): void {
    const left = deadline - performance.now()
    if (left <= 0) this.reject(new HeddleError('ETIME', `${what} timed out`))
    else this.#timer = setTimeout(() => this.#arm(what, deadline), left)
  }

  #detach(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#timer = undefined
  }
}
