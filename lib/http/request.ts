import type { AddressInfo } from '../backend/backend'
import { METHODS, RequestFlag } from '../backend/protocol'
import { HeddleError } from '../errors'
import { latin1Text, utf8Text } from '../net/slab'
import type { HttpContext } from './context'
import type { Exchange } from './exchange'
import { HttpError } from './http-error'
import { type BodyCallback, RequestBody } from './request-body'
import { KeptHead, liveHeader, Word } from './request-head'
import { RequestHeaders } from './request-headers'
import { pathOf, queryOf } from './target'

/** Positions in the inbox are 0 and more; these say that there is none any more. */
const RELEASED = -1
const KEPT = -2
/** Ours, in the unused top of the flags: the whole body was consumed in place. */
const BODY_USED = 0x8000 << 8
const NONE = Buffer.alloc(0)

const flag = (bit: number): number => bit << 8
const MAY_FOLLOW = flag(RequestFlag.HAS_BODY | RequestFlag.BODY_COMPLETE)

/** What few requests need. */
class RequestSide {
  head: KeptHead | undefined = undefined
  headers: RequestHeaders | undefined = undefined
  body: RequestBody | undefined = undefined
  params: Readonly<Record<string, string | undefined>> | undefined = undefined
  query: URLSearchParams | undefined = undefined
  method: string | undefined = undefined
  remote: AddressInfo | undefined = undefined
  controller: AbortController | undefined = undefined
  exchange: Exchange | undefined = undefined
  error: HeddleError | undefined = undefined
}

const NO_PARAMS: Readonly<Record<string, string | undefined>> = Object.freeze(Object.create(null))

/**
 * One request. While the handler runs its head is read in place. A request whose handler returned a promise, or
 * returned before the response was complete, stays readable as long as you like; of one that was answered on the
 * spot only what was read before is left, and the rest fails with ERR_STALE_VIEW.
 */
export class HttpRequest {
  readonly #context: HttpContext
  /** Position of the record in the inbox, or RELEASED or KEPT. */
  #at: number
  readonly #connection: number
  /** Word 3 of the record: seq, flags, method. */
  #bits: number
  #url: string | undefined = undefined
  #side: RequestSide | undefined = undefined

  /** @internal */
  constructor(context: HttpContext, at: number, connection: number, bits: number) {
    this.#context = context
    this.#at = at
    this.#connection = connection
    this.#bits = bits
  }

  get method(): string {
    const id = this.#bits >>> 24
    return id === 0 ? this.#otherMethod() : (METHODS[id] as string)
  }

  /** @internal */
  get methodId(): number {
    return this.#bits >>> 24
  }

