import type { HeddleError } from '../errors'
import { Waiter } from '../net/wait'
import type { Exchange } from './exchange'

/** What only streamed and late responses need. */
export class ResponseSide {
  exchange: Exchange | undefined = undefined
  /** Body bytes of a streamed response so far, and how many there will be (-1: unknown). */
  written = 0
  announced = -1
  error: HeddleError | undefined = undefined
  drainCallback: (() => void) | undefined = undefined
  #turn = 0
  #turnBytes = 0
  #waiters: Waiter[] = []
  #abortCallbacks: ((error: HeddleError) => void)[] = []

  /** Bytes written since the dispatch with the number `turn` began, these included. */
  countTurn(bytes: number, turn: number): number {
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#turnBytes = 0
    }
    this.#turnBytes += bytes
    return this.#turnBytes
  }

  waitForDrain(deadline: number, signal: AbortSignal | undefined): Promise<void> {
    const waiter = new Waiter('drain', deadline, signal)
    this.#waiters.push(waiter)
    return waiter.promise
  }

  drained(told: boolean): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.resolve()
    if (told) this.drainCallback?.()
  }

  onAbort(callback: (error: HeddleError) => void): void {
    if (this.error !== undefined) callback(this.error)
    else this.#abortCallbacks.push(callback)
  }

  /** Fails whoever waits for output to drain. */
  giveUp(error: HeddleError): void {
    this.error = error
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }

  /** Every callback is called; what the first of them throws is thrown on. */
  gone(error: HeddleError): void {
    const callbacks = this.#abortCallbacks
    this.#abortCallbacks = []
    this.giveUp(error)
    const thrown: unknown[] = []
    for (const callback of callbacks) {
      try {
        callback(error)
      } catch (failure) {
        thrown.push(failure)
      }
    }
    if (thrown.length > 0) throw thrown[0]
  }
}
