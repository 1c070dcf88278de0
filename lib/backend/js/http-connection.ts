import type { HttpSpec } from '../backend'
import { CloseReason, In } from '../protocol'
import { Connection, type FlowLimits, type Host, type Origin } from './connection'
import type { Deadline } from './deadline-heap'
import { errno } from './errno'
import { HttpReader, type RequestBody } from './http-reader'
import { type Exchange, Responses } from './http-responses'
import type { Inbox } from './inbox'

/** Unreported input above which reading stops. */
const MAX_QUEUED_BYTES = 131072
/** How long a client that is still sending is listened to after the last answer. */
const LINGER_MS = 2000
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

/**
 * One connection of an HTTP listener: a reader of requests, the responses, and the time-outs between them.
 * The rules of the grammar and of the limits are those of the native core.
 */
export class HttpConnection extends Connection {
  readonly #spec: HttpSpec
  readonly #responses: Responses
  readonly #reader: HttpReader
  #hasEnded = false
  #isEndHandled = false
  #isLingering = false
  #activeAt: number
  #check: Deadline<(now: number) => void> | undefined
  /** Records that wait for the next pass. */
  readonly #notes: number[][] = []

  constructor(host: Host, handle: number, limits: FlowLimits, spec: HttpSpec, origin: Origin) {
    super(host, handle, limits, origin)
    this.#spec = spec
    this.#activeAt = host.time()
    this.#responses = this.#makeResponses(limits)
    this.#reader = this.#makeReader(spec, origin)
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
    this.#reader.push(chunk)
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
      // What was handed over is answered to the last; nothing further is taken.
      this.#reader.isStopped = true
      last.closes = true
    } else if (this.#reader.queuedBytes === 0 && this.#reader.body === undefined) this.#closeWhenSent()
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
    const body = this.#reader.body
    if (body === undefined || body.exchange.seq !== seq || body.isDiscarded) return
    this.#reader.restartClock(body)
    body.isWanted = true
    if (body.isContinueDue && this.#responses.isFirst(body.exchange)) this.#sendContinue(body)
    this.#release()
  }

  pauseBody(seq: number): void {
    const body = this.#reader.body
    if (body?.exchange.seq !== seq || !body.isWanted) return
    body.isWanted = false
    body.restedAt = this.host.time()
  }

  override get held(): number {
    return this.#responses.heldBytes + this.#reader.queuedBytes
  }

  collect(inbox: Inbox): boolean {
    if (!this.isGone && !this.isClosing && !this.#isLingering) {
      if (!this.#reader.read(inbox)) return false
      this.#updateReading()
      this.#handleEnd()
    }
    while (this.#notes.length > 0) {
      if (!inbox.write(this.#notes[0] as number[])) return false
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
    this.#release()
  }

  protected gone(): void {
    if (this.#check !== undefined) this.host.deadlines.remove(this.#check)
    if (this.#responses.outstanding > 0) {
      const reason = this.reason ?? CloseReason.LOCAL
      this.#note(In.HTTP_ABORT, this.handle, this.error || errno.ECONNRESET, reason)
    }
    this.#responses.clear()
    this.#reader.body = undefined
    this.#reader.drop()
    this.host.report(this)
  }

  #makeResponses(limits: FlowLimits): Responses {
    const pending = () => this.pending
    return new Responses({
      highWaterBytes: limits.highWaterBytes,
      lowWaterBytes: limits.lowWaterBytes,
      maxWriteBufferBytes: limits.maxWriteBufferBytes,
      get pending() {
        return pending()
      },
      gather: (view) => this.gather(view),
      writeOwned: (block) => this.writeOwned(block),
      note: (kind, ...words) => this.#note(kind, this.handle, ...words),
      mustClose: (exchange) => this.#reader.mustClose(exchange),
      answered: (exchange) => this.#answered(exchange),
      promoted: (exchange) => this.#promoted(exchange),
      advanced: () => this.#release(),
      closeWhenSent: () => this.#closeWhenSent(),
      fail: (error) => this.destroy(error, CloseReason.OVERFLOW),
    })
  }

  #makeReader(spec: HttpSpec, origin: Origin): HttpReader {
    const isOutputFull = () => this.#isOutputFull()
    const isClosing = () => this.isClosing
    return new HttpReader({
      handle: this.handle,
      listener: origin.handle,
      spec,
      responses: this.#responses,
      get isDraining() {
        return origin.isDraining
      },
      get isClosing() {
        return isClosing()
      },
      get isOutputFull() {
        return isOutputFull()
      },
      time: () => this.host.time(),
      note: (kind, ...words) => this.#note(kind, ...words),
      destroy: (error, reason) => this.destroy(error, reason),
    })
  }

  #note(kind: number, ...words: number[]): void {
    this.#notes.push([kind, ...words])
    this.host.report(this)
  }

  /** A half-closed client still gets its answers. What was read before the end comes first. */
  #handleEnd(): void {
    if (!this.#hasEnded || this.#isEndHandled || this.isClosing) return
    const reader = this.#reader
    const isBusy = reader.body !== undefined || this.#responses.outstanding > 0
    if (reader.queuedBytes > 0 && isBusy && !reader.isStopped) return
    this.#isEndHandled = true
    if (reader.body !== undefined) {
      this.destroy(errno.ECONNRESET, CloseReason.PEER)
      return
    }
    reader.isStopped = true
    const last = this.#responses.last
    if (last === undefined) this.#closeWhenSent()
    else last.closes = true
  }

  #answered(exchange: Exchange): void {
    this.#reader.answered(exchange)
    this.#release()
  }

  #promoted(exchange: Exchange): void {
    const body = this.#reader.body
    if (body?.exchange === exchange && body.isContinueDue && body.isWanted) this.#sendContinue(body)
  }

  #sendContinue(body: RequestBody): void {
    body.isContinueDue = false
    this.gather(CONTINUE)
  }

