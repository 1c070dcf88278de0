import type { HttpSpec } from '../backend'
import { CloseReason, In, INDEX_WORDS, METHODS, RequestFlag } from '../protocol'
import { errno } from './errno'
import { headerIndex } from './header-index'
import { ChunkedDecoder } from './http-chunked'
import { isWorthParsing, parseHead, Refused, type RequestHead } from './http-head'
import type { Exchange, Responses } from './http-responses'
import type { Inbox } from './inbox'

const FIXED_WORDS = 11
const REQUEST_WORDS = FIXED_WORDS + INDEX_WORDS
const BODY_WORDS = 6
/** What is left of an unwanted body is read and dropped up to this size; beyond it closing is cheaper. */
const MAX_DISCARDED_BYTES = 262144
const HEAD = METHODS.indexOf('HEAD')
const EMPTY = Buffer.alloc(0)

/** The body in transit: at most one, since the next head comes after it. */
export interface RequestBody {
  readonly exchange: Exchange
  readonly chunks: ChunkedDecoder | undefined
  remaining: number
  received: number
  isWanted: boolean
  /** Its request is answered: the rest is thrown away. */
  isDiscarded: boolean
  /** 100 Continue has to be sent before the client goes on. */
  isContinueDue: boolean
  /** When the first byte of the request came, later by the time in which nobody wanted the body. */
  startedAt: number
  /** Since when nobody wants it. */
  restedAt: number
}

/** What the reader needs of its connection. */
export interface ReaderOwner {
  readonly handle: number
  readonly listener: number
  readonly spec: HttpSpec
  readonly responses: Responses
  readonly isDraining: boolean
  readonly isClosing: boolean
  /** A client that does not take its answers gets no further ones. */
  readonly isOutputFull: boolean
  time(): number
  note(kind: number, ...words: number[]): void
  destroy(error: number, reason: number): void
}

/** What a step came to: go on, wait for something, or wait for room in the inbox. */
type Step = 'more' | 'wait' | 'full'

/** Finds the requests and bodies of one connection in what was read, and reports them. */
export class HttpReader {
  readonly #owner: ReaderOwner
  #chunks: Buffer[] = []
  #input: Buffer = EMPTY
  /** Bytes that were not dealt with yet. */
  queuedBytes = 0
  /** Bytes of an incomplete head that were looked at. */
  #scanned = 0
  /** When the first byte of an incomplete head came. */
  headStartedAt: number | undefined
  body: RequestBody | undefined
  /** Requests seen. */
  requests = 0
  /** No further request is read. */
  isStopped = false
  /** Input was left unread: the client may be sending still. */
  hasUnread = false

  constructor(owner: ReaderOwner) {
    this.#owner = owner
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    this.queuedBytes += chunk.length
  }

  drop(): void {
    this.#chunks = []
    this.#input = EMPTY
    this.queuedBytes = 0
  }

  /** Takes requests and bodies until the input is empty or something has to happen first. False: no room. */
  read(inbox: Inbox): boolean {
    this.#joinInput()
    let step: Step = 'more'
    while (step === 'more' && !this.#owner.isClosing) {
      if (this.body !== undefined) step = this.#takeBody(inbox, this.body)
      else if (this.isStopped) break
      else step = this.#takeRequest(inbox)
    }
    if (step === 'full') return false
    if (this.isStopped && this.body === undefined && this.queuedBytes > 0) {
      this.hasUnread = true
      this.drop()
    }
    return true
  }

  /** Whether an answer must end the connection because of the body of its request. */
  mustClose(exchange: Exchange): boolean {
    const body = this.body
    if (body === undefined || body.exchange !== exchange) return false
    // A client that waits for 100 Continue may or may not send the body; a long rest is not worth reading.
    return body.isContinueDue || body.remaining > MAX_DISCARDED_BYTES
  }

  /** The exchange is answered: what is left of its body is dropped, or left unread if the connection ends. */
  answered(exchange: Exchange): void {
    if (exchange.closes) this.isStopped = true
    const body = this.body
    if (body === undefined || body.exchange !== exchange) return
    if (!exchange.closes) {
      this.restartClock(body)
      body.isDiscarded = true
      return
    }
    this.hasUnread = true
    this.body = undefined
  }

