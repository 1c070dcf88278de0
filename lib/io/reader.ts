import { HeddleError } from '../errors'
import { ByteQueue } from './byte-queue'

/** Bytes that `readUntil` asks for beyond what is here: it cannot know how many it needs. */
const READ_AHEAD = 4096

/** Up to this many bytes a loop beats the view that `set` needs. */
const LOOP_BYTES = 128

/** Where the bytes of a reader come from. */
export interface Source {
  /** Somebody waits: up to `most` bytes are welcome. They may be given within this call. */
  want(most: number): void
  /** There is more here than anybody has asked for. */
  pause(): void
  resume(): void
}

/** How whoever reads waits, one at a time: as a plain promise, or as a coroutine. */
export interface Waits {
  /** Somebody waits. */
  readonly busy: boolean
  /** Absolute form of the time-out, so that several waits can share one budget; Infinity for none. Throws. */
  deadline(options: ReadOptions | undefined): number
  /** Throws where waiting is over before it begins: also where bytes are here, a read would fail. */
  check(options: ReadOptions | undefined): void
  /** Resolves with what `resolve` is given. Where it rejects at once, nobody waits. */
  begin(deadline: number, signal: AbortSignal | undefined): Promise<number>
  /** Harmless when nobody waits. */
  resolve(count: number): void
  reject(error: unknown): void
}

export interface ReadOptions {
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The input of one stream: bytes that nobody has asked for yet, and the one read that may wait for more. Above its limit
 * the source pauses, so that the sender is pushed back. A failed wait takes nothing out.
 */
export class Reader {
  readonly #source: Source
  readonly #limit: number
  readonly #queue = new ByteQueue()
  #waits: Waits
  /** A read is under way that takes its bytes from the queue. */
  #claimed = false
  /** Where the waiting read wants its bytes; they are copied there straight from where they arrived. */
  #into: Uint8Array | undefined = undefined
  /** Bytes the waiting read needs. */
  #wanted = 1
  /** Reading is paused because the limit is reached. */
  #paused = false
  /** The user holds the input back: only he resumes it. */
  #held = false
  #ended = false
  #error: HeddleError | undefined = undefined

  /** `limit` 0: none. `held`: the user has paused the stream. */
  constructor(source: Source, waits: Waits, limit: number, held: boolean) {
    this.#source = source
    this.#waits = waits
    this.#limit = limit || Infinity
    this.#held = held
  }

  /** The user pauses or resumes the stream. Answers whether the limit allows reading on. */
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

  /** Why the stream ended, if it failed. */
  get error(): HeddleError | undefined {
    return this.#error
  }

