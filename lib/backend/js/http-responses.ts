import { In, RespondFlag } from '../protocol'
import { errno } from './errno'
import { type ResponseParts, isBodyless, ownLines } from './http-response-head'

/** One request that is not answered completely, and its response. */
export interface Exchange {
  readonly seq: number
  /** No body is written: the request was HEAD, or the status forbids one. */
  isSilent: boolean
  readonly isHttp10: boolean
  /** The connection ends with this response. */
  closes: boolean
  /** The head of the response is written. */
  isBegun: boolean
  isDone: boolean
  isChunked: boolean
  isBlocked: boolean
  wantsDrain: boolean
  /** Output that waits for the responses before it. */
  held: Uint8Array[]
  heldBytes: number
}

/** What the responses need of their connection. */
export interface ResponseSink {
  readonly highWaterBytes: number
  readonly lowWaterBytes: number
  readonly maxWriteBufferBytes: number
  readonly pending: number
  gather(view: Uint8Array): void
  writeOwned(block: Uint8Array): void
  note(kind: number, ...words: number[]): void
  /** Whether the connection ends after this exchange for a reason that only the reader knows. */
  mustClose(exchange: Exchange): boolean
  /** The response is complete: what is left of the request's body is not wanted. */
  answered(exchange: Exchange): void
  /** The exchange is the first in line now, before anything of it is written. */
  promoted(exchange: Exchange): void
  /** A place for a further request is free. */
  advanced(): void
  /** The last response is written. */
  closeWhenSent(): void
  fail(error: number): void
}

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const NOTHING = new Uint8Array(0)

/**
 * Writes the responses of one connection in the order of their requests, whatever the order they finish in.
 */
export class Responses {
  readonly #sink: ResponseSink
  readonly #exchanges: Exchange[] = []
  #firstSeq = 0

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  get outstanding(): number {
    return this.#exchanges.length
  }

  get last(): Exchange | undefined {
    return this.#exchanges.at(-1)
  }

  isFirst(exchange: Exchange): boolean {
    return this.#exchanges[0] === exchange
  }

  get heldBytes(): number {
    return this.#exchanges.reduce((sum, exchange) => sum + exchange.heldBytes, 0)
  }

  /** Takes a request in; sequence numbers count on, modulo 256. */
  begin(isHead: boolean, isHttp10: boolean, closes: boolean): Exchange {
    const seq = (this.#firstSeq + this.#exchanges.length) & 0xff
    const exchange: Exchange = {
      seq,
      isSilent: isHead,
      isHttp10,
      closes,
      isBegun: false,
      isDone: false,
      isChunked: false,
      isBlocked: false,
      wantsDrain: false,
      held: [],
      heldBytes: 0,
    }
    this.#exchanges.push(exchange)
    return exchange
  }

  /** The exchange, as long as its response is not complete. */
  find(seq: number): Exchange | undefined {
    const exchange = this.#exchanges[(seq - this.#firstSeq) & 0xff]
    return exchange === undefined || exchange.isDone ? undefined : exchange
  }

  /** Nothing is outstanding any more. */
  clear(): void {
    this.#firstSeq = (this.#firstSeq + this.#exchanges.length) & 0xff
    this.#exchanges.length = 0
  }

  respond(exchange: Exchange, status: number, flags: number, lines: Uint8Array, body: Uint8Array): void {
    if (exchange.isBegun) return
    const bodyless = isBodyless(status)
    const isOwnLength = (flags & RespondFlag.HAS_LENGTH) !== 0
    const close = this.#closes(exchange, flags)
    const framing = bodyless || isOwnLength ? 'none' : 'length'
    const hasDate = (flags & RespondFlag.HAS_DATE) !== 0
    this.#writeHead(
      exchange,
      { status, framing, length: body.length, close, keepAliveLine: exchange.isHttp10, hasDate },
      lines,
    )
    if (!bodyless && !exchange.isSilent) this.#append(exchange, body)
    this.#finish(exchange)
  }

  /** Answers in the server's own name and ends the connection. */
  refuse(exchange: Exchange, status: number): void {
    exchange.closes = true
    this.respond(exchange, status, 0, NOTHING, NOTHING)
  }

