import { onePerPort, type Port } from '../backend/port'
import { CloseReason, In } from '../backend/protocol'
import { errnoName, HeddleError } from '../errors'
import { NetDriver } from '../net/driver'
import type { HttpContext } from './context'
import { type Exchange, ExchangeTable, type OutputSink } from './exchange'
import { VALUE_SLOTS, Word } from './request-head'
import { TextCache } from './text-cache'

/** A server as the driver sees it. */
export interface RequestSink {
  /** Runs the handler of the request whose record is at `at`. */
  request(at: number, connection: number, bits: number): void
  refused(errno: number, status: number): void
}

/** Reads the HTTP records of one port and finds whom they are for. */
export class HttpDriver {
  readonly port: Port
  readonly #net: NetDriver
  readonly #texts: TextCache
  readonly #values: TextCache
  readonly #exchanges = new ExchangeTable()
  readonly #sinks = new Map<number, RequestSink>()
  /** The server of the last request: nearly always that of the next one. */
  #lastListener = -1
  #lastSink: RequestSink | undefined = undefined

  private constructor(port: Port) {
    this.port = port
    this.#net = NetDriver.of(port)
    this.#texts = new TextCache(port.recv, 512, 128)
    this.#values = new TextCache(port.recv, VALUE_SLOTS, 256)
    const inbox = port.inbox
    const word = (at: number, n: number): number => inbox[at + n] as number
    port.handle(In.HTTP_REQUEST, (at) => this.#request(at))
    port.handle(In.HTTP_BODY, (at) => {
      this.#body(word(at, 1), word(at, 2), word(at, 3), word(at, 4), word(at, 5) !== 0)
    })
    port.handle(In.HTTP_ABORT, (at) => this.#abort(word(at, 1), word(at, 2), word(at, 3)))
    port.handle(In.HTTP_DRAIN, (at) => this.#output(word(at, 1), word(at, 2), (response) => response.drain()))
    port.handle(In.HTTP_BLOCKED, (at) =>
      this.#output(word(at, 1), word(at, 2), (response) => response.blocked()),
    )
    port.handle(In.HTTP_REFUSED, (at) => this.#sinks.get(word(at, 1))?.refused(word(at, 2), word(at, 3)))
  }

  static readonly of = onePerPort((port) => new HttpDriver(port))

  contextFor(highWaterBytes: number): HttpContext {
    return {
      port: this.port,
      received: this.#net.received,
      texts: this.#texts,
      values: this.#values,
      exchanges: this.#exchanges,
      highWaterBytes,
    }
  }

  addSink(listener: number, sink: RequestSink): void {
    this.#sinks.set(listener, sink)
    if (this.#lastListener === listener) this.#lastSink = sink
  }

  /** The listener and the last of its connections are gone. */
  removeSink(listener: number): void {
    this.#sinks.delete(listener)
    if (this.#lastListener !== listener) return
    this.#lastListener = -1
    this.#lastSink = undefined
  }

  #request(at: number): void {
    const inbox = this.port.inbox
    const listener = inbox[at + Word.LISTENER] as number
    let sink = this.#lastSink
    if (listener !== this.#lastListener) {
      sink = this.#sinks.get(listener)
      this.#lastListener = listener
      this.#lastSink = sink
    }
    sink?.request(at, inbox[at + Word.CONNECTION] as number, inbox[at + Word.BITS] as number)
  }

  #body(connection: number, seq: number, offset: number, length: number, last: boolean): void {
    const exchange = this.#exchanges.find(connection, seq)
    if (exchange !== undefined) guard(exchange, () => exchange.request.bodyRecord(offset, length, last))
  }

  #output(connection: number, seq: number, action: (response: OutputSink) => void): void {
    const exchange = this.#exchanges.find(connection, seq)
    if (exchange !== undefined) guard(exchange, () => action(exchange.response))
  }

  #abort(connection: number, errno: number, reason: number): void {
    for (const exchange of this.#exchanges.take(connection)) {
      const error = abortError(errno, reason)
      guard(exchange, () => exchange.response.gone(error))
      guard(exchange, () => exchange.request.gone(error))
    }
  }
}

function abortError(errno: number, reason: number): HeddleError {
  if (reason === CloseReason.OVERFLOW) {
    return new HeddleError('ERR_WRITE_OVERFLOW', 'the client takes too little of its responses')
  }
  const code = errno === 0 ? 'ECONNRESET' : errnoName(errno)
  return new HeddleError(code, `the client went away: ${code}`)
}

/** Calls what may run callbacks of the user; their exceptions are failures of the handler. */
function guard(exchange: Exchange, action: () => void): void {
  try {
    action()
  } catch (error) {
    exchange.owner.failed(exchange, error)
  }
}
