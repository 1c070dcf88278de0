/** Bounded first-in first-out queue of bytes: what a socket buffer of the system is to a descriptor. */
export class ByteQueue {
  readonly limit: number
  readonly #chunks: Uint8Array[] = []
  #head = 0
  #size = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get size(): number {
    return this.#size
  }

  get room(): number {
    return Math.max(0, this.limit - this.#size)
  }

  /** Takes a chunk over without copying, even beyond the limit: the caller owns it no longer. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /** Copies as much as there is room for and returns how much that was. */
  write(from: Uint8Array): number {
    const count = Math.min(from.length, this.room)
    // Not from.slice: that of a Buffer shares its memory.
    if (count > 0) this.push(new Uint8Array(from.subarray(0, count)))
    return count
  }

  /** Moves up to `into.length` bytes out and returns how many. */
  read(into: Uint8Array): number {
    let done = 0
    while (done < into.length && this.#size > 0) {
      const chunk = this.#chunks[0] as Uint8Array
      const count = Math.min(into.length - done, chunk.length - this.#head)
      into.set(chunk.subarray(this.#head, this.#head + count), done)
      done += count
      this.#consume(chunk, count)
    }
    return done
  }

  clear(): void {
    this.#chunks.length = 0
    this.#head = 0
    this.#size = 0
  }

  #consume(chunk: Uint8Array, count: number): void {
    this.#size -= count
    this.#head += count
    if (this.#head < chunk.length) return
    this.#chunks.shift()
    this.#head = 0
  }
}
