/** Bytes too large for the slabs, on their way by number. */
export class Blocks {
  readonly #blocks = new Map<number, SharedArrayBuffer>()
  #last = 0

  /** -1: no memory. */
  copy(bytes: Uint8Array): number {
    const block = sharedCopy(bytes)
    return block === undefined ? -1 : this.put(block)
  }

  put(block: SharedArrayBuffer): number {
    this.#last = (this.#last % 0x7fffffff) + 1
    this.#blocks.set(this.#last, block)
    return this.#last
  }

  /** Once. */
  take(number: number): SharedArrayBuffer | undefined {
    const block = this.#blocks.get(number)
    this.#blocks.delete(number)
    return block
  }
}

export function sharedCopy(bytes: Uint8Array): SharedArrayBuffer | undefined {
  try {
    const block = new SharedArrayBuffer(bytes.length)
    new Uint8Array(block).set(bytes)
    return block
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
