import type { AddressInfo } from '../backend/backend'
import type { Port } from '../backend/port'
import type { HeddleError } from '../errors'
import { Reader } from '../io/reader'
import type { AcoConnection } from './aco-connection'
import { PlainWaits } from './plain-waits'
import { ConnectionSource } from './connection-source'
import { Waiter } from './wait'

/** What few connections need: input that waits, people who wait, addresses, context. */
export class ConnectionSide {
  reader: Reader | undefined = undefined
  /** The coroutine that has the connection. */
  aco: AcoConnection | undefined = undefined
  context: unknown = undefined
  remote: AddressInfo | undefined = undefined
  local: AddressInfo | undefined = undefined
  /** Why this side destroyed the connection, then why it ended. */
  error: HeddleError | undefined = undefined
  #drainWaiters: Waiter[] = []
  #closeWaiters: Waiter[] = []

  /** `held`: the user has paused. `over`: no input will come any more. */
  readerFor(port: Port, handle: number, limit: number, held: boolean, over: boolean): Reader {
    if (this.reader === undefined) {
      this.reader = new Reader(new ConnectionSource(port, handle), new PlainWaits(), limit, held)
      if (over) this.reader.end(this.error)
    }
    return this.reader
  }

  waitForDrain(deadline: number, signal: AbortSignal | undefined): Promise<void> {
    const waiter = new Waiter('drain', deadline, signal)
    this.#drainWaiters.push(waiter)
    return waiter.promise
  }

  waitForClose(): Promise<void> {
    const waiter = new Waiter('close', Infinity)
    this.#closeWaiters.push(waiter)
    return waiter.promise
  }

  drained(): void {
    this.aco?.drained()
    if (this.#drainWaiters.length === 0) return
    const waiters = this.#drainWaiters
    this.#drainWaiters = []
    for (const waiter of waiters) waiter.resolve()
  }

  /** Readers see `error` after the last byte, writers see `lost`. */
  closed(error: HeddleError | undefined, lost: HeddleError): void {
    this.error = error
    this.reader?.end(error)
    this.aco?.gone(lost)
    for (const waiter of this.#drainWaiters) waiter.reject(lost)
    for (const waiter of this.#closeWaiters) waiter.resolve()
    this.#drainWaiters = []
    this.#closeWaiters = []
  }
}
