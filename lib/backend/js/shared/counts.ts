import { Block, Head, Slot, SLOT_WORDS, SLOTS } from './layout'
import type { SharedMemory } from './memory'

/**
 * How many entries a map has and what they weigh: the sums of what each hold has added and removed. Only a hold writes
 * its numbers, so they can be kept exact even if it ends between any two instructions: what they are going to be is
 * noted first, with the state of the block that is about to change, and the state tells the recovery whether it did.
 * Sums wrap around, which is no harm as totals do not.
 */
export class Counts {
  readonly #memory: SharedMemory
  readonly #base: number

  constructor(memory: SharedMemory, slot: number) {
    this.#memory = memory
    this.#base = SLOTS + slot * SLOT_WORDS
  }

  /** Notes that the block is about to get this state by this hold, and what counts then. */
  intend(address: number, state: number, units: number, entries: number): void {
    const { words } = this.#memory
    const base = this.#base
    words[base + Slot.JOURNAL_STATE] = state
    words[base + Slot.JOURNAL_UNITS] = ((words[base + Slot.UNITS] as number) + units) | 0
    words[base + Slot.JOURNAL_ENTRIES] = ((words[base + Slot.ENTRIES] as number) + entries) | 0
    words[base + Slot.JOURNAL] = address
  }

  /** It got the state. */
  commit(): void {
    const { words } = this.#memory
    const base = this.#base
    Atomics.store(words, base + Slot.UNITS, words[base + Slot.JOURNAL_UNITS] as number)
    Atomics.store(words, base + Slot.ENTRIES, words[base + Slot.JOURNAL_ENTRIES] as number)
    words[base + Slot.JOURNAL] = 0
  }

  /** Somebody else was first. */
  cancel(): void {
    this.#memory.words[this.#base + Slot.JOURNAL] = 0
  }

  /** What a dead hold was about happened or did not: tells by the state that was noted and the one there is now. */
  settle(didHappen: (noted: number, now: number) => boolean): void {
    const { words } = this.#memory
    const address = words[this.#base + Slot.JOURNAL] as number
    if (address === 0) return
    const now = Atomics.load(words, address + Block.STATE)
    if (didHappen(words[this.#base + Slot.JOURNAL_STATE] as number, now)) this.commit()
    else this.cancel()
  }

  /** Entries of the map, sentinels not counted. */
  get entries(): number {
    return Math.max(0, this.#sum(Slot.ENTRIES))
  }

  /** What they weigh, in units. */
  get units(): number {
    return Math.max(0, this.#sum(Slot.UNITS))
  }

  #sum(word: number): number {
    const { words } = this.#memory
    const end = SLOTS + Atomics.load(words, Head.SLOTS_USED) * SLOT_WORDS
    let sum = 0
    for (let slot = SLOTS + word; slot < end; slot += SLOT_WORDS) sum = (sum + Atomics.load(words, slot)) | 0
    return sum
  }
}
