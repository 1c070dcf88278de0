import { BLOCK_BYTES } from '../backend/port'
import { Control, METHODS, Out, RespondFlag } from '../backend/protocol'
import { HeddleError } from '../errors'
import { putText } from '../net/slab'
import { deadlineOf, type WaitOptions } from '../net/wait'
import type { HttpContext } from './context'
import type { Exchange } from './exchange'
import { HeaderFlag, type HeaderSet } from './header-set'
import { ResponseSide } from './response-side'
import { checkStatus, isBodyless } from './status'

/** The head is on its way; the body is streamed. */
const HEAD_SENT = 1
/** `end` was called. */
const FINISHED = 2
/** The client is gone. */
const GONE = 4
/** The backend reported output above the high-water mark. */
const BLOCKED = 8
/** `write` answered false: DRAIN is due. */
const NEED_DRAIN = 16
/** The streamed body has a known length. */
const SIZED = 32
/** The server answered in place of the handler: what the handler still does has no effect. */
const ABANDONED = 64
const OVER = GONE | ABANDONED

const FLAGS = RespondFlag.CLOSE | RespondFlag.HAS_DATE | RespondFlag.HAS_LENGTH
const HEAD_METHOD = METHODS.indexOf('HEAD')
const JSON_TYPE = 'application/json; charset=utf-8'

/** Value of a response header; an array makes several lines. */
export type HeaderValue = string | number | readonly string[]

/**
 * The answer to one request. May be completed at any time after the handler has returned; answers of one connection
 * leave in the order of their requests.
 */
export class HttpResponse {
  readonly #context: HttpContext
  readonly #connection: number
  /** Word 3 of the request's record: seq, flags, method. */
  readonly #bits: number
  #state = 0
  #status = 200
  #headers: HeaderSet
  #side: ResponseSide | undefined = undefined

  /** @internal */
  constructor(context: HttpContext, connection: number, bits: number, headers: HeaderSet) {
    this.#context = context
    this.#connection = connection
    this.#bits = bits
    this.#headers = headers
  }

  /** 200 unless set. */
  get status(): number {
    return this.#status
  }

  set status(status: number) {
    this.#checkHead()
    this.#status = checkStatus(status)
  }

