import { type Accepted, AcoStream, type AcoWaitOptions, type Coroutine, fulfilled, kRelease } from '../aco'
import { type HeddleError, systemError, errnoNumber } from '../errors'
import type { Loop } from '../eventer'
import type { Reader } from '../io/reader'
import type { Connection } from './connection'
import type { HandlerSet } from './handlers'

/** Bytes that one write queues at most: its buffer is the caller's again when it returns, so they are copied. */
const PART_BYTES = 65536

/** What a connection gives to the coroutine that adopts it. */
export interface ConnectionGrip {
  readonly reader: Reader
  /** The callbacks of before, which a release brings back. */
  readonly handlers: HandlerSet<Connection>
}

/**
 * A connection that a coroutine has adopted. Bytes that the connection had not delivered come first; what arrives is copied
 * straight into the buffer of the read that waits, and the rest is kept up to the connection's limit, above which the peer
 * is pushed back. Writing queues and so returns at once until the output is above the high-water mark. The callbacks of the
 * connection rest until it is released. (AC-09 to AC-18, AC-28)
 */
export class AcoConnection extends AcoStream<Connection> {
  protected readonly home: Loop
  protected readonly reader: Reader
  readonly #connection: Connection
  readonly #handlers: HandlerSet<Connection>

  /** @internal See `aco.adopt`. */
  constructor(connection: Connection, co: Coroutine, grip: (stream: AcoConnection) => ConnectionGrip) {
    super(co)
    this.home = co.loop
    this.#connection = connection
    const { reader, handlers } = grip(this)
    reader.handTo(this.input)
    this.reader = reader
    this.#handlers = handlers
  }

  /** What was adopted: its addresses, its idle time-out, its descriptor. */
  get connection(): Connection {
    return this.#connection
  }

  /** The descriptor, -1 once closed. */
  get fd(): number {
    return this.over !== undefined || this.#connection.closed ? -1 : this.#connection.fd
  }

  get closure(): unknown {
    return this.#connection.context
  }

  set closure(value: unknown) {
    this.#connection.context = value
  }

  /** A connection accepts nothing: EINVAL. */
  accept(_options?: AcoWaitOptions): Promise<Accepted> {
    return Promise.reject(
      this.over === undefined ? systemError(errnoNumber('EINVAL'), 'accept') : this.refusal(),
    )
  }

  /** Closes once everything written has been sent, and waits for that; whoever waits fails with EBADF. (AC-12) */
  close(): Promise<void> {
    if (this.over !== undefined) return Promise.reject(this.refusal())
    this.over = 'EBADF'
    this.input.reject(this.refusal())
    this.output.reject(this.refusal())
    return this.closed(this.#connection.close())
  }

  /** Lets go of the connection. An open one stays open without anybody to serve it, which is warned of. (AC-13) */
  free(): void {
    if (this.over === 'ERR_EVENT_FREED') throw this.refusal()
    this.assertIdle()
    if (this.over === undefined && !this.#connection.closed) this.warnOpen('a connection')
    this.leave()
    this.#connection.releaseFrom(this, undefined)
  }

  [kRelease](): Connection {
    if (this.over === 'ERR_EVENT_FREED') throw this.refusal()
    this.assertIdle()
    this.leave()
    this.#connection.releaseFrom(this, this.#handlers)
    return this.#connection
  }

  /** @internal Output fell below the low-water mark. */
  drained(): void {
    if (this.output.state === 'write') this.output.resolve(0)
  }

  /** @internal The connection is gone; what reads has been told by the reader. */
  gone(error: HeddleError): void {
    if (this.output.state === 'write') this.output.reject(error)
  }

  protected writeSome(bytes: Uint8Array, deadline: number, signal: AbortSignal | undefined): Promise<number> {
    const connection = this.#connection
    connection.assertWritable()
    if (connection.isWelcome) return fulfilled(this.#queue(bytes))
    return this.#writeLater(bytes, deadline, signal)
  }

  protected inputDropped(): void {
    this.reader.forget()
  }

  protected outputDropped(): void {}

  async #writeLater(bytes: Uint8Array, deadline: number, signal: AbortSignal | undefined): Promise<number> {
    const connection = this.#connection
    do {
      await this.room(deadline, signal)
      if (this.over !== undefined) throw this.refusal()
      connection.assertWritable()
    } while (!connection.isWelcome)
    return this.#queue(bytes)
  }

  #queue(bytes: Uint8Array): number {
    const most = Math.min(PART_BYTES, this.#connection.home.highWaterBytes)
    return this.#connection.writeCopy(bytes.length > most ? bytes.subarray(0, most) : bytes)
  }
}
