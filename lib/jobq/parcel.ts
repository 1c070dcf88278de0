/**
 * Values on their way through a port: a sender puts one down for the record that follows, a receiver takes it up where a
 * record says it lies. Small ones lie in the slabs, larger ones are blocks.
 */
import { JobFlag, type JobsEngine } from '../backend/jobs'
import { BLOCK_BYTES, type Port } from '../backend/port'
import { Control } from '../backend/protocol'
import { HeddleError, systemError } from '../errors'
import { Decoder, Encoder, type Posted } from './codec'
import type { JobTransfer } from './job-order'
import { detachAll, isCopied } from './transfer'

/** Bytes up to this many are copied one by one. */
const FEW_BYTES = 48

/**
 * Leaves in `flags`, `offset` and `length` what the record has to say. It must be the next one, with no code of a user in
 * between.
 */
export class Sender {
  flags = 0
  offset = 0
  length = 0
  readonly #port: Port
  readonly #jobs: JobsEngine
  readonly #encoder = new Encoder()

  constructor(port: Port, jobs: JobsEngine) {
    this.#port = port
    this.#jobs = jobs
  }

  /**
   * False, and nothing is done: only a MessagePort can carry it. Memory in `transfer` is copied and detached; with
   * `copying` however much it is. Throws a DataCloneError, ENOMEM, or what a getter of the value throws.
   */
  put(value: unknown, transfer: JobTransfer | undefined, copying: boolean): boolean {
    if (transfer !== undefined && !isCopied(transfer, copying)) return false
    if (isRaw(value)) {
      this.putRaw(value)
    } else {
      const encoder = this.#encoder.isBusy ? new Encoder() : this.#encoder
      const length = encoder.encode(value)
      if (length < 0) return false
      this.#bytes(encoder.bytes, length)
    }
    if (transfer !== undefined) this.#detach(transfer)
    return true
  }

  /** What was put down will not be sent. */
  drop(): void {
    if ((this.flags & JobFlag.BLOCK) !== 0) this.#jobs.takeBlock(this.offset)
  }

  /** The bytes are the value. */
  putRaw(bytes: Uint8Array): void {
    this.#bytes(bytes, bytes.length)
    this.flags |= JobFlag.RAW
  }

  /** In the place of a value that is posted. */
  putPosted(posted: Posted): void {
    const encoder = this.#encoder.isBusy ? new Encoder() : this.#encoder
    this.#bytes(encoder.bytes, encoder.posted(posted))
  }

  #detach(transfer: JobTransfer): void {
    try {
      detachAll(transfer, this.#jobs)
    } catch (error) {
      this.drop()
      throw error
    }
  }

  #bytes(bytes: Uint8Array, length: number): void {
    this.length = length
    this.flags = 0
    if (length > BLOCK_BYTES) {
      this.#block(bytes, length)
      return
    }
    const port = this.#port
    const offset = length === 0 ? 0 : port.reserve(length)
    const { send, control } = port
    this.offset = offset
    if (length > FEW_BYTES) send.set(bytes.subarray(0, length), offset)
    else for (let n = 0; n < length; n++) send[offset + n] = bytes[n] as number
    if (length > 0) control[Control.SEND_BYTES] = offset + length
  }

  #block(bytes: Uint8Array, length: number): void {
    const block = this.#jobs.block(length === bytes.length ? bytes : bytes.subarray(0, length))
    if (block < 0) throw systemError(block, 'block')
    this.offset = block
    this.flags = JobFlag.BLOCK
  }
}

export class Receiver {
  readonly #port: Port
  readonly #jobs: JobsEngine
  readonly #decoder: Decoder

  constructor(port: Port, jobs: JobsEngine) {
    this.#port = port
    this.#jobs = jobs
    this.#decoder = new Decoder(port.recv)
  }

  /** The value, or a `Posted`. ENOMEM, EBADMSG. */
  value(flags: number, offset: number, length: number): unknown {
    if ((flags & (JobFlag.BLOCK | JobFlag.RAW)) === 0) return this.#decoder.decode(offset, length)
    if ((flags & JobFlag.BLOCK) === 0) return new Uint8Array(this.bytes(flags, offset, length))
    const memory = this.#block(offset)
    return (flags & JobFlag.RAW) === 0 ? this.#decoder.decodeOwned(memory) : new Uint8Array(memory)
  }

  /** The bytes of a native function, to be read before the dispatch goes on. ENOMEM. */
  bytes(flags: number, offset: number, length: number): Buffer {
    if ((flags & JobFlag.BLOCK) !== 0) return Buffer.from(this.#block(offset))
    return this.#port.recv.subarray(offset, offset + length)
  }

  /** What is not wanted is not kept either. */
  drop(flags: number, offset: number): void {
    if ((flags & JobFlag.BLOCK) !== 0) this.#jobs.takeBlock(offset)
  }

  #block(number: number): ArrayBuffer {
    const memory = this.#jobs.takeBlock(number)
    if (memory === undefined) throw new HeddleError('ENOMEM', 'there was no memory for the bytes')
    return memory
  }
}

/** Bytes that lie in memory of this isolate only, and are worth no copy of the encoder. */
function isRaw(value: unknown): value is Uint8Array {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Uint8Array.prototype &&
    ArrayBuffer.isView(value) &&
    value.buffer instanceof ArrayBuffer
  )
}