  /** The request target as it was sent. */
  get url(): string {
    if (this.#url === undefined) this.#url = this.#readUrl()
    return this.#url
  }

  /** The target up to `?`, still percent-encoded. */
  get path(): string {
    return pathOf(this.url)
  }

  get query(): URLSearchParams {
    const side = this.#rare()
    side.query ??= new URLSearchParams(queryOf(this.url))
    return side.query
  }

  /** Parameters of the route, decoded. */
  get params(): Readonly<Record<string, string | undefined>> {
    return this.#side?.params ?? NO_PARAMS
  }

  get httpVersion(): '1.1' | '1.0' {
    return (this.#bits & flag(RequestFlag.HTTP_1_0)) !== 0 ? '1.0' : '1.1'
  }

  get keepAlive(): boolean {
    return (this.#bits & flag(RequestFlag.KEEP_ALIVE)) !== 0
  }

  /** Whether the client waits for 100 Continue; it gets it when the body is asked for. */
  get expectsContinue(): boolean {
    return (this.#bits & flag(RequestFlag.EXPECT_CONTINUE)) !== 0
  }

  get hasBody(): boolean {
    return (this.#bits & flag(RequestFlag.HAS_BODY)) !== 0
  }

  /** Value of a header, several lines joined; names in any case, fastest in lower case. */
  header(name: string): string | undefined {
    if (this.#at >= 0) return liveHeader(this.#context, this.#at, name)
    return this.#kept().record[name.toLowerCase()]
  }

  get headers(): RequestHeaders {
    const side = this.#rare()
    if (side.headers === undefined) {
      const head = this.#at >= 0 ? new KeptHead(this.#context, this.#at) : this.#kept()
      side.headers = new RequestHeaders(head.record)
    }
    return side.headers
  }

  /** Address of the client; undefined when it was not asked for before the connection closed. */
  get remote(): AddressInfo | undefined {
    const side = this.#rare()
    side.remote ??= this.#context.port.engine.connectionAddress(this.#connection, true)
    return side.remote
  }

  /** Aborted when the client goes away before the exchange is complete. */
  get signal(): AbortSignal {
    const side = this.#rare()
    side.controller ??= new AbortController()
    if (side.error !== undefined) side.controller.abort(side.error)
    return side.controller.signal
  }

  /**
   * Body bytes as they come, in views that are valid until the callback returns. A body that came with the head is
   * delivered at once; an empty one as an empty view with `last`.
   */
  onBody(callback: BodyCallback): void {
    if (this.#isWhole()) {
      callback(this.#takeView(), true)
      return
    }
    this.#body().each(callback)
  }

  /** The whole body, a copy. 413 and ERR_BODY_TOO_LARGE beyond `limit`. ECONNRESET if the client goes away. */
  bytes(options?: { readonly limit?: number }): Promise<Buffer> {
    return this.#collect(options?.limit, owned)
  }

  /** The whole body as UTF-8 text. */
  text(options?: { readonly limit?: number }): Promise<string> {
    return this.#collect(options?.limit, textOf)
  }

  /** The whole body parsed: 400 and ERR_INVALID_JSON if it is not JSON. */
  json(options?: { readonly limit?: number }): Promise<unknown> {
    return this.#collect(options?.limit, parse)
  }

  /** The body in chunks of the reader's own; the client is pushed back while the loop is busy. */
  [Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    return this.#body().chunks()
  }

  /** @internal Set by the router. */
  setParams(params: Readonly<Record<string, string | undefined>>): void {
    this.#rare().params = params
  }

  /** @internal The bytes are about to go and nobody may need them: later use fails instead of reading others. */
  release(): void {
    this.#at = RELEASED
  }

  /** @internal Copies what lies in the slab. */
  retain(): void {
    const at = this.#at
    if (at < 0) return
    const side = this.#rare()
    if ((this.#bits & (flag(RequestFlag.BODY_COMPLETE) | BODY_USED)) === flag(RequestFlag.BODY_COMPLETE))
      this.#body()
    side.head = new KeptHead(this.#context, at)
    this.#url ??= side.head.target
    if (this.#bits >>> 24 === 0) side.method ??= this.#otherMethod()
    this.#at = KEPT
  }

  /** @internal */
  get reading(): boolean {
    return this.#side?.body?.reading ?? false
  }

  /** @internal */
  listed(exchange: Exchange): void {
    const side = this.#rare()
    side.exchange = exchange
    side.body?.listed(exchange)
  }

  /** @internal HTTP_BODY. */
  bodyRecord(offset: number, length: number, last: boolean): void {
    this.#side?.body?.record(offset, length, last)
  }

  /** @internal The client is gone. */
  gone(error: HeddleError): void {
    const side = this.#rare()
    side.error = error
    side.body?.gone(error)
    side.controller?.abort(error)
  }

  #rare(): RequestSide {
    this.#side ??= new RequestSide()
    return this.#side
  }

  #kept(): KeptHead {
    const head = this.#side?.head
    if (head === undefined)
      throw new HeddleError('ERR_STALE_VIEW', 'the request was answered and its head is gone')
    return head
  }

  #readUrl(): string {
    const at = this.#at
    if (at < 0) return this.#kept().target
    const context = this.#context
    const inbox = context.port.inbox
    return context.texts.hashed(
      inbox[at + Word.TARGET_OFFSET] as number,
      inbox[at + Word.TARGET_LENGTH] as number,
    )
  }

  /** A method without a number stands in front of the target. */
  #otherMethod(): string {
    const side = this.#rare()
    if (side.method !== undefined) return side.method
    if (this.#at < 0) this.#kept()
    const { inbox, recv } = this.#context.port
    const start = inbox[this.#at + Word.HEAD_OFFSET] as number
    side.method = latin1Text(recv, start, (inbox[this.#at + Word.TARGET_OFFSET] as number) - 1)
    return side.method
  }

  /** The body, or that there is none, is known without waiting and lies in place. */
  #isWhole(): boolean {
    return (
      this.#at >= 0 &&
      this.#side?.body === undefined &&
      (this.#bits & MAY_FOLLOW) !== flag(RequestFlag.HAS_BODY)
    )
  }

  #useBody(): void {
    if ((this.#bits & BODY_USED) !== 0) throw new HeddleError('ERR_BODY_USED')
    this.#bits |= BODY_USED
  }

  #takeView(): Buffer {
    this.#useBody()
    const inbox = this.#context.port.inbox
    const length = inbox[this.#at + Word.BODY_LENGTH] as number
    return length === 0
      ? NONE
      : this.#context.received.at(inbox[this.#at + Word.BODY_OFFSET] as number, length)
  }

  async #collect<T>(limit: number | undefined, convert: (bytes: Buffer, borrowed: boolean) => T): Promise<T> {
    const most = limit ?? Infinity
    if (!this.#isWhole()) return convert(await this.#body().collect(most), false)
    const view = this.#takeView()
    if (view.length > most) throw new HttpError(413, 'ERR_BODY_TOO_LARGE', `the body exceeds ${most} bytes`)
    return convert(view, true)
  }

  #body(): RequestBody {
    const side = this.#rare()
    if (side.body !== undefined) return side.body
    if ((this.#bits & BODY_USED) !== 0) throw new HeddleError('ERR_BODY_USED')
    side.body = new RequestBody(this.#context, this.#connection, this.#bits & 0xff, this.#wholeCopy())
    if (side.exchange !== undefined) side.body.listed(side.exchange)
    if (side.error !== undefined) side.body.gone(side.error)
    return side.body
  }

  /** A copy of the body if all of it is here; undefined if it is to come. */
  #wholeCopy(): Buffer | undefined {
    if ((this.#bits & flag(RequestFlag.HAS_BODY)) === 0) return NONE
    if ((this.#bits & flag(RequestFlag.BODY_COMPLETE)) === 0) return undefined
    if (this.#at < 0) throw new HeddleError('ERR_STALE_VIEW', 'the request was answered and its body is gone')
    const inbox = this.#context.port.inbox
    const length = inbox[this.#at + Word.BODY_LENGTH] as number
    return Buffer.from(this.#context.received.at(inbox[this.#at + Word.BODY_OFFSET] as number, length))
  }
}

function owned(bytes: Buffer, borrowed: boolean): Buffer {
  return borrowed ? Buffer.from(bytes) : bytes
}

function textOf(bytes: Buffer): string {
  return utf8Text(bytes, 0, bytes.length)
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(textOf(bytes))
  } catch (error) {
    throw new HttpError(400, 'ERR_INVALID_JSON', 'the body is not JSON', error)
  }
}
