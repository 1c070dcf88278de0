import type { AddressInfo } from '../backend'
import { CloseReason } from '../protocol'
import type { Deadline, DeadlineHeap } from './deadline-heap'
import { errno } from './errno'
import type { Inbox } from './inbox'
import type { Transport, TransportListener } from './transport'

/** What an engine does for its connections and listeners. */
export interface Host {
  readonly send: Uint8Array
  readonly recv: Uint8Array
  readonly deadlines: DeadlineHeap<(now: number) => void>
  /** Present time in loop milliseconds. */
  time(): number
  /** The connection has records to report: asks it in the next pass. */
  report(connection: Connection): void
  /** The connection has gathered output: calls `flushOutput` when the outbox is applied. */
  gathered(connection: Connection): void
  /** The last record of the connection is written. */
  forget(connection: Connection): void
  requestPass(): void
}

export interface FlowLimits {
  readonly idleTimeoutMs: number
  readonly highWaterBytes: number
  readonly lowWaterBytes: number
  readonly maxWriteBufferBytes: number
}

/** The listener a connection came from. */
export interface Origin {
  readonly handle: number
  /** Its HTTP connections finish what is under way. */
  readonly isDraining: boolean
  left(): void
}

/**
 * One connection: output with its marks, idle time-out and the end. What is read, and which records tell of
 * it, is up to the two kinds below it. Nothing here runs user code: all news wait for the pass.
 */
export abstract class Connection implements TransportListener {
  readonly handle: number
  readonly origin: Origin | undefined
  /** Set by the engine while it lists the connection among those with records. */
  isListed = false
  protected readonly host: Host
  protected transport!: Transport
  protected readonly limits: FlowLimits
  /** Why this side ends the connection; undefined while it does not. */
  protected reason: number | undefined
  protected error = 0
  /** The transport is gone; what is left to report is being reported. */
  protected isGone = false
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #isGathering = false
  #progress = 0
  #lastActive: number
  #idleMs: number
  #idle: Deadline<(now: number) => void> | undefined

  constructor(host: Host, handle: number, limits: FlowLimits, origin?: Origin) {
    this.host = host
    this.handle = handle
    this.limits = limits
    this.origin = origin
    this.#lastActive = host.time()
    this.#idleMs = 0
  }

  /** Gives the connection its stream; called once, before anything else. */
  attach(transport: Transport): void {
    this.transport = transport
    this.setIdleTimeout(this.limits.idleTimeoutMs)
  }

  /** Writes what there is to report. False if the batch is full and more is left. */
  abstract collect(inbox: Inbox): boolean
  abstract connected(): void
  abstract data(chunk: Uint8Array): void
  abstract ended(): void
  /** Output left or came: the place to compare with the water marks. */
  protected abstract outputChanged(): void
  protected abstract gone(): void

  /** The dispatch that carried this connection's records is over and its outbox applied. */
  afterDispatch(): void {}

  get pending(): number {
    return this.isGone ? 0 : this.#gatheredBytes + this.transport.unsent
  }

  /** Bytes held beside the pending output. */
  get held(): number {
    return 0
  }

  get isClosing(): boolean {
    return this.reason !== undefined
  }

  get fd(): number {
    return this.isGone ? -errno.EBADF : this.transport.fd
  }

  address(peer: boolean): AddressInfo | undefined {
    return this.isGone ? undefined : this.transport.address(peer)
  }

  /** Gathers a view that stays valid until the outbox is applied; all of them leave in one write. */
  gather(view: Uint8Array): void {
    if (view.length === 0 || this.isGone) return
    this.#gathered.push(view)
    this.#gatheredBytes += view.length
    if (this.#isGathering) return
    this.#isGathering = true
    this.host.gathered(this)
  }

  /** Writes a block that the caller gives away, in order behind what was gathered. */
  writeOwned(block: Uint8Array): void {
    if (this.isGone) return
    this.#drainGathered()
    this.transport.write(block)
    this.#afterWrite()
  }

  flushOutput(): void {
    this.#isGathering = false
    if (this.#drainGathered()) this.#afterWrite()
  }

  /** Milliseconds without a read or a write; 0 = none. */
  setIdleTimeout(ms: number): void {
    this.#idleMs = ms
    this.#disarmIdle()
    if (ms > 0 && !this.isGone) this.#armIdle(this.host.time() + ms)
  }

  /** Sends what was written, then closes. */
  close(reason: number = CloseReason.LOCAL): void {
    if (this.isGone || this.reason !== undefined) return
    this.reason = reason
    this.#drainGathered()
    this.transport.setReading(true)
    this.transport.close()
  }

  /** Closes at once; unsent output is lost. */
  destroy(error = 0, reason: number = CloseReason.LOCAL): void {
    if (this.isGone) return
    this.reason ??= reason
    this.error ||= error
    this.#gathered = []
    this.#gatheredBytes = 0
    this.transport.destroy()
  }

  written(): void {
    this.touch()
    this.outputChanged()
  }

  closed(error: number): void {
    this.isGone = true
    this.#disarmIdle()
    this.#gathered = []
    this.#gatheredBytes = 0
    if (this.reason === undefined) {
      this.error = error
      this.reason = error === 0 ? CloseReason.PEER : CloseReason.ERROR
    } else if (error !== 0 && this.reason === CloseReason.PEER) {
      this.error = error
      this.reason = CloseReason.ERROR
    }
    this.gone()
  }

  /** A read or a write took place. */
  protected touch(): void {
    this.#lastActive = this.host.time()
  }

  /** Whether output has left since the last call, though no block of it is done yet. */
  protected hasProgressed(): boolean {
    const before = this.#progress
    this.#progress = this.isGone ? 0 : this.transport.progress
    return this.#progress !== before
  }

  #afterWrite(): void {
    this.touch()
    const max = this.limits.maxWriteBufferBytes
    if (max > 0 && this.pending > max) this.destroy(errno.ENOBUFS, CloseReason.OVERFLOW)
    else this.outputChanged()
  }

  /** Copies what was gathered, since the slabs it lies in are used again. */
  #drainGathered(): boolean {
    if (this.#gatheredBytes === 0) return false
    const block = Buffer.concat(this.#gathered, this.#gatheredBytes)
    this.#gathered = []
    this.#gatheredBytes = 0
    if (this.isGone) return false
    this.transport.write(block)
    return true
  }

  #armIdle(at: number): void {
    this.#idle = this.host.deadlines.add(at, (now) => this.#idleDue(now))
    this.host.requestPass()
  }

  #disarmIdle(): void {
    if (this.#idle !== undefined) this.host.deadlines.remove(this.#idle)
    this.#idle = undefined
  }

  /** The deadline is not moved at each read and write; when it is due, the last of them decides. */
  #idleDue(now: number): void {
    this.#idle = undefined
    if (this.isGone) return
    if (this.pending > 0 && this.hasProgressed()) this.touch()
    const at = this.#lastActive + this.#idleMs
    if (at > now) this.#armIdle(at)
    else this.destroy(errno.ETIMEDOUT, CloseReason.IDLE)
  }
}
