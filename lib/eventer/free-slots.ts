const WORD_BITS = 5
const WORD_MASK = 31

/**
 * Which of a fixed number of slots are free: a bit each, and a bit for every word of those. The lowest free slot is
 * taken, so that after many were freed in any order they are used again in the order of memory. Linked through the
 * slots in the order of freeing, scheduling a million timers anew took three times as long as the first time.
 */
export class FreeSlots {
  /** Slots free now. */
  count: number
  readonly #words: Int32Array
  readonly #summary: Int32Array
  /** No word of the summary below this one has a bit. */
  #lowest = 0

  /** All free; `slots` is a multiple of 1,024. */
  constructor(slots: number) {
    this.count = slots
    this.#words = new Int32Array(slots >>> WORD_BITS).fill(-1)
    this.#summary = new Int32Array(slots >>> (2 * WORD_BITS)).fill(-1)
  }

  /** The lowest free slot; there must be one. */
  take(): number {
    const summary = this.#summary
    let at = this.#lowest
    while (summary[at] === 0) at++
    this.#lowest = at
    const word = (at << WORD_BITS) | lowestBit(summary[at] as number)
    const bits = this.#words[word] as number
    const left = bits & (bits - 1)
    this.#words[word] = left
    if (left === 0) summary[at] = (summary[at] as number) & ((summary[at] as number) - 1)
    this.count--
    return (word << WORD_BITS) | lowestBit(bits)
  }

  give(slot: number): void {
    const word = slot >>> WORD_BITS
    const at = word >>> WORD_BITS
    this.#words[word] = (this.#words[word] as number) | (1 << (slot & WORD_MASK))
    this.#summary[at] = (this.#summary[at] as number) | (1 << (word & WORD_MASK))
    if (at < this.#lowest) this.#lowest = at
    this.count++
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
