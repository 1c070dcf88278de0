import { HeddleError } from '../errors'
import { type AsynchPlace, type PreparedCall, prepare, settling, type UsualRunners } from './asynch-call'
import type { JobTarget } from '../jobq/targets'
import { current } from './current'
import { type AcoWaitOptions, WaitPoint } from './wait-point'

/**
 * Collects asynchronous calls, so that one wait is for all of them. Any code of the isolate may add calls; whoever waits
 * is resumed. (AC-24)
 */
export class Gate {
  readonly #usual: UsualRunners
  readonly #wait = new WaitPoint()
  #pending = 0
  #used = false
  #failure: { readonly error: unknown } | undefined

  /** @internal See `aco.gate`. */
  constructor(usual: UsualRunners) {
    this.#usual = usual
  }

  /** Calls that are not over. */
  get pending(): number {
    return this.#pending
  }

  /**
   * Starts a call and does not wait: the promise is for its result, and may be ignored. With `try` it is false, and the
   * gate does not count the call, when the queue has as many waiting as it may. ERR_GATE_USED.
   */
  asynch<T = unknown>(target: JobTarget, arg?: unknown, place: AsynchPlace = {}): Promise<T> {
    try {
      return this.add(prepare(this.#usual, target, arg, place, false)) as Promise<T>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Waits until all calls are over; at once if there are none. Then it fails with the error of the first one that failed.
   * Once only, ERR_GATE_USED, except after a time-out or an abort. ERR_NOT_IN_ACO, ETIME.
   */
  async wait(options: AcoWaitOptions = {}): Promise<void> {
    const co = current.coroutine
    if (co === undefined) throw new HeddleError('ERR_NOT_IN_ACO', 'wait is called outside of a coroutine')
    if (this.#used || this.#wait.busy) throw new HeddleError('ERR_GATE_USED')
    if (this.#pending > 0) await this.#wait.begin(co, 'gate', options.timeout, options.signal)
    this.#used = true
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** @internal */
  add(prepared: PreparedCall): Promise<unknown> {
    if (this.#used) throw new HeddleError('ERR_GATE_USED')
    const { runner, trying } = prepared
    if (trying && runner.isFull) return Promise.resolve(false)
    this.#pending++
    const result = new Promise<unknown>((resolve, reject) => {
      runner.submit(settling(prepared, resolve, reject))
    })
    result.then(
      () => this.#over(),
      (error: unknown) => {
        this.#failure ??= { error }
        this.#over()
      },
    )
    return result
  }

  #over(): void {
    this.#pending--
    if (this.#pending === 0) this.#wait.resolve()
  }
}