  /** The body is about to be wanted, or thrown away, and the client's time goes on where it stopped. */
  restartClock(body: RequestBody): void {
    if (!body.isWanted && !body.isDiscarded) body.startedAt += this.#owner.time() - body.restedAt
  }

  /** Answers what cannot be a request, behind the answers that are due before, and closes. */
  refuse(status: number): void {
    const { responses } = this.#owner
    this.#owner.note(In.HTTP_REFUSED, this.#owner.listener, errno.EPROTO, status)
    this.headStartedAt = undefined
    this.#stop()
    responses.refuse(responses.begin(false, false, true), status)
  }

  /**
   * The body cannot be read to its end. Its request gets `status` if it has no answer yet and nothing stands
   * before it; the layer above is told in any case, by the record that ends all requests of a connection.
   */
  abortBody({ exchange }: RequestBody, error: number, status: number): void {
    const owner = this.#owner
    const { responses } = owner
    const isAnswerable = responses.isFirst(exchange) && !exchange.isDone && !exchange.isBegun
    this.body = undefined
    this.#stop()
    if (responses.outstanding > 0) owner.note(In.HTTP_ABORT, owner.handle, error, CloseReason.ERROR)
    owner.note(In.HTTP_REFUSED, owner.listener, error, status)
    if (isAnswerable) {
      responses.refuse(exchange, status)
      return
    }
    responses.clear()
    owner.destroy(error, CloseReason.ERROR)
  }

