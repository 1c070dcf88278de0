const GENERATION_SHIFT = 24
const INDEX_MASK = (1 << GENERATION_SHIFT) - 1
const GENERATION_MASK = 0xff

/** No handle has this value. */
export const NO_HANDLE = -1

/** Gives out handles, `index | generation << 24`: whose generation has moved on names nothing. */
export class Handles {
  readonly #generations: number[] = []
  readonly #free: number[] = []

  /** `NO_HANDLE`: all 16 million are in use. Handles may be negative. */
  open(): number {
    const index = this.#free.pop() ?? this.#generations.length
    if (index >= INDEX_MASK) return NO_HANDLE
    if (index === this.#generations.length) this.#generations.push(0)
    return this.at(index)
  }

  /** The index of a live handle, or -1. */
  find(handle: number): number {
    const index = handle & INDEX_MASK
    return this.#generations[index] === ((handle >>> GENERATION_SHIFT) & GENERATION_MASK) ? index : -1
  }

  /** The live handle of an index. */
  at(index: number): number {
    return index | ((this.#generations[index] as number) << GENERATION_SHIFT)
  }

  close(index: number): void {
    this.#generations[index] = ((this.#generations[index] as number) + 1) & GENERATION_MASK
    this.#free.push(index)
  }
}
