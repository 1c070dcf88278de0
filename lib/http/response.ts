import { BLOCK_BYTES } from '../backend/port'
import { Control, METHODS, Out, RespondFlag } from '../backend/protocol'
import { HeddleError } from '../errors'
import { checkBytes } from '../io/bytes'
import { putText } from '../net/slab'
import { deadlineOf, type WaitOptions } from '../net/wait'
import type { HttpContext } from './context'
import type { Exchange } from './exchange'
import { HeaderFlag, type HeaderSet } from './header-set'
import { type BodySource, pump } from './pump'
import { ResponseHead } from './response-head'
import { appendChunk, placeLines, putChunk, putHead, putResponse } from './response-records'
import { ResponseSide } from './response-side'
import { ResponseState } from './response-state'
import { isBodyless } from './status'

const { HEAD_SENT, FINISHED, GONE, BLOCKED, NEED_DRAIN, SIZED, ABANDONED } = ResponseState
const OVER = GONE | ABANDONED

const HEAD_METHOD = METHODS.indexOf('HEAD')
const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * The answer to one request. May be completed at any time after the handler has returned; answers of one connection
 * leave in the order of their requests. Belongs to the isolate of its server.
 */
export class HttpResponse extends ResponseHead {
  readonly #context: HttpContext
  readonly #connection: number
  /** Word 3 of the request's record: seq, flags, method. */
  readonly #bits: number
  #side: ResponseSide | undefined = undefined

  /** @internal */
  constructor(context: HttpContext, connection: number, bits: number, headers: HeaderSet) {
    super(headers)
    this.#context = context
    this.#connection = connection
    this.#bits = bits
  }

  /** Sends the head now; the body follows by `write` and `end`. ERR_RESPONSE_DONE after `end`. */
  flushHeaders(): this {
    this.#checkOpen()
    if ((this.state & (HEAD_SENT | OVER)) === 0) this.#sendHead(this.headers.contentLength)
    return this
  }

  /**
   * Completes the response with `body`, if given. Arrays of 16 KiB and more are sent by reference and must not
   * change afterwards. Throws ERR_RESPONSE_DONE if it is complete, ERR_CONTENT_LENGTH if a Content-Length was set
   * and is not the length of the body, ERR_INVALID_ARGUMENT for a body that is neither text nor bytes. Without
   * effect if the client is gone.
   */
  end(body?: string | Uint8Array): this {
    if ((this.state & (HEAD_SENT | FINISHED | GONE)) !== 0) return this.#endStream(body)
    const isText = typeof body === 'string'
    if (!isText && body !== undefined) checkBytes(body)
    if (body === undefined || body.length === 0) return this.#respondEmpty()
    if (body.length >= BLOCK_BYTES) return this.#endLarge(isText ? Buffer.from(body) : body)
    const headers = this.headers
    const port = this.#context.port
    const send = port.send
    const linesBytes = headers.length
    const offset = port.reserve(linesBytes + (isText ? 3 * body.length : body.length))
    const start = offset + linesBytes
    headers.put(send, offset)
    let length: number
    if (isText) length = putText(send, start, body)
    else {
      length = body.length
      send.set(body, start)
    }
    if (headers.contentLength >= 0 || this.code === 204 || this.code === 304)
      length = this.#checkWhole(length)
    port.control[Control.SEND_BYTES] = start + length
    this.#respond(offset, linesBytes, length, headers.flags)
    return this
  }

  /** Completes the response with `value` as JSON; the content type is set unless you set one. */
  json(value: unknown): this {
    const text = JSON.stringify(value)
    if (text === undefined) throw new HeddleError('ERR_INVALID_ARGUMENT', 'the value has no JSON form')
    if ((this.headers.flags & HeaderFlag.CONTENT_TYPE) === 0) this.setHeader('Content-Type', JSON_TYPE)
    return this.end(text)
  }