  beginStream(exchange: Exchange, status: number, flags: number, lines: Uint8Array, length: number): void {
    if (exchange.isBegun) return
    exchange.isBegun = true
    let close = this.#closes(exchange, flags)
    let framing: ResponseParts['framing'] = 'none'
    if (isBodyless(status)) {
      exchange.isSilent = true
    } else if ((flags & RespondFlag.HAS_LENGTH) !== 0) {
      framing = 'none'
    } else if (length >= 0) {
      framing = 'length'
    } else if (exchange.isHttp10) {
      // Such a client knows no chunks: the end of the connection is the end of the body.
      close = true
    } else {
      framing = 'chunked'
      exchange.isChunked = true
    }
    const hasDate = (flags & RespondFlag.HAS_DATE) !== 0
    this.#writeHead(
      exchange,
      { status, framing, length, close, keepAliveLine: exchange.isHttp10, hasDate },
      lines,
    )
  }

  /** Body bytes of a streamed response; `isOwned`: they need no copy. Returns 0 or a negative errno. */
  chunk(exchange: Exchange, bytes: Uint8Array, isOwned: boolean): number {
    if (!exchange.isBegun) return -errno.EPIPE
    if (bytes.length === 0 || exchange.isSilent) return 0
    if (exchange.isChunked) this.#append(exchange, Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1'))
    if (isOwned) this.#appendOwned(exchange, bytes)
    else this.#append(exchange, bytes)
    if (exchange.isChunked) this.#append(exchange, CRLF)
    this.#watchHeld(exchange)
    return 0
  }

  end(exchange: Exchange): void {
    if (!exchange.isBegun) return
    if (exchange.isChunked && !exchange.isSilent) this.#append(exchange, LAST_CHUNK)
    this.#finish(exchange)
  }

  wantDrain(exchange: Exchange): void {
    exchange.wantsDrain = true
    this.waterMarks()
  }

  /** Compares the output with the marks on behalf of the response that is being written. */
  waterMarks(): void {
    const exchange = this.#exchanges[0]
    if (exchange === undefined) return
    const { highWaterBytes, lowWaterBytes, pending } = this.#sink
    if (highWaterBytes > 0 && pending > highWaterBytes) {
      if (exchange.isBegun) this.#block(exchange)
      return
    }
    if (pending > lowWaterBytes || !(exchange.isBlocked || exchange.wantsDrain)) return
    exchange.isBlocked = false
    exchange.wantsDrain = false
    this.#sink.note(In.HTTP_DRAIN, exchange.seq)
  }

  #block(exchange: Exchange): void {
    if (exchange.isBlocked) return
    exchange.isBlocked = true
    this.#sink.note(In.HTTP_BLOCKED, exchange.seq)
  }

  #closes(exchange: Exchange, flags: number): boolean {
    return (flags & RespondFlag.CLOSE) !== 0 || exchange.closes || this.#sink.mustClose(exchange)
  }

  #writeHead(exchange: Exchange, parts: ResponseParts, lines: Uint8Array): void {
    exchange.isBegun = true
    if (parts.close) exchange.closes = true
    this.#append(exchange, ownLines(parts))
    this.#append(exchange, lines)
    this.#append(exchange, CRLF)
  }

  #append(exchange: Exchange, view: Uint8Array): void {
    if (view.length === 0) return
    if (this.isFirst(exchange)) {
      this.#sink.gather(view)
      return
    }
    // The slab it lies in is used again before this response is in turn.
    this.#hold(exchange, new Uint8Array(view))
  }

  #appendOwned(exchange: Exchange, block: Uint8Array): void {
    if (this.isFirst(exchange)) this.#sink.writeOwned(block)
    else this.#hold(exchange, block)
  }

  #hold(exchange: Exchange, block: Uint8Array): void {
    exchange.held.push(block)
    exchange.heldBytes += block.length
  }

  #watchHeld(exchange: Exchange): void {
    if (this.isFirst(exchange)) return
    const { highWaterBytes, maxWriteBufferBytes } = this.#sink
    if (maxWriteBufferBytes > 0 && exchange.heldBytes > maxWriteBufferBytes) this.#sink.fail(errno.ENOBUFS)
    else if (highWaterBytes > 0 && exchange.heldBytes > highWaterBytes) this.#block(exchange)
  }

  #finish(exchange: Exchange): void {
    exchange.isDone = true
    this.#sink.answered(exchange)
    if (this.isFirst(exchange)) this.#advance()
  }

  #advance(): void {
    while (this.#exchanges[0]?.isDone) {
      const done = this.#exchanges.shift() as Exchange
      this.#firstSeq = (this.#firstSeq + 1) & 0xff
      if (done.closes) {
        this.#sink.closeWhenSent()
        return
      }
      const next = this.#exchanges[0]
      if (next !== undefined) this.#promote(next)
    }
    this.#sink.advanced()
  }

  #promote(exchange: Exchange): void {
    this.#sink.promoted(exchange)
    for (const block of exchange.held) this.#sink.gather(block)
    exchange.held = []
    exchange.heldBytes = 0
    if (!exchange.isDone) this.waterMarks()
  }
}
