const EMPTY = Buffer.alloc(0)

/** Chunks are joined up to this size, so that a sender of single bytes cannot make objects of all of them. */
const JOINED_BYTES = 1024

/** A first-in first-out run of bytes kept as the chunks they came in, small ones joined. Owns its chunks. */
export class ByteQueue {
  #chunks: Buffer[] = []
  #first = 0
  #size = 0

  /** Bytes in the queue. */
  get size(): number {
    return this.#size
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    const chunks = this.#chunks
    this.#size += chunk.length
    const last = chunks.at(-1)
    if (last === undefined || last.length + chunk.length > JOINED_BYTES) chunks.push(chunk)
    else chunks[chunks.length - 1] = Buffer.concat([last, chunk])
  }

  /** Puts bytes back at the front. */
  unshift(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (this.#first > 0) this.#chunks[--this.#first] = chunk
    else this.#chunks.unshift(chunk)
    this.#size += chunk.length
  }

  /** Removes the first chunk as it came. */
  shift(): Buffer | undefined {
    const chunk = this.#chunks[this.#first]
    if (chunk === undefined) return undefined
    this.#chunks[this.#first] = EMPTY
    this.#first++
    this.#size -= chunk.length
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0
      this.#first = 0
    } else if (this.#first > 64) {
      this.#chunks.splice(0, this.#first)
      this.#first = 0
    }
    return chunk
  }

  /** Removes exactly `count` bytes; the caller checked `size`. */
  take(count: number): Buffer {
    const head = this.shift()
    if (head === undefined) return EMPTY
    if (head.length === count) return head
    if (head.length > count) {
      this.unshift(head.subarray(count))
      return head.subarray(0, count)
    }
    const whole = Buffer.allocUnsafe(count)
    let filled = head.copy(whole)
    while (filled < count) {
      const chunk = this.shift() as Buffer
      const part = chunk.copy(whole, filled)
      if (part < chunk.length) this.unshift(chunk.subarray(part))
      filled += part
    }
    return whole
  }

  /** Moves bytes into `into` and returns how many: all there are, or as many as it takes. */
  read(into: Uint8Array): number {
    let filled = 0
    while (filled < into.length && this.#size > 0) {
      const chunk = this.shift() as Buffer
      const part = Math.min(chunk.length, into.length - filled)
      into.set(part === chunk.length ? chunk : chunk.subarray(0, part), filled)
      if (part < chunk.length) this.unshift(chunk.subarray(part))
      filled += part
    }
    return filled
  }

  /**
   * Position of the first byte of `pattern`, or -1. `from` skips bytes that an earlier search has covered; the
   * caller backs up by the length of the pattern less one.
   */
  indexOf(pattern: Uint8Array, from: number): number {
    const start = Math.max(0, from)
    const at = this.#tail(start).indexOf(pattern)
    return at < 0 ? -1 : start + at
  }

  clear(): void {
    this.#chunks = []
    this.#first = 0
    this.#size = 0
  }

  /** The bytes from `start` on. Found from the end, and copied only where several chunks hold them. */
  #tail(start: number): Buffer {
    const chunks = this.#chunks
    let at = chunks.length
    let begin = this.#size
    while (at > this.#first && begin > start) begin -= (chunks[--at] as Buffer).length
    const held = chunks.length - at
    if (held === 0) return EMPTY
    const tail = held === 1 ? (chunks[at] as Buffer) : Buffer.concat(chunks.slice(at))
    return tail.subarray(start - begin)
  }
}