  /** Something the input may have waited for has happened. */
  #release(): void {
    if (this.#reader.queuedBytes > 0 || this.#hasEnded) this.host.report(this)
    this.#updateReading()
  }

  /** Closing while the client sends would reset the connection, and the reset could overtake the answer. */
  #closeWhenSent(): void {
    const reader = this.#reader
    reader.isStopped = true
    this.flushOutput()
    const isUnread = reader.hasUnread || reader.body !== undefined || reader.queuedBytes > 0
    if (this.#hasEnded || !isUnread) {
      this.close(this.#hasEnded ? CloseReason.PEER : CloseReason.LOCAL)
      return
    }
    if (this.#isLingering) return
    this.#isLingering = true
    reader.drop()
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
    const isFull = this.#reader.queuedBytes >= MAX_QUEUED_BYTES || this.#isOutputFull()
    this.transport.setReading(this.#isLingering || !isFull)
  }

  /** The time-out that counts at present, or undefined. */
  #deadline(): number | undefined {
    const after = (start: number, ms: number) => (ms > 0 ? start + ms : undefined)
    const { body, headStartedAt, requests } = this.#reader
    const { headTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, writeTimeoutMs } = this.#spec
    if (this.pending > 0) return after(this.#activeAt, writeTimeoutMs)
    if (this.#isLingering) return after(this.#activeAt, LINGER_MS)
    if (body?.isWanted || body?.isDiscarded) return after(body.startedAt, requestTimeoutMs)
    if (this.#responses.outstanding > 0) return undefined
    if (headStartedAt !== undefined) return after(headStartedAt, headTimeoutMs)
    return after(this.#activeAt, requests === 0 ? headTimeoutMs : keepAliveTimeoutMs)
  }

  /**
   * One deadline per connection, never further ahead than the shortest time-out: no time-out that starts later
   * can be nearer than the next check, so that starting one costs nothing.
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
    const { body, headStartedAt } = this.#reader
    if (this.pending > 0) this.destroy(errno.ETIMEDOUT, CloseReason.IDLE)
    else if (this.#isLingering) this.close()
    else if (body !== undefined) this.#reader.abortBody(body, errno.ETIMEDOUT, 408)
    else if (headStartedAt !== undefined) this.#reader.refuse(408)
    else this.close(CloseReason.IDLE)
  }
}
