import type { AddressInfo, Sys } from '../backend/backend'
import { errnoNumber, systemError } from '../errors'
import type { FdEvent } from './fd-event'
import { Mask } from './mask'

/** `n` bytes were moved, or the peer has ended, or it would block until the descriptor is ready for `need`. */
export type IoResult =
  | { readonly n: number; readonly again?: undefined; readonly need?: undefined; readonly eof?: undefined }
  | { readonly again: true; readonly need: number; readonly n?: undefined; readonly eof?: undefined }
  | { readonly eof: true; readonly n?: undefined; readonly again?: undefined; readonly need?: undefined }

/** A descriptor was accepted, or nobody waits: it would block until the descriptor is ready for `need`. */
export type AcceptResult =
  | { readonly fd: number; readonly peer: AddressInfo | undefined; readonly again?: undefined }
  | { readonly again: true; readonly need: number; readonly fd?: undefined; readonly peer?: undefined }

/**
 * The operations behind a descriptor event. Each gets the event and must not block; failures are thrown as errors
 * with a `code`. `need` is the mask to wait for, which need not be that of the operation (TLS). State of one event
 * goes into `event.opsetContext`. (FD-10)
 */
export interface Opset {
  readonly name: string
  read(event: FdEvent, into: Uint8Array): IoResult
  write(event: FdEvent, from: Uint8Array): IoResult
  accept(event: FdEvent): AcceptResult
  /** Gives up the descriptor; the event has stopped watching it. */
  close(event: FdEvent): Promise<void>
}

const EOF: IoResult = Object.freeze({ eof: true })
const WANT_READ = Object.freeze({ again: true, need: Mask.READ } as const)
const WANT_WRITE = Object.freeze({ again: true, need: Mask.WRITE } as const)
const EAGAIN = -errnoNumber('EAGAIN')
const EWOULDBLOCK = -errnoNumber('EWOULDBLOCK')

/** Plain POSIX calls on the descriptor. (FD-07, FD-08, FD-09) */
export function posixOpset(sys: Sys): Opset {
  return {
    name: 'POSIX',
    read(event, into) {
      const n = sys.read(event.fd, into)
      if (n > 0 || (n === 0 && into.length === 0)) return { n }
      if (n === 0) return EOF
      if (blocked(n)) return WANT_READ
      throw systemError(n, 'read')
    },
    write(event, from) {
      const n = sys.write(event.fd, from)
      if (n >= 0) return { n }
      if (blocked(n)) return WANT_WRITE
      throw systemError(n, 'write')
    },
    accept(event) {
      const fd = sys.accept(event.fd)
      if (fd >= 0) return { fd, peer: sys.address(fd, true) }
      if (blocked(fd)) return WANT_READ
      throw systemError(fd, 'accept')
    },
    close(event) {
      return event.owner.closeFd(event.fd)
    },
  }
}

function blocked(result: number): boolean {
  return result === EAGAIN || result === EWOULDBLOCK
}