  /** From now on reads wait in this way. EBUSY while somebody waits in the other. */
  handTo(waits: Waits): void {
    if (this.#claimed || this.#waits.busy) throw busy()
    this.#waits = waits
  }

  /** Nobody waits any more, though nothing has come. */
  forget(): void {
    this.#into = undefined
    this.#wanted = 1
  }

  /** Takes over `chunk`. */
  push(chunk: Buffer): void {
    const queue = this.#queue
    queue.push(chunk)
    if (this.#waits.busy) {
      if (queue.size >= this.#wanted) this.#waits.resolve(0)
      else this.#source.want(this.#wanted - queue.size)
    }
    if (!this.#paused && queue.size >= Math.max(this.#limit, this.#wanted)) {
      this.#paused = true
      this.#source.pause()
    }
  }

  /** Bytes that lie in a slab for now. */
  receive(slab: Buffer, offset: number, length: number): void {
    const into = this.#into
    if (into === undefined) {
      this.push(Buffer.from(slab.subarray(offset, offset + length)))
      return
    }
    this.#into = undefined
    const count = Math.min(length, into.length)
    if (count > LOOP_BYTES) into.set(slab.subarray(offset, offset + count))
    else for (let n = 0; n < count; n++) into[n] = slab[offset + n] as number
    this.#waits.resolve(count)
    if (count < length) this.push(Buffer.from(slab.subarray(offset + count, offset + length)))
  }

  /** No more input; with an error reads fail once the queue is empty. */
  end(error?: HeddleError): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    const failed = this.#into !== undefined && error !== undefined
    this.#into = undefined
    if (failed) this.#waits.reject(error)
    else this.#waits.resolve(0)
  }

  /** The read that waits fails, and no other; without one it is the end. */
  fail(error: unknown): void {
    if (!this.#waits.busy) {
      this.end(error as HeddleError)
      return
    }
    this.#into = undefined
    this.#waits.reject(error)
  }

  /** The next chunk as it came, null after the end. */
  async read(options?: ReadOptions): Promise<Buffer | null> {
    this.#claim(options)
    try {
      await this.#need(1, options)
      const chunk = this.#queue.shift()
      this.#resume()
      return chunk ?? null
    } finally {
      this.#claimed = false
    }
  }

  /** Fills `into` with what is here or comes next, at most its length: how much; 0 after the end. Never throws. */
  readInto(into: Uint8Array, options?: ReadOptions): Promise<number> {
    const waits = this.#waits
    try {
      if (this.#queue.size > 0 || this.#ended || into.length === 0)
        return Promise.resolve(this.#takeInto(into, options))
      if (this.#claimed || waits.busy) throw busy()
      const read = waits.begin(waits.deadline(options), options?.signal)
      if (!waits.busy) return read
      this.#into = into
      this.#resume()
      this.#source.want(into.length)
      return read
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async readExact(count: number, options?: ReadOptions): Promise<Buffer> {
    if (!Number.isInteger(count) || count < 0) {
      throw new HeddleError('ERR_INVALID_ARGUMENT', `readExact takes a number of bytes, not ${count}`)
    }
    this.#claim(options)
    try {
      await this.#need(count, options)
      if (this.#queue.size < count) throw this.#cutOff(`${count} bytes`)
      const bytes = this.#queue.take(count)
      this.#resume()
      return bytes
    } finally {
      this.#claimed = false
    }
  }

  /** Bytes up to and including `delimiter`. */
  async readUntil(delimiter: Uint8Array, max: number, options?: ReadOptions): Promise<Buffer> {
    if (delimiter.length === 0) throw new HeddleError('ERR_INVALID_ARGUMENT', 'an empty delimiter')
    this.#claim(options)
    try {
      return this.#queue.take(await this.#find(delimiter, max, options))
    } finally {
      this.#claimed = false
      this.#resume()
    }
  }

  /** Everything that is here, without waiting. */
  drain(): Buffer {
    const bytes = this.#queue.take(this.#queue.size)
    this.#resume()
    return bytes
  }

  /** From here to the end of the read no other may begin, also while what has come is on its way to this one. */
  #claim(options: ReadOptions | undefined): void {
    this.#waits.check(options)
    if (this.#claimed || this.#waits.busy) throw busy()
    this.#claimed = true
  }

  async #need(count: number, options?: ReadOptions): Promise<void> {
    const missing = count - this.#queue.size
    if (missing <= 0) return
    if (!this.#ended) await this.#waitFor(count, missing, this.#waits.deadline(options), options?.signal)
    if (this.#queue.size === 0 && this.#error !== undefined) throw this.#error
  }

  /** Where the first `delimiter` ends. */
  async #find(delimiter: Uint8Array, max: number, options?: ReadOptions): Promise<number> {
    const queue = this.#queue
    const deadline = this.#waits.deadline(options)
    let searched = 0
    for (;;) {
      const at = queue.indexOf(delimiter, searched - delimiter.length + 1)
      const end = at + delimiter.length
      if (at >= 0 && end <= max) return end
      if (at >= 0 || queue.size >= max) {
        throw new HeddleError('ERR_READ_LIMIT', `no delimiter within ${max} bytes`)
      }
      searched = queue.size
      if (this.#ended) throw this.#cutOff('the delimiter')
      await this.#waitFor(searched + 1, READ_AHEAD, deadline, options?.signal)
    }
  }

  async #waitFor(
    count: number,
    most: number,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const wait = this.#waits.begin(deadline, signal)
    if (this.#waits.busy) {
      this.#wanted = count
      this.#resume()
      this.#source.want(most)
    }
    try {
      await wait
    } finally {
      this.#wanted = 1
    }
  }

  #takeInto(into: Uint8Array, options: ReadOptions | undefined): number {
    this.#waits.check(options)
    if (this.#claimed || this.#waits.busy) throw busy()
    if (this.#queue.size === 0 && this.#error !== undefined) throw this.#error
    const count = this.#queue.read(into)
    this.#resume()
    return count
  }

  #resume(): void {
    if (!this.#paused || this.#ended || this.#queue.size >= Math.max(this.#limit / 2, this.#wanted)) return
    this.#paused = false
    if (!this.#held) this.#source.resume()
  }

  #cutOff(what: string): HeddleError {
    return this.#error ?? new HeddleError('ERR_END_OF_STREAM', `the stream ended before ${what}`)
  }
}

function busy(): HeddleError {
  return new HeddleError('EBUSY', 'a read is waiting here')
}