  #stop(): void {
    this.isStopped = true
    this.hasUnread = true
  }

  #joinInput(): void {
    if (this.#chunks.length === 0) return
    const isAlone = this.#input.length === 0 && this.#chunks.length === 1
    this.#input = isAlone ? (this.#chunks[0] as Buffer) : Buffer.concat([this.#input, ...this.#chunks])
    this.#chunks = []
  }

  #consume(count: number): void {
    this.#input = count === this.#input.length ? EMPTY : this.#input.subarray(count)
    this.queuedBytes -= count
  }

  #takeRequest(inbox: Inbox): Step {
    const { spec, responses, isOutputFull } = this.#owner
    if (this.#input.length === 0 || isOutputFull || responses.outstanding >= spec.maxPipelined) return 'wait'
    this.headStartedAt ??= this.#owner.time()
    const isNews = isWorthParsing(this.#input, this.#scanned, spec)
    const head = isNews ? parseHead(this.#input, spec) : undefined
    if (head === undefined) {
      this.#scanned = this.#input.length
      return 'wait'
    }
    if (!(head instanceof Refused) && head.contentLength <= (spec.maxBodyBytes || Infinity)) {
      return this.#report(inbox, head)
    }
    this.refuse(head instanceof Refused ? head.status : 413)
    return 'wait'
  }

  #report(inbox: Inbox, head: RequestHead): Step {
    const headEnd = head.skipped + head.headBytes
    const hasBody = head.isChunked || head.contentLength > 0
    const isBodyHere = hasBody && !head.isChunked && head.contentLength <= this.#input.length - headEnd
    const isComplete = isBodyHere && head.headBytes + head.contentLength <= inbox.recv.length
    const bodyBytes = isComplete ? head.contentLength : 0
    const words = REQUEST_WORDS + head.headerWords.length
    if (!inbox.hasRoom(words, head.headBytes + bodyBytes)) return 'full'
    const startedAt = this.headStartedAt ?? this.#owner.time()
    const exchange = this.#begin(head)
    const offset = inbox.put(this.#input.subarray(head.skipped, headEnd + bodyBytes))
    this.#consume(headEnd + bodyBytes)
    if (hasBody && !isComplete) this.#openBody(head, exchange, startedAt)

    let flags = head.keepAlive ? RequestFlag.KEEP_ALIVE : 0
    if (head.isHttp10) flags |= RequestFlag.HTTP_1_0
    if (hasBody) flags |= RequestFlag.HAS_BODY
    if (head.isChunked) flags |= RequestFlag.CHUNKED
    if (isComplete) flags |= RequestFlag.BODY_COMPLETE
    if (this.body?.isContinueDue) flags |= RequestFlag.EXPECT_CONTINUE

    const at = inbox.begin(In.HTTP_REQUEST, words)
    const out = inbox.words32
    out[at + 1] = this.#owner.listener
    out[at + 2] = this.#owner.handle
    out[at + 3] = exchange.seq | (flags << 8) | (head.method << 24)
    out[at + 4] = offset
    out[at + 5] = head.headBytes
    out[at + 6] = offset + head.targetAt
    out[at + 7] = head.targetLength
    out[at + 8] = head.headerWords.length >> 1
    out[at + 9] = offset + head.headBytes
    out[at + 10] = bodyBytes
    out.set(headerIndex(head.headerWords), at + FIXED_WORDS)
    out.set(head.headerWords, at + REQUEST_WORDS)
    return 'more'
  }

  #begin(head: RequestHead): Exchange {
    const { spec, responses, isDraining } = this.#owner
    this.headStartedAt = undefined
    this.#scanned = 0
    this.requests++
    const isLast = spec.maxRequestsPerConnection > 0 && this.requests >= spec.maxRequestsPerConnection
    const closes = !head.keepAlive || isLast || isDraining
    if (closes) this.isStopped = true
    return responses.begin(head.method === HEAD, head.isHttp10, closes)
  }

  #openBody(head: RequestHead, exchange: Exchange, startedAt: number): void {
    this.body = {
      exchange,
      chunks: head.isChunked ? new ChunkedDecoder(this.#owner.spec.maxHeadBytes) : undefined,
      remaining: head.contentLength,
      received: 0,
      isWanted: false,
      isDiscarded: false,
      isContinueDue: head.expectContinue && this.#input.length === 0,
      startedAt,
      restedAt: this.#owner.time(),
    }
  }

  #takeBody(inbox: Inbox, body: RequestBody): Step {
    if (this.#input.length === 0 || !(body.isWanted || body.isDiscarded)) return 'wait'
    if (!body.isDiscarded && !inbox.hasRoom(2 * BODY_WORDS, 1)) return 'full'
    // The client did not wait for it.
    body.isContinueDue = false
    if (body.chunks === undefined) this.#takeLength(inbox, body)
    else this.#takeChunk(inbox, body, body.chunks)
    return 'more'
  }

  #takeLength(inbox: Inbox, body: RequestBody): void {
    const room = body.isDiscarded ? Infinity : inbox.freeBytes
    const count = Math.min(this.#input.length, body.remaining, room)
    body.remaining -= count
    this.#pass(inbox, body, this.#input.subarray(0, count), body.remaining === 0)
    this.#consume(count)
    if (body.remaining === 0) this.body = undefined
  }

  #takeChunk(inbox: Inbox, body: RequestBody, chunks: ChunkedDecoder): void {
    const input = body.isDiscarded ? this.#input : this.#input.subarray(0, inbox.freeBytes)
    const { consumed, dataLength, isDone, isBad } = chunks.next(input, 0)
    body.received += dataLength
    const isTooLong = body.received > (this.#owner.spec.maxBodyBytes || Infinity)
    if (isBad || isTooLong) {
      this.abortBody(body, isBad ? errno.EPROTO : errno.EMSGSIZE, isBad ? 400 : 413)
      return
    }
    if (dataLength > 0) this.#pass(inbox, body, input.subarray(consumed - dataLength, consumed), false)
    this.#consume(consumed)
    if (!isDone) return
    this.#pass(inbox, body, EMPTY, true)
    this.body = undefined
  }

  #pass(inbox: Inbox, body: RequestBody, bytes: Buffer, isLast: boolean): void {
    if (body.isDiscarded) return
    const at = inbox.begin(In.HTTP_BODY, BODY_WORDS)
    const out = inbox.words32
    out[at + 1] = this.#owner.handle
    out[at + 2] = body.exchange.seq
    out[at + 3] = inbox.put(bytes)
    out[at + 4] = bytes.length
    out[at + 5] = isLast ? 1 : 0
  }
}
