const EMPTY = Buffer.alloc(0)

/** A first-in first-out run of bytes kept as the chunks they came in. Owns its chunks. */
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
    this.#chunks.push(chunk)
    this.#size += chunk.length
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

  /**
   * Position of the first byte of `pattern`, or -1. `from` skips bytes that an earlier search has covered; the
   * caller backs up by the length of the pattern less one.
   */
  indexOf(pattern: Uint8Array, from: number): number {
    this.#coalesce()
    const whole = this.#chunks[this.#first]
    return whole === undefined ? -1 : whole.indexOf(pattern, Math.max(0, from))
  }

  clear(): void {
    this.#chunks = []
    this.#first = 0
    this.#size = 0
  }

  /** One chunk is what a search needs; records seldom cross more than two. */
  #coalesce(): void {
    if (this.#chunks.length - this.#first < 2) return
    const whole = this.take(this.#size)
    this.unshift(whole)
  }
}
