import type { HttpSpec } from '../backend'
import { CloseReason, In, METHODS, RequestFlag } from '../protocol'
import { Connection, type FlowLimits, type Host, type Origin } from './connection'
import type { Deadline } from './deadline-heap'
import { errno } from './errno'
import { ChunkedDecoder } from './http-chunked'
import { type RequestHead, Refused, isWorthParsing, parseHead } from './http-head'
import { type Exchange, Responses } from './http-responses'
import type { Inbox } from './inbox'

const REQUEST_WORDS = 11
/** Unreported input above which reading stops. */
const MAX_QUEUED_BYTES = 131072
/** What is left of an unwanted body is read and dropped up to this size; beyond it closing is cheaper. */
const MAX_DISCARDED_BYTES = 262144
/** How long a client that is still sending is listened to after the last answer. */
const LINGER_MS = 2000
const HEAD = METHODS.indexOf('HEAD')
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')
const EMPTY = Buffer.alloc(0)

/** The body in transit: at most one, since the next head comes after it. */
interface Body {
  readonly exchange: Exchange
  readonly chunks: ChunkedDecoder | undefined
  remaining: number
  received: number
  isWanted: boolean
  /** Its request is answered: the rest is thrown away. */
  isDiscarded: boolean
  /** 100 Continue has to be sent before the client goes on. */
  isContinueDue: boolean
  startedAt: number
}

/** What a step of the reader came to. */
type Step = 'more' | 'wait' | 'full'

/**
 * One connection of an HTTP listener: finds requests in what was read and reports them, streams bodies on demand,
 * and keeps the time-outs. The rules of the grammar and of the limits are those of the native core.
 */
export class HttpConnection extends Connection {
  readonly #spec: HttpSpec
  readonly #responses: Responses
  #chunks: Buffer[] = []
  #input: Buffer = EMPTY
  #queuedBytes = 0
  /** Bytes of an incomplete head that were looked at. */
  #scanned = 0
  #headStartedAt: number | undefined
  #body: Body | undefined
  #requests = 0
  /** No further request is read. */
  #isStopped = false
  /** Input was left unread: the client may be sending still. */
  #hasUnread = false
  #hasEnded = false
  #isEndHandled = false
  #isLingering = false
  #activeAt: number
  #check: Deadline<(now: number) => void> | undefined
  readonly #notes: number[][] = []