  /**
   * Sends a part of the body; the first one sends the head, chunked unless a Content-Length was set. Answers false
   * above the high-water mark (await `drained`) and when the client is gone. Arrays of 16 KiB and more are sent by
   * reference. Throws ERR_RESPONSE_DONE after `end`, ERR_CONTENT_LENGTH beyond the announced length,
   * ERR_INVALID_ARGUMENT for what is neither text nor bytes.
   */
  write(chunk: string | Uint8Array): boolean {
    this.#checkOpen()
    if ((this.state & OVER) !== 0) return false
    if (typeof chunk !== 'string') checkBytes(chunk)
    if ((this.state & HEAD_SENT) === 0) this.#sendHead(this.headers.contentLength)
    if (isBodyless(this.code)) return true
    const bytes = typeof chunk === 'string' && chunk.length >= BLOCK_BYTES ? Buffer.from(chunk) : chunk
    if (bytes.length === 0) return this.#account(0)
    if (typeof bytes === 'string') return this.#account(this.#sendText(bytes))
    this.#count(bytes.length)
    putChunk(this.#context.port, this.#connection, this.#seq, bytes)
    return this.#account(bytes.length)
  }

  /** Resolves when writing makes sense again; rejects with ECONNRESET if the client goes away first. */
  async drained(options?: WaitOptions): Promise<void> {
    if ((this.state & OVER) !== 0) throw this.#overError()
    if ((this.state & (NEED_DRAIN | BLOCKED)) === 0) return
    await this.#rare().waitForDrain(deadlineOf(options), options?.signal)
  }

  /**
   * Sends everything `source` yields, at the speed of the client, and completes the response. If the client goes
   * away the promise rejects at once and the source is closed as soon as it lets itself be; if the source fails the
   * connection is destroyed, or still yours to answer on if nothing was sent.
   */
  async stream(source: BodySource): Promise<void> {
    this.#checkOpen()
    try {
      if ((this.state & OVER) !== 0) throw this.#overError()
      await pump(this, source)
      this.end()
    } catch (error) {
      if ((this.state & HEAD_SENT) !== 0) this.destroy()
      throw error
    }
  }

  /** Gives up: the connection is closed, whatever was sent. */
  destroy(): void {
    if ((this.state & (FINISHED | GONE)) !== 0) return
    this.state |= FINISHED
    this.#context.port.push1(Out.HTTP_DESTROY, this.#connection)
    this.#side?.giveUp(new HeddleError('ERR_CLOSED', 'the response was given up'))
    this.#settle()
  }

  /**
   * Calls back when the client goes away, or is dropped because it takes nothing, before `end` or `destroy`; at once if it is away
   * already. With `end` the response is the server's: whether the client takes the rest is told to nobody.
   */
  onAbort(callback: (error: HeddleError) => void): this {
    this.#rare().onAbort(callback)
    return this
  }

  /** Calls back when output drains after a `write` that answered false. */
  onDrain(callback: () => void): this {
    this.#rare().drainCallback = callback
    return this
  }

  /** @internal The server has answered or given up; the handler may not know. Throws what an onAbort throws. */
  abandon(): void {
    this.state |= ABANDONED
    this.#side?.gone(this.#overError())
  }

  /** @internal */
  listed(exchange: Exchange): void {
    this.#rare().exchange = exchange
  }

  /** @internal HTTP_BLOCKED. */
  blocked(): void {
    this.state |= BLOCKED
  }

  /** @internal HTTP_DRAIN. */
  drain(): void {
    const told = (this.state & NEED_DRAIN) !== 0
    this.state &= ~(BLOCKED | NEED_DRAIN)
    this.#side?.drained(told)
  }

  /** @internal HTTP_ABORT. Throws what an onAbort throws. */
  gone(error: HeddleError): void {
    if ((this.state & (FINISHED | GONE)) !== 0) return
    this.state |= GONE
    this.#rare().gone(error)
  }

  get #seq(): number {
    return this.#bits & 0xff
  }

