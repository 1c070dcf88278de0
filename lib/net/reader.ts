import type { Port } from '../backend/port'
import { Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import { ByteQueue } from './byte-queue'
import { deadlineOf, type WaitOptions, Waiter } from './wait'

/**
 * The input of one connection in the async style: bytes that nobody has asked for yet, and the one read that may
 * wait for more. Above its limit reading pauses, so that TCP pushes back on the sender. A failed wait takes nothing
 * out of the queue.
 */
export class Reader {
  readonly #port: Port
  readonly #handle: number
  readonly #limit: number
  readonly #queue = new ByteQueue()
  #waiter: Waiter | undefined = undefined
  /** Bytes the waiting read needs. */
  #wanted = 1
  /** Reading is paused because the limit is reached. */
  #paused = false
  /** The user holds the input back: only he resumes it. */
  #held = false
  #ended = false
  #error: HeddleError | undefined = undefined

  /** `limit` 0: none. `held`: the user has paused the connection. */
  constructor(port: Port, handle: number, limit: number, held: boolean) {
    this.#port = port
    this.#handle = handle
    this.#limit = limit || Infinity
    this.#held = held
  }

  /** The user pauses or resumes the connection. Answers whether the limit allows reading on. */
  hold(on: boolean): boolean {
    this.#held = on
    return !this.#paused
  }

  get buffered(): number {
    return this.#queue.size
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Takes over `chunk`. */
  push(chunk: Buffer): void {
    const queue = this.#queue
    queue.push(chunk)
    if (this.#waiter !== undefined && queue.size >= this.#wanted) this.#wake()
    if (!this.#paused && queue.size >= Math.max(this.#limit, this.#wanted)) {
      this.#paused = true
      this.#port.push1(Out.PAUSE, this.#handle)
    }
  }

  /** No more input; with an error reads fail once the queue is empty. */
  end(error?: HeddleError): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#wake()
  }

  /** The next chunk as it came, null after the end. */
  async read(options?: WaitOptions): Promise<Buffer | null> {
    await this.#need(1, options)
    const chunk = this.#queue.shift()
    this.#resume()
    return chunk ?? null
  }

  async readExact(count: number, options?: WaitOptions): Promise<Buffer> {
    if (!Number.isInteger(count) || count < 0) {
      throw new HeddleError('ERR_INVALID_ARGUMENT', `readExact takes a number of bytes, not ${count}`)
    }
    await this.#need(count, options)
    if (this.#queue.size < count) throw this.#cutOff(`${count} bytes`)
    const bytes = this.#queue.take(count)
    this.#resume()
    return bytes
  }

  /** Bytes up to and including `delimiter`. */
  async readUntil(delimiter: Uint8Array, max: number, options?: WaitOptions): Promise<Buffer> {
    if (delimiter.length === 0) throw new HeddleError('ERR_INVALID_ARGUMENT', 'an empty delimiter')
    const queue = this.#queue
    const shared = { deadline: deadlineOf(options), signal: options?.signal }
    let searched = 0
    for (;;) {
      const at = queue.indexOf(delimiter, searched - delimiter.length + 1)
      const end = at + delimiter.length
      if (at >= 0 && end <= max) {
        const bytes = queue.take(end)
        this.#resume()
        return bytes
      }
      if (at >= 0 || queue.size >= max) {
        throw new HeddleError('ERR_READ_LIMIT', `no delimiter within ${max} bytes`)
      }
      searched = queue.size
      if (this.#ended) throw this.#cutOff('the delimiter')
      await this.#waitFor(searched + 1, shared.deadline, shared.signal)
    }
  }

  /** Everything that is here, without waiting. */
  drain(): Buffer {
    const bytes = this.#queue.take(this.#queue.size)
    this.#resume()
    return bytes
  }

  async #need(count: number, options?: WaitOptions): Promise<void> {
    // Checked first, so that an aborted signal fails even where bytes are ready.
    options?.signal?.throwIfAborted()
    if (this.#waiter !== undefined) throw new HeddleError('EBUSY', 'a read is waiting on this connection')
    if (this.#queue.size >= count) return
    if (!this.#ended) await this.#waitFor(count, deadlineOf(options), options?.signal)
    if (this.#queue.size === 0 && this.#error !== undefined) throw this.#error
  }

  async #waitFor(count: number, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiter !== undefined) throw new HeddleError('EBUSY', 'a read is waiting on this connection')
    const waiter = new Waiter('read', deadline, signal)
    this.#waiter = waiter
    this.#wanted = count
    this.#resume()
    try {
      await waiter.promise
    } finally {
      this.#waiter = undefined
      this.#wanted = 1
    }
  }

  #wake(): void {
    this.#waiter?.resolve()
  }

  #resume(): void {
    if (!this.#paused || this.#ended || this.#queue.size >= Math.max(this.#limit / 2, this.#wanted)) return
    this.#paused = false
    if (!this.#held) this.#port.push1(Out.RESUME, this.#handle)
  }

  #cutOff(what: string): HeddleError {
    return this.#error ?? new HeddleError('ERR_END_OF_STREAM', `the stream ended before ${what}`)
  }
}
