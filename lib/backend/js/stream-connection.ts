import { CloseReason, In } from '../protocol'
import { Connection, type FlowLimits, type Host, type Origin } from './connection'
import type { Inbox } from './inbox'

/** Unreported input above which reading stops. */
const MAX_QUEUED_BYTES = 131072
/** Bytes of one DATA record, and of one connection in one pass, at most. */
const MAX_RECORD_BYTES = 65536

type Greeting = 'none' | 'accept' | 'connect'

export interface StreamOptions extends FlowLimits {
  readonly autoClose: boolean
  readonly paused: boolean
}

/** A connection that reports ACCEPT or CONNECT, DATA, END, BLOCKED, DRAIN and CLOSE. */
export class StreamConnection extends Connection {
  readonly #autoClose: boolean
  #greeting: Greeting
  #connectError = 0
  #isConnected: boolean
  #chunks: Uint8Array[] = []
  #queuedBytes = 0
  #isPaused: boolean
  #hasEnded = false
  #isEndReported = false
  #isBlocked = false
  #tellBlocked = false
  #tellDrain = false
  #wantsDrain = false
  #isShut = false

  constructor(host: Host, handle: number, options: StreamOptions, origin?: Origin) {
    super(host, handle, options, origin)
    this.#autoClose = options.autoClose
    this.#isPaused = options.paused
    this.#greeting = 'none'
    this.#isConnected = true
  }

  /** Accepted: reported with its listener. */
  accepted(): void {
    this.#greeting = 'accept'
    this.host.report(this)
    this.#updateReading()
  }

  /** Outgoing: CONNECT is reported when it is decided. */
  connecting(): void {
    this.#isConnected = false
    this.#updateReading()
  }

  /** Adopted: established already, so nothing is reported. */
  adopted(): void {
    this.#updateReading()
  }

  connected(): void {
    if (this.#isConnected) return
    this.#isConnected = true
    this.touch()
    this.#greeting = 'connect'
    this.host.report(this)
  }

  data(chunk: Uint8Array): void {
    this.touch()
    if (this.isClosing) return
    this.#chunks.push(chunk)
    this.#queuedBytes += chunk.length
    this.#updateReading()
    this.host.report(this)
  }

  ended(): void {
    this.#hasEnded = true
    this.host.report(this)
  }

  pause(): void {
    this.#isPaused = true
    this.#updateReading()
  }

  resume(): void {
    this.#isPaused = false
    this.#updateReading()
    this.host.report(this)
  }

  shutdown(): void {
    if (this.isGone || this.isClosing || this.#isShut) return
    this.flushOutput()
    this.#isShut = true
    this.transport.end()
  }

  override gather(view: Uint8Array): void {
    if (!this.#isShut && !this.isClosing) super.gather(view)
  }

  override writeOwned(block: Uint8Array): void {
    if (!this.#isShut && !this.isClosing) super.writeOwned(block)
  }

  wantDrain(): void {
    this.#wantsDrain = true
    this.outputChanged()
  }

  collect(inbox: Inbox): boolean {
    return this.#greet(inbox) && this.#input(inbox) && this.#marks(inbox) && this.#end(inbox)
  }

  override afterDispatch(): void {
    if (this.#isEndReported && this.#autoClose) this.close(CloseReason.PEER)
  }

  protected outputChanged(): void {
    const { highWaterBytes, lowWaterBytes } = this.limits
    const pending = this.pending
    if (!this.#isBlocked && highWaterBytes > 0 && pending > highWaterBytes) {
      this.#isBlocked = true
      this.#tellBlocked = true
      this.host.report(this)
    } else if ((this.#isBlocked || this.#wantsDrain) && pending <= lowWaterBytes) {
      this.#isBlocked = false
      this.#wantsDrain = false
      this.#tellDrain = true
      this.host.report(this)
    }
  }

  protected gone(): void {
    if (!this.#isConnected && this.reason === CloseReason.ERROR) {
      this.#greeting = 'connect'
      this.#connectError = this.error
    }
    this.host.report(this)
  }

  #greet(inbox: Inbox): boolean {
    if (this.#greeting === 'none') return true
    const isAccept = this.#greeting === 'accept'
    const written = isAccept
      ? inbox.push2(In.ACCEPT, this.origin?.handle ?? 0, this.handle)
      : inbox.push2(In.CONNECT, this.handle, this.#connectError)
    if (written) this.#greeting = 'none'
    return written
  }

  /** True when nothing that may be reported is left. */
  #input(inbox: Inbox): boolean {
    if (this.#isPaused || this.reason === CloseReason.LOCAL) return true
    let budget = MAX_RECORD_BYTES
    while (this.#chunks.length > 0) {
      if (budget === 0 || !inbox.hasRoom(4, 1)) return false
      const chunk = this.#chunks[0] as Uint8Array
      const count = Math.min(chunk.length, budget, inbox.freeBytes)
      inbox.push3(In.DATA, this.handle, inbox.put(chunk.subarray(0, count)), count)
      budget -= count
      this.#queuedBytes -= count
      if (count === chunk.length) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(count)
    }
    this.#updateReading()
    if (!this.#hasEnded || this.#isEndReported) return true
    if (!inbox.push1(In.END, this.handle)) return false
    this.#isEndReported = true
    return true
  }

  #marks(inbox: Inbox): boolean {
    if (this.#tellBlocked && !inbox.push1(In.BLOCKED, this.handle)) return false
    this.#tellBlocked = false
    if (this.#tellDrain && !inbox.push1(In.DRAIN, this.handle)) return false
    this.#tellDrain = false
    return true
  }

  /** A peer that finished in order loses nothing: CLOSE waits until a paused owner has read to the end. */
  #end(inbox: Inbox): boolean {
    if (!this.isGone) return true
    const isUnread = this.#queuedBytes > 0 || (this.#hasEnded && !this.#isEndReported)
    if (this.reason === CloseReason.PEER && this.#isPaused && isUnread) return true
    if (!inbox.push3(In.CLOSE, this.handle, this.error, this.reason ?? CloseReason.LOCAL)) return false
    this.#chunks = []
    this.host.forget(this)
    return true
  }

  #updateReading(): void {
    if (this.isGone) return
    this.transport.setReading(this.isClosing || (!this.#isPaused && this.#queuedBytes < MAX_QUEUED_BYTES))
  }
}
