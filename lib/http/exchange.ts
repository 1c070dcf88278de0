import type { HeddleError } from '../errors'

const INDEX_MASK = 0xffffff

/** The side of an exchange that hears of the request's body. */
export interface BodySink {
  bodyRecord(offset: number, length: number, last: boolean): void
  gone(error: HeddleError): void
}

/** The side that hears of the response's output. */
export interface OutputSink {
  blocked(): void
  drain(): void
  gone(error: HeddleError): void
  readonly finished: boolean
}

/** Told about exceptions of a user's callback and about responses that are overdue. */
export interface ExchangeOwner {
  failed(exchange: Exchange, error: unknown): void
  overdue(exchange: Exchange): void
}

/** A request whose handler has returned and that is not over: it may still get records. */
export class Exchange {
  readonly connection: number
  readonly seq: number
  readonly request: BodySink
  readonly response: OutputSink
  readonly owner: ExchangeOwner
  /** Loop time at which the response is overdue. */
  readonly deadline: number
  /** A body read is under way. */
  reading = false
  listed = true
  next: Exchange | undefined = undefined

  constructor(
    connection: number,
    seq: number,
    request: BodySink,
    response: OutputSink,
    owner: ExchangeOwner,
    deadline: number,
  ) {
    this.connection = connection
    this.seq = seq
    this.request = request
    this.response = response
    this.owner = owner
    this.deadline = deadline
  }
}

/** The exchanges under way, by connection; those of one connection form a list. */
export class ExchangeTable {
  readonly #byIndex: (Exchange | undefined)[] = []

  add(exchange: Exchange): void {
    const table = this.#byIndex
    const index = exchange.connection & INDEX_MASK
    while (table.length <= index) table.push(undefined)
    exchange.next = table[index]
    table[index] = exchange
  }

  find(connection: number, seq: number): Exchange | undefined {
    let at = this.#byIndex[connection & INDEX_MASK]
    while (at !== undefined && (at.seq !== seq || at.connection !== connection)) at = at.next
    return at
  }

  /** Removes the exchange if nothing of it is left to happen. */
  settle(exchange: Exchange): void {
    if (!exchange.listed || exchange.reading || !exchange.response.finished) return
    exchange.listed = false
    const index = exchange.connection & INDEX_MASK
    let at = this.#byIndex[index]
    if (at === exchange) {
      this.#byIndex[index] = exchange.next
      return
    }
    while (at !== undefined && at.next !== exchange) at = at.next
    if (at !== undefined) at.next = exchange.next
  }

  /** Removes and returns the exchanges of a connection that is gone. */
  take(connection: number): Exchange[] {
    const taken: Exchange[] = []
    const index = connection & INDEX_MASK
    const head = this.#byIndex[index]
    if (head === undefined || head.connection !== connection) return taken
    this.#byIndex[index] = undefined
    for (let at: Exchange | undefined = head; at !== undefined; at = at.next) {
      at.listed = false
      taken.push(at)
    }
    return taken.reverse()
  }

  /** All of them, as of now. */
  list(): Exchange[] {
    const all: Exchange[] = []
    for (const head of this.#byIndex) {
      for (let at = head; at !== undefined; at = at.next) all.push(at)
    }
    return all
  }
}