  get headersSent(): boolean {
    return (this.#state & HEAD_SENT) !== 0
  }

  /** Whether `end` was called. */
  get finished(): boolean {
    return (this.#state & FINISHED) !== 0
  }

  /** Whether the client went away, or the server gave up on the handler, before the response was complete. */
  get aborted(): boolean {
    return (this.#state & OVER) !== 0
  }

  /** Replaces a header. An array makes several lines. Throws ERR_INVALID_HEADER or ERR_HEADERS_SENT. */
  setHeader(name: string, value: HeaderValue): this {
    this.#checkHead()
    if (typeof value === 'string') this.#headers = this.#headers.set(name, value)
    else if (typeof value === 'number') this.#headers = this.#headers.set(name, String(value))
    else {
      this.#headers = this.#headers.remove(name)
      for (const line of value) this.#headers = this.#headers.append(name, line)
    }
    return this
  }

  /** Adds a line to those of the same name. */
  appendHeader(name: string, value: string): this {
    this.#checkHead()
    this.#headers = this.#headers.append(name, value)
    return this
  }

  removeHeader(name: string): this {
    this.#checkHead()
    this.#headers = this.#headers.remove(name)
    return this
  }

  getHeader(name: string): string | undefined {
    return this.#headers.get(name)
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name)
  }

  /** Name and value of each line set so far. */
  headerEntries(): [string, string][] {
    return this.#headers.entries()
  }

  /** Status and headers in one call. They are sent with the first byte of the body, or by `flushHeaders`. */
  writeHead(status: number, headers?: Readonly<Record<string, HeaderValue>>): this {
    this.status = status
    if (headers !== undefined) for (const name in headers) this.setHeader(name, headers[name] as HeaderValue)
    return this
  }

  /** Sends the head now; the body follows by `write` and `end`. */
  flushHeaders(): this {
    this.#checkOpen()
    if ((this.#state & (HEAD_SENT | OVER)) === 0) this.#sendHead(this.#headers.contentLength)
    return this
  }

  /**
   * Completes the response with `body`, if given. Arrays of 16 KiB and more are sent by reference and must not
   * change afterwards. Throws ERR_RESPONSE_DONE if it is complete, ERR_CONTENT_LENGTH if a Content-Length was set
   * and is not the length of the body.
   */
  end(body?: string | Uint8Array): this {
    if ((this.#state & (HEAD_SENT | FINISHED | GONE)) !== 0) return this.#endStream(body)
    if (body === undefined || body.length === 0) return this.#respondEmpty()
    if (body.length >= BLOCK_BYTES) return this.#endLarge(typeof body === 'string' ? Buffer.from(body) : body)
    const headers = this.#headers
    const port = this.#context.port
    const send = port.send
    const linesBytes = headers.length
    const isText = typeof body === 'string'
    const offset = port.reserve(linesBytes + (isText ? 3 * body.length : body.length))
    const start = offset + linesBytes
    headers.put(send, offset)
    let length: number
    if (isText) length = putText(send, start, body)
    else {
      length = body.length
      send.set(body, start)
    }
    if (headers.contentLength >= 0 || this.#status === 204 || this.#status === 304)
      length = this.#checkWhole(length)
    port.control[Control.SEND_BYTES] = start + length
    this.#respond(offset, linesBytes, length, headers.flags)
    return this
  }

  /** Completes the response with `value` as JSON; the content type is set unless you set one. */
  json(value: unknown): this {
    const text = JSON.stringify(value)
    if (text === undefined) throw new HeddleError('ERR_INVALID_ARGUMENT', 'the value has no JSON form')
    if ((this.#headers.flags & HeaderFlag.CONTENT_TYPE) === 0) this.setHeader('Content-Type', JSON_TYPE)
    return this.end(text)
  }

  /**
   * Sends a part of the body; the first one sends the head, chunked unless a Content-Length was set. Answers false
   * above the high-water mark (await `drained`) and when the client is gone. Arrays of 16 KiB and more are sent by
   * reference. Throws ERR_RESPONSE_DONE after `end`, ERR_CONTENT_LENGTH beyond the announced length.
   */
  write(chunk: string | Uint8Array): boolean {
    this.#checkOpen()
    if ((this.#state & OVER) !== 0) return false
    if ((this.#state & HEAD_SENT) === 0) this.#sendHead(this.#headers.contentLength)
    if (isBodyless(this.#status)) return true
    const bytes = typeof chunk === 'string' && chunk.length >= BLOCK_BYTES ? Buffer.from(chunk) : chunk
    if (bytes.length === 0) return this.#account(0)
    if (typeof bytes === 'string') return this.#account(this.#sendText(bytes))
    this.#count(bytes.length)
    if (bytes.length >= BLOCK_BYTES)
      this.#context.port.engine.httpWriteBlock(this.#connection, this.#seq, bytes)
    else this.#sendBytes(bytes)
    return this.#account(bytes.length)
  }

  /** Resolves when writing makes sense again; rejects with ECONNRESET if the client goes away first. */
  drained(options?: WaitOptions): Promise<void> {
    if ((this.#state & OVER) !== 0) return Promise.reject(this.#overError())
    if ((this.#state & (NEED_DRAIN | BLOCKED)) === 0) return Promise.resolve()
    return this.#rare().waitForDrain(deadlineOf(options), options?.signal)
  }

  /**
   * Sends everything `source` yields, at the speed of the client, and completes the response. The source is closed
   * and the connection destroyed if either side fails; the promise rejects then.
   */
  async stream(source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>): Promise<void> {
    this.#checkOpen()
    try {
      for await (const chunk of source) {
        if (!this.write(chunk)) await this.drained()
      }
      if ((this.#state & OVER) !== 0) throw this.#overError()
      this.end()
    } catch (error) {
      if ((this.#state & HEAD_SENT) !== 0) this.destroy()
      throw error
    }
  }

  /** Gives up: the connection is closed, whatever was sent. */
  destroy(): void {
    if ((this.#state & (FINISHED | GONE)) !== 0) return
    this.#state |= FINISHED
    this.#context.port.push1(Out.HTTP_DESTROY, this.#connection)
    this.#side?.giveUp(new HeddleError('ERR_CLOSED', 'the response was given up'))
    this.#settle()
  }

  /** Calls back when the client goes away before the response is complete. */
  onAbort(callback: (error: HeddleError) => void): this {
    this.#rare().onAbort(callback)
    return this
  }

  /** Calls back when output drains after a `write` that answered false. */
  onDrain(callback: () => void): this {
    this.#rare().drainCallback = callback
    return this
  }

  /** @internal Forgets everything that was set, for an answer of the server's own. */
  reset(headers: HeaderSet): this {
    this.#headers = headers
    this.#status = 200
    return this
  }

  /** @internal The server has answered or given up; the handler may not know. */
  abandon(): void {
    this.#state |= ABANDONED
    this.#side?.gone(this.#overError())
  }

  /** @internal */
  listed(exchange: Exchange): void {
    this.#rare().exchange = exchange
  }

  /** @internal HTTP_BLOCKED. */
  blocked(): void {
    this.#state |= BLOCKED
  }

  /** @internal HTTP_DRAIN. */
  drain(): void {
    const told = (this.#state & NEED_DRAIN) !== 0
    this.#state &= ~(BLOCKED | NEED_DRAIN)
    this.#side?.drained(told)
  }

  /** @internal HTTP_ABORT. */
  gone(error: HeddleError): void {
    if ((this.#state & (FINISHED | GONE)) !== 0) return
    this.#state |= GONE
    this.#rare().gone(error)
  }

  get #seq(): number {
    return this.#bits & 0xff
  }

  /** One record for the whole response. */
  #respond(offset: number, linesBytes: number, length: number, flags: number): void {
    const port = this.#context.port
    const at = port.begin(Out.HTTP_RESPOND, 7)
    const outbox = port.outbox
    outbox[at + 1] = this.#connection
    outbox[at + 2] = (this.#bits & 0xff) | (this.#status << 8)
    outbox[at + 3] = flags & FLAGS
    outbox[at + 4] = offset
    outbox[at + 5] = linesBytes
    outbox[at + 6] = length
    this.#state |= FINISHED | HEAD_SENT
    if (this.#side !== undefined) this.#settle()
  }

  #respondEmpty(): this {
    const headers = this.#headers
    const port = this.#context.port
    const announced = headers.contentLength
    // An answer to HEAD, or 304, announces the length of a body it does not carry.
    const line = announced >= 0 && this.#mayAnnounce() ? `Content-Length: ${announced}\r\n` : ''
    if (line === '' && announced > 0 && !isBodyless(this.#status)) throw lengthError(announced, 0)
    const offset = port.reserve(headers.length + line.length)
    const linesBytes = headers.length + line.length
    headers.put(port.send, offset)
    putText(port.send, offset + headers.length, line)
    port.control[Control.SEND_BYTES] = offset + linesBytes
    const flags = line === '' ? headers.flags : headers.flags | RespondFlag.HAS_LENGTH
    this.#respond(offset, linesBytes, 0, flags)
    return this
  }

  #endLarge(bytes: Uint8Array): this {
    const announced = this.#headers.contentLength
    if (isBodyless(this.#status)) return this.#respondEmpty()
    if (announced >= 0 && announced !== bytes.length) throw lengthError(announced, bytes.length)
    this.#sendHead(bytes.length)
    this.#count(bytes.length)
    if (bytes.length >= BLOCK_BYTES)
      this.#context.port.engine.httpWriteBlock(this.#connection, this.#seq, bytes)
    else this.#sendBytes(bytes)
    return this.#finish()
  }

  #endStream(body: string | Uint8Array | undefined): this {
    this.#checkOpen()
    if ((this.#state & OVER) !== 0) {
      this.#state |= FINISHED
      this.#settle()
      return this
    }
    if (body !== undefined) this.write(body)
    const side = this.#rare()
    const short = (this.#state & SIZED) !== 0 && side.written !== side.announced && !this.#isBodySuppressed()
    if (short) {
      this.destroy()
      throw lengthError(side.announced, side.written)
    }
    return this.#finish()
  }

  #finish(): this {
    this.#state |= FINISHED
    this.#context.port.push2(Out.HTTP_END, this.#connection, this.#seq)
    this.#side?.drained(false)
    this.#settle()
    return this
  }

  /** `length` is -1 for chunked. */
  #sendHead(length: number): void {
    const headers = this.#headers
    const port = this.#context.port
    const side = this.#rare()
    const offset = port.reserve(headers.length)
    headers.put(port.send, offset)
    port.control[Control.SEND_BYTES] = offset + headers.length
    const at = port.begin(Out.HTTP_HEAD, 8)
    const outbox = port.outbox
    outbox[at + 1] = this.#connection
    outbox[at + 2] = (this.#bits & 0xff) | (this.#status << 8)
    outbox[at + 3] = headers.flags & FLAGS
    outbox[at + 4] = offset
    outbox[at + 5] = headers.length
    scratch[0] = length
    outbox[at + 6] = scratchWords[0] as number
    outbox[at + 7] = scratchWords[1] as number
    this.#state |= length >= 0 ? HEAD_SENT | SIZED : HEAD_SENT
    side.announced = length
  }

  #sendText(text: string): number {
    const port = this.#context.port
    const offset = port.reserve(3 * text.length)
    const length = putText(port.send, offset, text)
    this.#count(length)
    this.#appendChunk(offset, length)
    return length
  }

  #sendBytes(bytes: Uint8Array): void {
    const port = this.#context.port
    const offset = port.reserve(bytes.length)
    port.send.set(bytes, offset)
    this.#appendChunk(offset, bytes.length)
  }

  #appendChunk(offset: number, length: number): void {
    const port = this.#context.port
    port.control[Control.SEND_BYTES] = offset + length
    const at = port.begin(Out.HTTP_CHUNK, 5)
    const outbox = port.outbox
    outbox[at + 1] = this.#connection
    outbox[at + 2] = this.#seq
    outbox[at + 3] = offset
    outbox[at + 4] = length
  }

  /** Body bytes against the announced length, before they are sent. */
  #count(bytes: number): void {
    const side = this.#rare()
    if ((this.#state & SIZED) !== 0 && side.written + bytes > side.announced) {
      throw lengthError(side.announced, side.written + bytes)
    }
    side.written += bytes
  }

  #account(bytes: number): boolean {
    const side = this.#rare()
    const turnBytes = side.countTurn(bytes, this.#context.port.batch)
    if (turnBytes <= this.#context.highWaterBytes && (this.#state & (BLOCKED | NEED_DRAIN)) === 0) return true
    if ((this.#state & NEED_DRAIN) === 0) {
      this.#state |= NEED_DRAIN
      this.#context.port.push2(Out.HTTP_WANT_DRAIN, this.#connection, this.#seq)
    }
    return false
  }

  /** Body bytes to send of a whole response of `length`, if the headers or the status say something about it. */
  #checkWhole(length: number): number {
    if (isBodyless(this.#status)) return 0
    const announced = this.#headers.contentLength
    if (announced >= 0 && announced !== length) throw lengthError(announced, length)
    return length
  }

  #mayAnnounce(): boolean {
    return this.#status === 304 || (this.#isBodySuppressed() && this.#status !== 204)
  }

  #isBodySuppressed(): boolean {
    return this.#bits >>> 24 === HEAD_METHOD || isBodyless(this.#status)
  }

  #checkHead(): void {
    if ((this.#state & (HEAD_SENT | FINISHED)) === 0 || (this.#state & ABANDONED) !== 0) return
    throw new HeddleError('ERR_HEADERS_SENT')
  }

  #checkOpen(): void {
    if ((this.#state & FINISHED) === 0 || (this.#state & ABANDONED) !== 0) return
    throw new HeddleError('ERR_RESPONSE_DONE')
  }

  #overError(): HeddleError {
    return (
      this.#side?.error ?? new HeddleError('ERR_CLOSED', 'the server has answered in place of the handler')
    )
  }

  #settle(): void {
    const exchange = this.#side?.exchange
    if (exchange !== undefined) this.#context.exchanges.settle(exchange)
  }

  #rare(): ResponseSide {
    this.#side ??= new ResponseSide()
    return this.#side
  }
}

const scratch = new Float64Array(1)
const scratchWords = new Int32Array(scratch.buffer)

function lengthError(announced: number, length: number): HeddleError {
  return new HeddleError('ERR_CONTENT_LENGTH', `content-length is ${announced}, the body has ${length} bytes`)
}
