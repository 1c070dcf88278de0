import { MaskBit } from '../protocol'
import { ByteQueue } from './byte-queue'
import { Descriptor, QUEUE_BYTES } from './descriptor'
import { errno } from './errno'
import type { AddressInfo } from '../backend'

/**
 * One end of a socket pair or pipe that lives in memory only. An end without a queue for a direction refuses
 * it.
 */
export class QueueDescriptor extends Descriptor {
  readonly #in: ByteQueue | undefined
  readonly #out: ByteQueue | undefined
  #peer!: QueueDescriptor
  #closed = false
  /** The peer sends nothing more (it closed or shut down). */
  #inEnded = false
  #outEnded = false
  /** The peer closed with unread bytes: the next read at the end of the queue says so once. */
  #reset = false

  private constructor(input: ByteQueue | undefined, output: ByteQueue | undefined) {
    super()
    this.#in = input
    this.#out = output
  }

  /** Two connected ends, both read and write. */
  static pair(): [QueueDescriptor, QueueDescriptor] {
    const forth = new ByteQueue(QUEUE_BYTES)
    const back = new ByteQueue(QUEUE_BYTES)
    return QueueDescriptor.#join(new QueueDescriptor(back, forth), new QueueDescriptor(forth, back))
  }

  /** Read end, write end. */
  static pipe(): [QueueDescriptor, QueueDescriptor] {
    const queue = new ByteQueue(QUEUE_BYTES)
    return QueueDescriptor.#join(new QueueDescriptor(queue, undefined), new QueueDescriptor(undefined, queue))
  }

  static #join(a: QueueDescriptor, b: QueueDescriptor): [QueueDescriptor, QueueDescriptor] {
    a.#peer = b
    b.#peer = a
    return [a, b]
  }

  /**
   * A peer that is gone is a hang-up: EXCEPTION beside READ and WRITE, as the system's multiplexers report
   * it.
   */
  override ready(): number {
    const gone = this.#peer.#closed
    let mask = gone ? MaskBit.EXCEPTION : 0
    if (this.#in !== undefined && (this.#in.size > 0 || this.#inEnded || gone)) mask |= MaskBit.READ
    if (this.#out !== undefined && (gone || this.#out.room > 0)) mask |= MaskBit.WRITE
    return mask
  }

  override read(into: Uint8Array): number {
    if (this.#in === undefined) return -errno.EBADF
    if (into.length === 0) return 0
    if (this.#in.size > 0) {
      const count = this.#in.read(into)
      this.#peer.changed()
      return count
    }
    if (this.#reset) {
      this.#reset = false
      return -errno.ECONNRESET
    }
    return this.#inEnded ? 0 : -errno.EAGAIN
  }

  override write(from: Uint8Array): number {
    if (this.#out === undefined) return -errno.EBADF
    if (this.#peer.#closed || this.#outEnded) return -errno.EPIPE
    if (from.length === 0) return 0
    const count = this.#out.write(from)
    if (count === 0) return -errno.EAGAIN
    this.#peer.changed()
    return count
  }

  override shutdown(): void {
    this.#outEnded = true
    this.#peer.#inEnded = true
    this.#peer.changed()
  }

  override close(): void {
    if (this.#closed) return
    this.#closed = true
    const isSocket = this.#in !== undefined && this.#out !== undefined
    if (isSocket && this.#in.size > 0) this.#peer.#reset = true
    this.#in?.clear()
    this.#peer.#inEnded = true
    this.#peer.changed()
  }

  override pendingError(): number {
    return this.#reset ? errno.ECONNRESET : 0
  }

  override socketError(): number {
    const error = this.pendingError()
    this.#reset = false
    return error
  }

  override address(): AddressInfo | undefined {
    if (this.#closed) return undefined
    return { family: 'unix', address: '', port: 0 }
  }
}
