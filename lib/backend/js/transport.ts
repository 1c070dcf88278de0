import net, { type Socket } from 'node:net'
import type { AddressInfo } from '../backend'
import { MaskBit } from '../protocol'
import { socketAddress } from './address'
import type { Descriptor } from './descriptor'
import { errno, errnoOf } from './errno'

const READ_BYTES = 65536

/** What a connection hears from its transport. `closed` is the last call. None of them may run user code. */
export interface TransportListener {
  connected(): void
  data(chunk: Uint8Array): void
  ended(): void
  /** Some output has left. */
  written(): void
  /** Positive errno, 0 for an orderly end. */
  closed(error: number): void
}

/** A byte stream a connection stands on. After `closed` every call is without effect. */
export interface Transport {
  /** Descriptor of the system, or a negative errno. */
  readonly fd: number
  readonly unsent: number
  /** Changes while output leaves, even in the middle of a block. */
  readonly progress: number
  /** Takes the block over: it must not change until it is sent. */
  write(block: Uint8Array): void
  /** FIN after the output. */
  end(): void
  /** Close after the output. */
  close(): void
  /** Close at once, with a reset where the system allows. */
  destroy(): void
  setReading(on: boolean): void
  address(peer: boolean): AddressInfo | undefined
}

/** A node:net socket, unreferenced: the loop alone decides whether the process lives on. */
export class SocketTransport implements Transport {
  readonly #socket: Socket
  readonly #path: string | undefined
  readonly #onWritten: () => void
  #error = 0
  #isDone = false

  constructor(socket: Socket, listener: TransportListener, path?: string) {
    this.#socket = socket
    this.#path = path
    this.#onWritten = () => listener.written()
    socket.unref()
    socket.on('connect', () => listener.connected())
    socket.on('end', () => listener.ended())
    socket.on('error', (error) => {
      this.#error ||= errnoOf(error)
    })
    socket.on('close', () => {
      this.#isDone = true
      listener.closed(this.#error)
    })
    // Paused first: a 'data' listener would start the flow, and the owner says when to read.
    socket.pause()
    socket.on('data', (chunk: Uint8Array) => listener.data(chunk))
  }

  get fd(): number {
    const handle = (this.#socket as unknown as { _handle: { fd?: number } | null })._handle
    return handle?.fd ?? -errno.EBADF
  }

  get unsent(): number {
    return this.#isDone ? 0 : this.#socket.writableLength
  }

  /** Node tells of a block when all of it is written; its handle knows how much the system has not taken. */
  get progress(): number {
    const handle = (this.#socket as unknown as { _handle: { writeQueueSize?: number } | null })._handle
    return handle?.writeQueueSize ?? 0
  }

  write(block: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(block, this.#onWritten)
  }

  end(): void {
    if (this.#socket.writable) this.#socket.end()
  }

  close(): void {
    this.#socket.destroySoon()
  }

  destroy(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    // libuv refuses to reset while a FIN is on its way, and Node would then never close the descriptor.
    const isEnding = socket.writableEnded && !socket.writableFinished
    if (this.#path === undefined && this.fd >= 0 && !isEnding) socket.resetAndDestroy()
    else socket.destroy()
  }

  setReading(on: boolean): void {
    if (on) this.#socket.resume()
    else this.#socket.pause()
  }

  address(peer: boolean): AddressInfo | undefined {
    return socketAddress(this.#socket, peer, this.#path)
  }
}

/** A virtual descriptor that was adopted. What its queue does not take waits here. */
export class DescriptorTransport implements Transport {
  readonly fd = -errno.EBADF
  readonly #descriptor: Descriptor
  readonly #listener: TransportListener
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #isReading = false
  #isPumping = false
  #hasEnded = false
  #wantsEnd = false
  #wantsClose = false
  #isDone = false

  constructor(descriptor: Descriptor, listener: TransportListener) {
    this.#descriptor = descriptor
    this.#listener = listener
    descriptor.onChange = () => this.#schedule()
  }

  get unsent(): number {
    return this.#waitingBytes + this.#descriptor.unsent
  }

  get progress(): number {
    return this.unsent
  }

  write(block: Uint8Array): void {
    if (this.#isDone || this.#wantsEnd || this.#wantsClose || block.length === 0) return
    this.#waiting.push(block)
    this.#waitingBytes += block.length
    this.#send()
  }

  end(): void {
    this.#wantsEnd = true
    this.#schedule()
  }

  close(): void {
    this.#wantsClose = true
    this.#schedule()
  }

  destroy(): void {
    this.#waiting = []
    this.#waitingBytes = 0
    this.#wantsClose = true
    this.#schedule()
  }

  setReading(on: boolean): void {
    this.#isReading = on
    if (on) this.#schedule()
  }

  address(peer: boolean): AddressInfo | undefined {
    return this.#isDone ? undefined : this.#descriptor.address(peer)
  }

  /** Work is done outside the caller's stack, as a socket of the system would report it. */
  #schedule(): void {
    if (this.#isPumping || this.#isDone) return
    this.#isPumping = true
    process.nextTick(() => {
      this.#isPumping = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#isDone) return
    const before = this.#waitingBytes
    const error = this.#send() || this.#receive()
    if (error !== 0) {
      this.#finish(error)
      return
    }
    if (this.#waitingBytes > 0) return
    if (before > 0) this.#listener.written()
    if (this.#wantsEnd && !this.#isDone) this.#shutdown()
    if (this.#wantsClose || (this.#hasEnded && this.#wantsEnd)) this.#finish(0)
  }

  #shutdown(): void {
    this.#descriptor.shutdown()
  }

  /** Returns a positive errno when the other side is gone. */
  #send(): number {
    while (this.#waiting.length > 0) {
      const block = this.#waiting[0] as Uint8Array
      const count = this.#descriptor.write(block)
      if (count === -errno.EAGAIN) return 0
      if (count < 0) {
        this.#schedule()
        return -count
      }
      this.#waitingBytes -= count
      if (count === block.length) this.#waiting.shift()
      else this.#waiting[0] = block.subarray(count)
    }
    return 0
  }

  #receive(): number {
    while (this.#isReading && !this.#hasEnded && !this.#isDone) {
      if ((this.#descriptor.ready() & MaskBit.READ) === 0) return 0
      const chunk = new Uint8Array(READ_BYTES)
      const count = this.#descriptor.read(chunk)
      if (count === -errno.EAGAIN) return 0
      if (count < 0) return -count
      if (count === 0) {
        this.#hasEnded = true
        this.#listener.ended()
        return 0
      }
      this.#listener.data(chunk.subarray(0, count))
    }
    return 0
  }

  #finish(error: number): void {
    this.#isDone = true
    this.#waiting = []
    this.#waitingBytes = 0
    this.#descriptor.onChange = undefined
    this.#descriptor.close()
    this.#listener.closed(error)
  }
}

/** Takes over a connected descriptor of the system; a negative errno if it is no stream. */
export function openSystemStream(fd: number): Socket | number {
  try {
    return new net.Socket({ fd, allowHalfOpen: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).errno
    return code ?? -errno.ENOTSOCK
  }
}
