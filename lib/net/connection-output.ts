import { Clock, Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import { checkBytes } from '../io/bytes'
import { ConnectionSide } from './connection-side'
import type { Home } from './home'
import { deadlineOf, type WaitOptions } from './wait'
import { writeBytes, writeCopy, writeReceived, writeText } from './write-record'

/** Bits of the state of a connection. */
export const Flag = {
  /** The peer sent FIN. */
  ENDED: 1,
  /** We sent FIN or will: nothing may be written. */
  SHUT: 2,
  /** CLOSE or DESTROY was sent. */
  CLOSING: 4,
  /** The handle is gone, and may be somebody else's. */
  CLOSED: 8,
  /** The backend reported output above the high-water mark. */
  BLOCKED: 16,
  /** `write` answered false: DRAIN is due. */
  NEED_DRAIN: 32,
  /** The user paused. */
  HELD: 64,
  /** It was not the user who ended the output. */
  CUT: 128,
} as const

/** The writing half of a connection: what is queued, how much of it a turn may be, and when it ends. */
export abstract class ConnectionOutput {
  /** Number of the connection on its loop; a new connection may get it after this one has closed. */
  readonly handle: number
  /** @internal */
  readonly home: Home
  /** @internal See Flag. */
  protected flags = 0
  /** @internal */
  protected side: ConnectionSide | undefined = undefined
  /**
   * Bytes written since dispatch number `#turn` began. What is too much is reported by BLOCKED, but only with a
   * later dispatch: a loop that never lets the event loop run has to be stopped by its own count.
   */
  #turnBytes = 0
  #turn = 0
  /**
   * Whole loop milliseconds of the last write, in 32 bits.
   * @internal
   */
  protected writeMark: number

  /** @internal */
  constructor(handle: number, home: Home) {
    this.handle = handle
    this.home = home
    this.writeMark = (home.port.clock[Clock.NOW] as number) | 0
  }

  /** Unsent bytes. Asking sends what this turn has written so far. */
  get pending(): number {
    if ((this.flags & Flag.CLOSED) !== 0) return 0
    const engine = this.home.port.engine
    engine.flush()
    return Math.max(0, engine.connectionPending(this.handle))
  }

  get closed(): boolean {
    return (this.flags & Flag.CLOSED) !== 0
  }

  /** @internal Closed, or about to be. */
  get closing(): boolean {
    return (this.flags & (Flag.CLOSING | Flag.CLOSED)) !== 0
  }

  get writable(): boolean {
    return (this.flags & (Flag.SHUT | Flag.CLOSED)) === 0
  }

  /**
   * Queues `data` for sending; all writes of a turn leave together. Answers false above the high-water mark (then
   * `onDrain` follows) and on a connection that the peer has closed. Small arrays are copied; arrays of 16 KiB and
   * more are sent by reference and must not change until the connection has drained. The view under delivery is
   * sent without a copy. Throws ERR_CLOSED after `end`, `close` or `destroy`, ERR_INVALID_ARGUMENT for what is
   * neither text nor bytes.
   */
  write(data: Uint8Array | string): boolean {
    if ((this.flags & (Flag.SHUT | Flag.CLOSED)) !== 0) return this.#refuse()
    const { port, received } = this.home
    const handle = this.handle
    const view = received.view
    if (view !== undefined && data === view)
      return this.#account(writeReceived(port, handle, received.offset, received.length))
    if (typeof data === 'string') return this.#account(writeText(port, handle, data))
    checkBytes(data)
    if (view !== undefined && data.buffer === received.buffer) {
      return this.#account(writeReceived(port, handle, data.byteOffset, data.length))
    }
    return this.#account(writeBytes(port, handle, data))
  }

  /** @internal Neither above the high-water mark nor on the way down from it. */
  get isWelcome(): boolean {
    return (this.flags & (Flag.BLOCKED | Flag.NEED_DRAIN)) === 0
  }

  /** @internal Throws why nothing can be written. */
  assertWritable(): void {
    if ((this.flags & (Flag.CLOSED | Flag.CUT)) !== 0) throw this.closedError()
    if ((this.flags & Flag.SHUT) !== 0) this.#refuse()
  }

  /** @internal Queues a copy; returns how many bytes that is. */
  writeCopy(bytes: Uint8Array): number {
    const { port } = this.home
    this.#account(writeCopy(port, this.handle, bytes))
    return bytes.length
  }

  /**
   * Writes and resolves when the output is below the high-water mark, or has fallen below the low-water mark.
   * Rejects when the connection has closed or closes first. On ETIME or abort the bytes stay queued and the
   * connection usable; a signal that is aborted already keeps them from being queued.
   */
  async writeAll(data: Uint8Array | string, options?: WaitOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    if (!this.write(data)) await this.drained(options)
  }

  /** Resolves when writing makes sense again; at once if it does. Rejects once it never will. */
  async drained(options?: WaitOptions): Promise<void> {
    if ((this.flags & (Flag.CLOSED | Flag.CUT)) !== 0) throw this.closedError()
    if ((this.flags & (Flag.NEED_DRAIN | Flag.BLOCKED)) === 0) return
    await this.rare().waitForDrain(deadlineOf(options), options?.signal)
  }

  /** Half-close: FIN follows what was written, reading goes on. Throws like `write` if there is `data`. */
  end(data?: Uint8Array | string): void {
    if (data !== undefined) this.write(data)
    if ((this.flags & (Flag.SHUT | Flag.CLOSED)) !== 0) return
    this.flags |= Flag.SHUT
    this.home.port.push1(Out.SHUTDOWN, this.handle)
  }

  /** Closes once everything written has been sent. Resolves when the connection is gone, whatever ended it. */
  close(): Promise<void> {
    if ((this.flags & Flag.CLOSED) !== 0) return Promise.resolve()
    if ((this.flags & Flag.CLOSING) === 0) this.sendClose(Out.CLOSE)
    return this.rare().waitForClose()
  }

  /**
   * Closes at once; unsent output is lost and the peer sees a reset where the system allows. `error` is what
   * whoever waits fails with, and what `onError` and `onClose` get.
   */
  destroy(error?: HeddleError): void {
    if ((this.flags & Flag.CLOSED) !== 0) return
    if (error !== undefined) this.rare().error = error
    this.sendClose(Out.DESTROY)
  }

  /** @internal Destroys the connection for somebody else than its user. */
  cut(): void {
    this.flags |= Flag.CUT
    this.destroy()
  }

  /** @internal BLOCKED. */
  blocked(): void {
    this.flags |= Flag.BLOCKED
  }

  /** @internal Output fell below the low-water mark. Answers whether `write` had answered false. */
  protected outputDrained(): boolean {
    const told = (this.flags & Flag.NEED_DRAIN) !== 0
    this.flags &= ~(Flag.BLOCKED | Flag.NEED_DRAIN)
    this.side?.drained()
    return told
  }

  /** @internal */
  protected sendClose(kind: number): void {
    this.flags |= Flag.SHUT | Flag.CLOSING
    this.home.port.push1(kind, this.handle)
  }

  /** @internal */
  protected closedError(): HeddleError {
    return this.side?.error ?? new HeddleError('ERR_CLOSED', 'the connection is closed')
  }

  /** @internal */
  protected rare(): ConnectionSide {
    this.side ??= new ConnectionSide()
    return this.side
  }

  /** Counts what was written and says whether more is welcome. */
  #account(bytes: number): boolean {
    const home = this.home
    const port = home.port
    this.writeMark = (port.clock[Clock.NOW] as number) | 0
    if (port.batch !== this.#turn) {
      this.#turn = port.batch
      this.#turnBytes = 0
    }
    this.#turnBytes += bytes
    if (this.#turnBytes <= home.highWaterBytes && (this.flags & (Flag.BLOCKED | Flag.NEED_DRAIN)) === 0)
      return true
    if ((this.flags & Flag.NEED_DRAIN) === 0) {
      this.flags |= Flag.NEED_DRAIN
      port.push1(Out.WANT_DRAIN, this.handle)
    }
    return false
  }

  #refuse(): boolean {
    // Ended by the caller: his mistake. Ended by the peer or a listener: he cannot know yet.
    if ((this.flags & (Flag.CLOSED | Flag.CUT)) !== 0) return false
    throw new HeddleError('ERR_CLOSED', 'write after end, close or destroy')
  }
}
