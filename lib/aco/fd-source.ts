import { constants } from 'node:os'
import type { Port } from '../backend/port'
import { In, Out } from '../backend/protocol'
import type { FdEvent } from '../eventer/fd-event'
import type { Opset } from '../eventer/opset'
import type { Reader, Source } from '../io/reader'

/** Bytes that one read of a user's operations may take. */
const MOST_BYTES = 65536

const NOTHING_UNDER_WAY = -constants.errno.ENOENT

/** The input of a descriptor: pulled, so nothing has to be paused. */
export interface FdSource extends Source {
  /** Nobody waits any more; what has come all the same goes to the reader. */
  unwant(): void
  /** The descriptor is ready for what the last attempt needed. */
  retry(): void
}

/** Plain POSIX: native code reads when there is something, one record asks and one answers. */
export class PosixSource implements FdSource {
  readonly #port: Port
  readonly #handle: number
  readonly #answered: (slab: Buffer, offset: number, length: number) => void
  #most = 0

  constructor(port: Port, handle: number, answered: (slab: Buffer, offset: number, length: number) => void) {
    this.#port = port
    this.#handle = handle
    this.#answered = answered
  }

  want(most: number): void {
    this.#most = most
    this.#port.push2(Out.FD_READ, this.#handle, most)
  }

  /**
   * An answer may lie in the batch already, behind the record that ended the wait, or be under way from a loop with a
   * thread of its own: it comes before all that follows.
   */
  unwant(): void {
    const { inbox, recv, engine } = this.#port
    const at = this.#port.takeAhead(In.FD_DATA, this.#handle)
    if (at >= 0) {
      this.#answered(recv, inbox[at + 2] as number, inbox[at + 3] as number)
      return
    }
    this.#port.push2(Out.FD_READ, this.#handle, 0)
    if (engine.takeAhead === undefined) return
    const bytes = Buffer.allocUnsafe(Math.min(this.#most, MOST_BYTES))
    const result = engine.takeAhead(this.#handle, bytes)
    if (result !== NOTHING_UNDER_WAY) this.#answered(bytes, 0, result)
  }

  retry(): void {}

  pause(): void {}

  resume(): void {}
}

/** Operations of the user's own: they are called, and the descriptor is waited for as they need it. */
export class OpsetSource implements FdSource {
  readonly #event: FdEvent
  readonly #opset: Opset
  readonly #reader: () => Reader
  readonly #need: (mask: number) => void
  #most = 0

  /** `need`: call `retry` when the descriptor is ready for this; nothing, if the mask is empty. */
  constructor(event: FdEvent, opset: Opset, reader: () => Reader, need: (mask: number) => void) {
    this.#event = event
    this.#opset = opset
    this.#reader = reader
    this.#need = need
  }

  want(most: number): void {
    this.#most = most
    this.retry()
  }

  unwant(): void {
    this.#most = 0
    this.#need(0)
  }

  retry(): void {
    if (this.#most === 0) return
    const reader = this.#reader()
    try {
      const bytes = Buffer.allocUnsafe(Math.min(this.#most, MOST_BYTES))
      const result = this.#opset.read(this.#event, bytes)
      if (result.again) {
        this.#need(result.need)
        return
      }
      this.#most = 0
      if (result.eof) reader.end()
      else reader.receive(bytes, 0, result.n as number)
    } catch (error) {
      this.#most = 0
      reader.fail(error)
    }
  }

  pause(): void {}

  resume(): void {}
}
