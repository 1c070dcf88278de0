import { invalid } from '../arguments'
import { HeddleError } from '../errors'

/** Longest delay of Node's timers; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** How long to wait, and how to stop waiting. */
export interface WaitOptions {
  /**
   * Milliseconds; the wait fails with `ETIME` after that. 0 and undefined mean no limit. ERR_INVALID_ARGUMENT for
   * anything below 0: a time that was calculated and is over must not become one without end.
   */
  readonly timeout?: number | undefined
  /** Its reason is what the wait rejects with; at once if it is aborted already. */
  readonly signal?: AbortSignal | undefined
}

/** Absolute form of `timeout`, so that several waits can share one budget. */
export function deadlineOf(options: { readonly timeout?: number | undefined } | undefined): number {
  const timeout = options?.timeout
  if (timeout === undefined || timeout === 0) return Infinity
  if (typeof timeout === 'number' && timeout > 0) return performance.now() + timeout
  throw invalid('timeout', 'is a number of milliseconds', timeout)
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
    else this.#timer = setTimeout(() => this.#arm(what, deadline), Math.min(left, MAX_DELAY_MS))
  }

  #detach(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#timer = undefined
  }
}

/** `work`, as long as deadline and signal allow; it goes on unheard after that. */
export async function within<T>(
  work: Promise<T>,
  what: string,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  const limit = new Waiter(what, deadline, signal)
  const over = (): void => limit.resolve()
  work.then(over, over)
  await limit.promise
  return work
}