  constructor(host: Host, handle: number, limits: FlowLimits, spec: HttpSpec, origin: Origin) {
    super(host, handle, limits, origin)
    this.#spec = spec
    this.#activeAt = host.time()
    const connection = this
    this.#responses = new Responses({
      highWaterBytes: limits.highWaterBytes,
      lowWaterBytes: limits.lowWaterBytes,
      maxWriteBufferBytes: limits.maxWriteBufferBytes,
      get pending() {
        return connection.pending
      },
      gather: (view) => this.gather(view),
      writeOwned: (block) => this.writeOwned(block),
      note: (kind, ...words) => this.#note(kind, this.handle, ...words),
      mustClose: (exchange) => this.#mustClose(exchange),
      answered: (exchange) => this.#settleBody(exchange),
      promoted: (exchange) => this.#promoted(exchange),
      advanced: () => this.#release(),
      closeWhenSent: () => this.#closeWhenSent(),
      fail: (error) => this.destroy(error, CloseReason.OVERFLOW),
    })
  }

  accepted(): void {
    this.transport.setReading(true)
    this.#armCheck()
  }

  /** The time-outs of HTTP stand in for the idle time-out of a stream. */
  override setIdleTimeout(): void {}

  connected(): void {}

  data(chunk: Uint8Array): void {
    this.touch()
    if (this.#isLingering || this.isClosing) return
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    this.#queuedBytes += chunk.length
    this.#updateReading()
    this.host.report(this)
  }

  ended(): void {
    this.#hasEnded = true
    if (this.#isLingering) this.close()
    else this.host.report(this)
  }

  /** Finish what is under way, then close; idle connections close now. */
  drain(): void {
    if (this.isClosing) return
    const last = this.#responses.last
    if (last !== undefined) {
      last.closes = true
      return
    }
    if (this.#queuedBytes > 0 || this.#body !== undefined) return
    this.#isStopped = true
    this.#closeWhenSent()
  }

  respond(seq: number, status: number, flags: number, lines: Uint8Array, body: Uint8Array): void {
    const exchange = this.#responses.find(seq)
    if (exchange !== undefined) this.#responses.respond(exchange, status, flags, lines, body)
  }

  head(seq: number, status: number, flags: number, lines: Uint8Array, length: number): void {
    const exchange = this.#responses.find(seq)
    if (exchange !== undefined) this.#responses.beginStream(exchange, status, flags, lines, length)
  }

  /** 0 or a negative errno. */
  chunk(seq: number, bytes: Uint8Array, isOwned: boolean): number {
    const exchange = this.#responses.find(seq)
    if (exchange === undefined || this.isClosing) return -errno.EPIPE
    return this.#responses.chunk(exchange, bytes, isOwned)
  }

  end(seq: number): void {
    const exchange = this.#responses.find(seq)
    if (exchange !== undefined) this.#responses.end(exchange)
  }

  wantDrain(seq: number): void {
    const exchange = this.#responses.find(seq)
    if (exchange !== undefined) this.#responses.wantDrain(exchange)
  }

  resumeBody(seq: number): void {
    const body = this.#body
    if (body === undefined || body.exchange.seq !== seq || body.isDiscarded) return
    // The time in which nobody wanted the body is not the client's.
    if (!body.isWanted) body.startedAt = this.host.time()
    body.isWanted = true
    if (body.isContinueDue && this.#responses.isFirst(body.exchange)) this.#sendContinue(body)
    this.#release()
  }

  pauseBody(seq: number): void {
    if (this.#body?.exchange.seq === seq) this.#body.isWanted = false
  }

  get heldBytes(): number {
    return this.#responses.heldBytes + this.#queuedBytes
  }

  collect(inbox: Inbox): boolean {
    if (!this.isGone && !this.isClosing && !this.#isLingering && this.#read(inbox) === 'full') return false
    while (this.#notes.length > 0) {
      const [kind, ...words] = this.#notes[0] as [number, ...number[]]
      if (!inbox.hasRoom(words.length + 1)) return false
      const at = inbox.begin(kind, words.length + 1)
      words.forEach((word, n) => (inbox.words32[at + 1 + n] = word))
      this.#notes.shift()
    }
    if (this.isGone) this.host.forget(this)
    return true
  }

  protected override touch(): void {
    super.touch()
    this.#activeAt = this.host.time()
  }

  protected outputChanged(): void {
    this.#responses.waterMarks()
    this.#updateReading()
    if (this.#queuedBytes > 0 || this.#hasEnded) this.host.report(this)
  }

  protected gone(): void {
    if (this.#check !== undefined) this.host.deadlines.remove(this.#check)
    if (this.#responses.outstanding > 0) {
      this.#note(In.HTTP_ABORT, this.handle, this.error || errno.ECONNRESET, this.reason ?? CloseReason.LOCAL)
    }
    this.#responses.clear()
    this.#body = undefined
    this.#dropInput()
    this.host.report(this)
  }

  #note(kind: number, ...words: number[]): void {
    this.#notes.push([kind, ...words])
    this.host.report(this)
  }

  /** Takes requests and bodies out of the input until it is empty or something has to happen first. */
  #read(inbox: Inbox): Step {
    this.#gatherInput()
    let step: Step = 'more'
    while (step === 'more' && !this.isClosing) {
      if (this.#body !== undefined) step = this.#takeBody(inbox, this.#body)
      else if (this.#isStopped) break
      else step = this.#takeRequest(inbox)
    }
    if (step === 'full') return step
    if (this.#isStopped && this.#body === undefined && this.#queuedBytes > 0) {
      this.#hasUnread = true
      this.#dropInput()
    }
    this.#updateReading()
    this.#handleEnd()
    return step
  }

  #gatherInput(): void {
    if (this.#chunks.length === 0) return
    if (this.#input.length === 0 && this.#chunks.length === 1) this.#input = this.#chunks[0] as Buffer
    else this.#input = Buffer.concat([this.#input, ...this.#chunks])
    this.#chunks = []
  }

  #dropInput(): void {
    this.#chunks = []
    this.#input = EMPTY
    this.#queuedBytes = 0
  }

  #consume(count: number): void {
    this.#input = count === this.#input.length ? EMPTY : this.#input.subarray(count)
    this.#queuedBytes -= count
  }

  #takeRequest(inbox: Inbox): Step {
    if (this.#input.length === 0 || this.#isOutputFull()) return 'wait'
    if (this.#responses.outstanding >= this.#spec.maxPipelined) return 'wait'
    this.#headStartedAt ??= this.host.time()
    if (!isWorthParsing(this.#input, this.#scanned, this.#spec)) {
      this.#scanned = this.#input.length
      return 'wait'
    }
    const head = parseHead(this.#input, this.#spec)
    if (head === undefined) {
      this.#scanned = this.#input.length
      return 'wait'
    }
    if (head instanceof Refused) return this.#refuse(head.status)
    if (head.contentLength > (this.#spec.maxBodyBytes || Infinity)) return this.#refuse(413)
    return this.#report(inbox, head)
  }

  #report(inbox: Inbox, head: RequestHead): Step {
    const headEnd = head.skipped + head.headBytes
    const hasBody = head.isChunked || head.contentLength > 0
    const isBodyHere = hasBody && !head.isChunked && head.contentLength <= this.#input.length - headEnd
    const isComplete = isBodyHere && head.headBytes + head.contentLength <= inbox.recv.length
    const bodyBytes = isComplete ? head.contentLength : 0
    const words = REQUEST_WORDS + head.headerWords.length
    if (!inbox.hasRoom(words, head.headBytes + bodyBytes)) return 'full'
    const { exchange, startedAt } = this.#begin(head)
    const offset = inbox.put(this.#input.subarray(head.skipped, headEnd + bodyBytes))
    this.#consume(headEnd + bodyBytes)
    if (hasBody && !isComplete) this.#openBody(head, exchange, startedAt)

    let flags = head.keepAlive ? RequestFlag.KEEP_ALIVE : 0
    if (head.isHttp10) flags |= RequestFlag.HTTP_1_0
    if (hasBody) flags |= RequestFlag.HAS_BODY
    if (head.isChunked) flags |= RequestFlag.CHUNKED
    if (isComplete) flags |= RequestFlag.BODY_COMPLETE
    if (this.#body?.isContinueDue) flags |= RequestFlag.EXPECT_CONTINUE

    const at = inbox.begin(In.HTTP_REQUEST, words)
    const out = inbox.words32
    out[at + 1] = this.origin?.handle ?? 0
    out[at + 2] = this.handle
    out[at + 3] = exchange.seq | (flags << 8) | (head.method << 24)
    out[at + 4] = offset
    out[at + 5] = head.headBytes
    out[at + 6] = offset + head.targetAt
    out[at + 7] = head.targetLength
    out[at + 8] = head.headerWords.length >> 1
    out[at + 9] = offset + head.headBytes
    out[at + 10] = bodyBytes
    out.set(head.headerWords, at + REQUEST_WORDS)
    return 'more'
  }

  #begin(head: RequestHead): { exchange: Exchange; startedAt: number } {
    const startedAt = this.#headStartedAt ?? this.host.time()
    this.#headStartedAt = undefined
    this.#scanned = 0
    this.#requests++
    const { maxRequestsPerConnection } = this.#spec
    const isLast = maxRequestsPerConnection > 0 && this.#requests >= maxRequestsPerConnection
    const closes = !head.keepAlive || isLast || this.origin?.isDraining === true
    if (closes) this.#isStopped = true
    return { exchange: this.#responses.begin(head.method === HEAD, head.isHttp10, closes), startedAt }
  }

  #openBody(head: RequestHead, exchange: Exchange, startedAt: number): void {
    this.#body = {
      exchange,
      chunks: head.isChunked ? new ChunkedDecoder(this.#spec.maxHeadBytes) : undefined,
      remaining: head.contentLength,
      received: 0,
      isWanted: false,
      isDiscarded: false,
      isContinueDue: head.expectContinue && this.#input.length === 0,
      startedAt,
    }
  }

  #takeBody(inbox: Inbox, body: Body): Step {
    if (this.#input.length === 0 || !(body.isWanted || body.isDiscarded)) return 'wait'
    if (!body.isDiscarded && !inbox.hasRoom(12, 1)) return 'full'
    // The client did not wait for it.
    body.isContinueDue = false
    return body.chunks === undefined ? this.#takeLength(inbox, body) : this.#takeChunk(inbox, body, body.chunks)
  }

  #takeLength(inbox: Inbox, body: Body): Step {
    const room = body.isDiscarded ? Infinity : inbox.freeBytes
    const count = Math.min(this.#input.length, body.remaining, room)
    body.remaining -= count
    this.#pass(inbox, body, this.#input.subarray(0, count), body.remaining === 0)
    this.#consume(count)
    if (body.remaining === 0) this.#body = undefined
    return 'more'
  }

  #takeChunk(inbox: Inbox, body: Body, chunks: ChunkedDecoder): Step {
    const input = body.isDiscarded ? this.#input : this.#input.subarray(0, inbox.freeBytes)
    const step = chunks.next(input, 0)
    if (step.isBad) return this.#abortBody(body, errno.EPROTO, 400)
    body.received += step.dataLength
    if (body.received > (this.#spec.maxBodyBytes || Infinity)) return this.#abortBody(body, errno.EMSGSIZE, 413)
    if (step.dataLength > 0) this.#pass(inbox, body, input.subarray(step.consumed - step.dataLength, step.consumed), false)
    this.#consume(step.consumed)
    if (!step.isDone) return 'more'
    this.#pass(inbox, body, EMPTY, true)
    this.#body = undefined
    return 'more'
  }

  #pass(inbox: Inbox, body: Body, bytes: Buffer, isLast: boolean): void {
    if (body.isDiscarded) return
    const at = inbox.begin(In.HTTP_BODY, 6)
    const out = inbox.words32
    out[at + 1] = this.handle
    out[at + 2] = body.exchange.seq
    out[at + 3] = inbox.put(bytes)
    out[at + 4] = bytes.length
    out[at + 5] = isLast ? 1 : 0
  }

  /** Answers what cannot be a request, behind the answers that are due before, and closes. */
  #refuse(status: number): Step {
    this.#note(In.HTTP_REFUSED, this.origin?.handle ?? 0, errno.EPROTO, status)
    this.#headStartedAt = undefined
    this.#isStopped = true
    this.#hasUnread = true
    this.#responses.refuse(this.#responses.begin(false, false, true), status)
    return 'wait'
  }

  /**
   * The body cannot be read to its end. Its request gets `status` if it has no answer yet and nothing stands before
   * it; the layer above is told in any case, by the record that ends all requests of a connection.
   */
  #abortBody(body: Body, error: number, status: number): Step {
    const { exchange } = body
    const wasOutstanding = this.#responses.outstanding > 0
    const isAnswerable = this.#responses.isFirst(exchange) && !exchange.isDone && !exchange.isBegun
    this.#body = undefined
    this.#isStopped = true
    this.#hasUnread = true
    if (wasOutstanding) this.#note(In.HTTP_ABORT, this.handle, error, CloseReason.ERROR)
    this.#note(In.HTTP_REFUSED, this.origin?.handle ?? 0, error, status)
    if (isAnswerable) {
      this.#responses.refuse(exchange, status)
    } else {
      this.#responses.clear()
      this.destroy(error, CloseReason.ERROR)
    }
    return 'wait'
  }

  /** A half-closed client still gets its answers. */
  #handleEnd(): void {
    if (!this.#hasEnded || this.#isEndHandled || this.isClosing) return
    const isBlocked = this.#queuedBytes > 0 && (this.#body !== undefined || this.#responses.outstanding > 0)
    if (isBlocked && !this.#isStopped) return
    this.#isEndHandled = true
    if (this.#body !== undefined) return this.destroy(errno.ECONNRESET, CloseReason.PEER)
    this.#isStopped = true
    const last = this.#responses.last
    if (last === undefined) this.#closeWhenSent()
    else last.closes = true
  }

  #mustClose(exchange: Exchange): boolean {
    if (this.origin?.isDraining) return true
    const body = this.#body
    if (body === undefined || body.exchange !== exchange) return false
    // A client that waits for 100 Continue may or may not send the body now; a long rest is not worth reading.
    return body.isContinueDue || body.remaining > MAX_DISCARDED_BYTES
  }

  #settleBody(exchange: Exchange): void {
    const body = this.#body
    if (exchange.closes) this.#isStopped = true
    if (body === undefined || body.exchange !== exchange) return
    if (exchange.closes) {
      this.#hasUnread = true
      this.#body = undefined
      return
    }
    body.isDiscarded = true
    this.#release()
  }

  #promoted(exchange: Exchange): void {
    const body = this.#body
    if (body !== undefined && body.exchange === exchange && body.isContinueDue && body.isWanted) this.#sendContinue(body)
  }

  #sendContinue(body: Body): void {
    body.isContinueDue = false
    this.gather(CONTINUE)
  }

  /** Something the input may have waited for has happened. */
  #release(): void {
    if (this.#queuedBytes > 0 || this.#hasEnded) this.host.report(this)
    this.#updateReading()
  }

  /** Closing while the client sends would reset the connection, and the reset could overtake the answer. */
  #closeWhenSent(): void {
    this.#isStopped = true
    this.flushOutput()
    const isUnread = this.#hasUnread || this.#body !== undefined || this.#queuedBytes > 0
    if (this.#hasEnded || !isUnread) return this.close(this.#hasEnded ? CloseReason.PEER : CloseReason.LOCAL)
    if (this.#isLingering) return
    this.#isLingering = true
    this.#dropInput()
    this.transport.end()
    this.touch()
    this.#armCheck()
    this.#updateReading()
  }

  #isOutputFull(): boolean {
    const { highWaterBytes } = this.limits
    return highWaterBytes > 0 && this.pending > highWaterBytes
  }

  #updateReading(): void {
    if (this.isGone || this.isClosing) return
    const isFull = this.#queuedBytes >= MAX_QUEUED_BYTES || this.#isOutputFull()
    this.transport.setReading(this.#isLingering || !isFull)
  }

  /** The time-out that counts at present, or undefined. */
  #deadline(): number | undefined {
    const after = (start: number, ms: number) => (ms > 0 ? start + ms : undefined)
    const spec = this.#spec
    if (this.pending > 0) return after(this.#activeAt, spec.writeTimeoutMs)
    if (this.#isLingering) return after(this.#activeAt, LINGER_MS)
    const body = this.#body
    const isBodyDue = body !== undefined && (body.isWanted || body.isDiscarded || this.#queuedBytes === 0)
    if (isBodyDue) return after(body.startedAt, spec.requestTimeoutMs)
    if (this.#responses.outstanding > 0) return undefined
    if (this.#headStartedAt !== undefined) return after(this.#headStartedAt, spec.headTimeoutMs)
    return after(this.#activeAt, this.#requests === 0 ? spec.headTimeoutMs : spec.keepAliveTimeoutMs)
  }

  /**
   * One deadline per connection, never further ahead than the shortest time-out: no time-out that starts later can
   * be nearer than the next check, so that starting one costs nothing.
   */
  #armCheck(): void {
    const { headTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, writeTimeoutMs } = this.#spec
    const spans = [headTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, writeTimeoutMs].filter((ms) => ms > 0)
    if (this.#isLingering) spans.push(LINGER_MS)
    if (this.#check !== undefined) this.host.deadlines.remove(this.#check)
    this.#check = undefined
    if (spans.length === 0 || this.isGone) return
    const now = this.host.time()
    const at = Math.min(this.#deadline() ?? Infinity, now + Math.min(...spans))
    // What has expired but takes its time to end is looked at in a later pass, never again in this one.
    this.#check = this.host.deadlines.add(Math.max(at, now + 1), (due) => this.#checkDue(due))
    this.host.requestPass()
  }

  #checkDue(now: number): void {
    this.#check = undefined
    if (this.isGone) return
    if (this.pending > 0 && this.hasProgressed()) this.touch()
    const deadline = this.#deadline()
    if (deadline !== undefined && deadline < now) this.#expired()
    if (!this.isGone) this.#armCheck()
  }

  #expired(): void {
    if (this.pending > 0) return this.destroy(errno.ETIMEDOUT, CloseReason.IDLE)
    if (this.#isLingering) return this.close()
    if (this.#body !== undefined) return void this.#abortBody(this.#body, errno.ETIMEDOUT, 408)
    if (this.#headStartedAt !== undefined) return void this.#refuse(408)
    this.close(CloseReason.IDLE)
  }
}
