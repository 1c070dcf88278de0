import type { Exchange, ExchangeTable } from './exchange'

/** Overdue responses are looked for now and then: no timer per request. */
export class OverdueSweep {
  readonly #exchanges: ExchangeTable
  readonly #timeout: number
  readonly #overdue: (exchange: Exchange) => void
  #timer: NodeJS.Timeout | undefined = undefined

  /** `timeout` in milliseconds; 0: nothing is ever overdue. */
  constructor(exchanges: ExchangeTable, timeout: number, overdue: (exchange: Exchange) => void) {
    this.#exchanges = exchanges
    this.#timeout = timeout
    this.#overdue = overdue
  }

  /** Loop time at which a response that is begun at `now` is overdue. */
  deadlineFrom(now: number): number {
    return this.#timeout > 0 ? now + this.#timeout : Infinity
  }

  start(): void {
    if (this.#timeout === 0 || this.#timer !== undefined) return
    const often = Math.min(1000, Math.max(10, this.#timeout >>> 3))
    this.#timer = setInterval(() => this.#look(), often)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const now = performance.now()
    for (const exchange of this.#exchanges.list()) {
      if (exchange.deadline <= now && !exchange.response.finished) this.#overdue(exchange)
    }
  }
}