  /** One record for the whole response. */
  #respond(offset: number, linesBytes: number, length: number, flags: number): void {
    const word = (this.#bits & 0xff) | (this.code << 8)
    putResponse(this.#context.port, this.#connection, word, flags, offset, linesBytes, length)
    this.state |= FINISHED | HEAD_SENT
    if (this.#side !== undefined) this.#settle()
  }

  #respondEmpty(): this {
    const headers = this.headers
    const announced = headers.contentLength
    // An answer to HEAD, or 304, announces the length of a body it does not carry.
    const line = announced >= 0 && this.#mayAnnounce() ? `Content-Length: ${announced}\r\n` : ''
    if (line === '' && announced > 0 && !isBodyless(this.code)) throw lengthError(announced, 0)
    const offset = placeLines(this.#context.port, headers, line)
    const flags = line === '' ? headers.flags : headers.flags | RespondFlag.HAS_LENGTH
    this.#respond(offset, headers.length + line.length, 0, flags)
    return this
  }

  #endLarge(bytes: Uint8Array): this {
    const announced = this.headers.contentLength
    if (isBodyless(this.code)) return this.#respondEmpty()
    if (announced >= 0 && announced !== bytes.length) throw lengthError(announced, bytes.length)
    this.#sendHead(bytes.length)
    this.#count(bytes.length)
    putChunk(this.#context.port, this.#connection, this.#seq, bytes)
    return this.#finish()
  }

  #endStream(body: string | Uint8Array | undefined): this {
    this.#checkOpen()
    if ((this.state & OVER) !== 0) {
      this.state |= FINISHED
      this.#settle()
      return this
    }
    if (body !== undefined) this.write(body)
    const side = this.#rare()
    const short = (this.state & SIZED) !== 0 && side.written !== side.announced && !this.#isBodySuppressed()
    if (short) {
      this.destroy()
      throw lengthError(side.announced, side.written)
    }
    return this.#finish()
  }

  #finish(): this {
    this.state |= FINISHED
    this.#context.port.push2(Out.HTTP_END, this.#connection, this.#seq)
    this.#side?.drained(false)
    this.#settle()
    return this
  }

  /** `length` is -1 for chunked. */
  #sendHead(length: number): void {
    const word = (this.#bits & 0xff) | (this.code << 8)
    putHead(this.#context.port, this.#connection, word, this.headers, length)
    this.state |= length >= 0 ? HEAD_SENT | SIZED : HEAD_SENT
    this.#rare().announced = length
  }

  #sendText(text: string): number {
    const port = this.#context.port
    const offset = port.reserve(3 * text.length)
    const length = putText(port.send, offset, text)
    this.#count(length)
    appendChunk(port, this.#connection, this.#seq, offset, length)
    return length
  }

  /** Body bytes against the announced length, before they are sent. */
  #count(bytes: number): void {
    const side = this.#rare()
    if ((this.state & SIZED) !== 0 && side.written + bytes > side.announced) {
      throw lengthError(side.announced, side.written + bytes)
    }
    side.written += bytes
  }

  #account(bytes: number): boolean {
    const side = this.#rare()
    const turnBytes = side.countTurn(bytes, this.#context.port.batch)
    if (turnBytes <= this.#context.highWaterBytes && (this.state & (BLOCKED | NEED_DRAIN)) === 0) return true
    if ((this.state & NEED_DRAIN) === 0) {
      this.state |= NEED_DRAIN
      this.#context.port.push2(Out.HTTP_WANT_DRAIN, this.#connection, this.#seq)
    }
    return false
  }

  /** Body bytes to send of a whole response of `length`, if the headers or the status say something about it. */
  #checkWhole(length: number): number {
    if (isBodyless(this.code)) return 0
    const announced = this.headers.contentLength
    if (announced >= 0 && announced !== length) throw lengthError(announced, length)
    return length
  }

  #mayAnnounce(): boolean {
    return this.code === 304 || (this.#isBodySuppressed() && this.code !== 204)
  }

  #isBodySuppressed(): boolean {
    return this.#bits >>> 24 === HEAD_METHOD || isBodyless(this.code)
  }

  #checkOpen(): void {
    if ((this.state & FINISHED) === 0 || (this.state & ABANDONED) !== 0) return
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

function lengthError(announced: number, length: number): HeddleError {
  return new HeddleError('ERR_CONTENT_LENGTH', `content-length is ${announced}, the body has ${length} bytes`)
}
