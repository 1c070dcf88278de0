import { ByteQueue } from '../io/byte-queue'
import type { HeddleError } from '../errors'
import { Out } from '../backend/protocol'
import type { FdEvent } from './fd-event'
import { Mask } from './mask'
import type { IoResult } from './opset'

interface Unread {
  readonly queue: ByteQueue
  /** Comes after the bytes, once. */
  error: HeddleError | undefined
}

/**
 * Bytes that a coroutine had taken from a descriptor and not used when its event became classic again, for instance those
 * behind a delimiter. The event is ready for reading as long as there are some, and reads them first. Few events have any,
 * so they are kept beside them.
 */
export class UnreadBytes {
  readonly #held = new Map<FdEvent, Unread>()

  get size(): number {
    return this.#held.size
  }

  put(event: FdEvent, bytes: Buffer, error: HeddleError | undefined): void {
    if (bytes.length === 0 && error === undefined) return
    const queue = new ByteQueue()
    queue.push(bytes)
    this.#held.set(event, { queue, error })
  }

  /** All of it, which the event has no longer. */
  take(event: FdEvent): { readonly bytes: Buffer; readonly error: HeddleError | undefined } | undefined {
    const unread = this.#held.get(event)
    if (unread === undefined) return undefined
    this.#held.delete(event)
    return { bytes: unread.queue.take(unread.queue.size), error: unread.error }
  }

  /** What comes before anything the descriptor has; undefined when there is nothing. Throws the error at the end. */
  read(event: FdEvent, into: Uint8Array): IoResult | undefined {
    const unread = this.#held.get(event)
    if (unread === undefined) return undefined
    const n = unread.queue.read(into)
    if (unread.queue.size > 0) return { n }
    if (unread.error === undefined) this.#held.delete(event)
    if (n > 0 || unread.error === undefined) return { n }
    this.#held.delete(event)
    throw unread.error
  }

  /** Reports it to a scheduled event that waits for reading. */
  announce(event: FdEvent): void {
    if (!this.#held.has(event) || (event.wanted & Mask.READ) === 0) return
    event.owner.port.push2(Out.TRIGGER, event.handle, Mask.READ)
  }

  /** A copy carries on where the event was. */
  move(from: FdEvent, to: FdEvent): void {
    const unread = this.#held.get(from)
    if (unread === undefined) return
    this.#held.delete(from)
    this.#held.set(to, unread)
  }

  forget(event: FdEvent): void {
    this.#held.delete(event)
  }

  clear(): void {
    this.#held.clear()
  }
}
