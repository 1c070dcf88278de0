import { HeddleError } from '../errors'
import type { AsynchEvent } from '../eventer/asynch-event'
import type { Loop } from '../eventer/loop'
import { type AsynchPlace, type PreparedCall, prepare, prepareEvent } from './asynch-call'
import type { JobTarget } from '../jobq/targets'
import { current } from './current'
import { type AcoWaitOptions, WaitPoint } from './wait-point'

/**
 * Collects asynchronous calls, so that one wait is for all of them. Any code of the isolate may add calls; whoever waits
 * is resumed. (AC-24)
 */
export class Gate {
  readonly #loop: Loop
  readonly #wait = new WaitPoint()
  #pending = 0
  #used = false
  #failure: { readonly error: unknown } | undefined

  /** @internal See `aco.gate`. */
  constructor(loop: Loop) {
    this.#loop = loop
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
      return this.add(prepare(this.#loop, target, arg, place, false)) as Promise<T>
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

  /** The same with an asynchronous event, as `co.runAsynch`. (AC-20, AC-24) */
  runAsynch(event: AsynchEvent, place: AsynchPlace = {}): Promise<unknown> {
    try {
      return this.add(prepareEvent(this.#loop, event, place, (ended) => ended.value))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @internal A call that is refused does not count; one that cannot be made is over at once. */
  add(prepared: PreparedCall): Promise<unknown> {
    if (this.#used) throw new HeddleError('ERR_GATE_USED')
    let refused = false
    const result = new Promise<unknown>((resolve, reject) => {
      refused = prepared.submit(resolve, reject) === undefined
    })
    if (refused) return Promise.resolve(false)
    this.#pending++
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
