import type { AddressInfo } from '../backend'
import { errno } from './errno'

/** Bytes a virtual descriptor holds each way, as a socket buffer of the system would. */
export const QUEUE_BYTES = 65536

/**
 * What lies behind a virtual descriptor. Operations return counts or negative errnos, never block and never
 * throw. One party at a time may listen for changes of readiness: the watch of an engine or a connection that
 * adopted it.
 */
export abstract class Descriptor {
  /** Called whenever readiness may have risen; must not run user code. */
  onChange: (() => void) | undefined
  blocking = false

  /** Mask bits that hold now (level). */
  abstract ready(): number
  abstract read(into: Uint8Array): number
  abstract write(from: Uint8Array): number
  /** Ends the object; the number is given back by the table. */
  abstract close(): void

  /** The descriptor object of the next connection, or a negative errno. */
  accept(): Descriptor | number {
    return -errno.EINVAL
  }

  /** Sends end of file, reading goes on. */
  shutdown(): void {}

  socketError(): number {
    return 0
  }

  /** What `socketError` would give, without clearing it. */
  pendingError(): number {
    return 0
  }

  /** Bytes taken from the writer that have not left yet. */
  get unsent(): number {
    return 0
  }

  address(_peer: boolean): AddressInfo | undefined {
    return undefined
  }

  protected changed(): void {
    this.onChange?.()
  }
}
