import type { AddressInfo } from '../backend/backend'
import type { Coroutine } from './coroutine'
import type { AcoWaitOptions } from './wait-point'

/** A connection that was accepted. */
export interface Accepted {
  /** Non-blocking. */
  readonly fd: number
  readonly peer: AddressInfo | undefined
}

/**
 * What a coroutine reads from and writes to: an adopted descriptor event or connection. It belongs to one coroutine, or
 * rather to the code of it: one wait of a kind at a time, EBUSY otherwise. Every wait takes a time-out, after which it
 * fails with ETIME and the event stays usable; without one the event's default counts, which is none at first.
 * (AC-09 to AC-18)
 */
export interface AcoEvent extends AsyncDisposable {
  /** Whose it is; undefined once released. */
  readonly coroutine: Coroutine | undefined
  /** Milliseconds; undefined: no limit. (AC-17) */
  acceptTimeout: number | undefined
  readTimeout: number | undefined
  writeTimeout: number | undefined
  /** The caller's data. (AC-18) */
  closure: unknown

  /** Waits for bytes and copies at most `into.length` of them; 0 at the end. */
  read(into: Uint8Array, options?: AcoWaitOptions): Promise<number>
  /** `count` bytes. ERR_END_OF_STREAM. */
  readExact(count: number, options?: AcoWaitOptions): Promise<Buffer>
  /** Bytes up to and including the delimiter. ERR_READ_LIMIT, ERR_END_OF_STREAM. */
  readUntil(delimiter: string | Uint8Array, options?: AcoWaitOptions & { max?: number }): Promise<Buffer>
  /** Writes what goes at once, at least a byte: how much. */
  write(bytes: Uint8Array | string, options?: AcoWaitOptions): Promise<number>
  /** Everything; an error's `bytesWritten` says how much had gone. */
  writeAll(bytes: Uint8Array | string, options?: AcoWaitOptions): Promise<void>
  accept(options?: AcoWaitOptions): Promise<Accepted>
  /** The event still must be freed. */
  close(): Promise<void>
  /** Warns where it was not closed. */
  free(): void
}
