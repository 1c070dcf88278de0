import { Head, Slot, SLOT_WORDS, SLOTS } from './layout'
import type { SharedMemory } from './memory'

/** The epoch is odd, so that no epoch looks like the 0 of an idle slot. */
const STEP = 2
/** A block that left the list in some epoch has no reader any more this much later. */
const GRACE = 2 * STEP

/**
 * Sections of one hold: while it is in one, nothing that it can reach is used anew. Entering publishes the epoch in
 * the hold's slot; the epoch moves on only when every slot is idle or has reached it. A block that left the list in
 * epoch e can be held by sections that began in e or before, and those are over when the epoch is e + 2 steps: the
 * first step may have been decided by somebody who looked before such a section began, the second cannot.
 *
 * What a writer put into a block comes before the exchange that links it, which comes before the load that finds it;
 * what a reader read comes before its `leave`, which comes before the scan that lets the block be used anew. So no
 * two isolates ever touch the same word at the same time, other than by atomics: torn values cannot be.
 */
export class Epochs {
  readonly #memory: SharedMemory
  readonly #slot: number
  #inside = false

  constructor(memory: SharedMemory, slot: number) {
    this.#memory = memory
    this.#slot = SLOTS + slot * SLOT_WORDS + Slot.EPOCH
  }

  get isInside(): boolean {
    return this.#inside
  }

  enter(): void {
    const { words } = this.#memory
    this.#inside = true
    // An epoch that is old already only holds back more than it must.
    Atomics.store(words, this.#slot, words[Head.EPOCH] as number)
  }

  leave(): void {
    Atomics.store(this.#memory.words, this.#slot, 0)
    this.#inside = false
  }

  /** The epoch in which a block that has just been unlinked left the list. */
  now(): number {
    return Atomics.load(this.#memory.words, Head.EPOCH)
  }

  /** Whether nobody can hold a block any more that left the list in that epoch. Numbers wrap around. */
  isPast(epoch: number, now: number): boolean {
    return ((now - epoch) | 0) >= GRACE
  }

  /** Moves the epoch on, twice if it can be, and returns it. Outside of sections only. */
  advance(): number {
    this.#step()
    this.#step()
    return this.now()
  }

  #step(): void {
    const { words } = this.#memory
    const epoch = Atomics.load(words, Head.EPOCH)
    const end = SLOTS + Atomics.load(words, Head.SLOTS_USED) * SLOT_WORDS
    for (let slot = SLOTS + Slot.EPOCH; slot < end; slot += SLOT_WORDS) {
      const seen = Atomics.load(words, slot)
      if (seen !== 0 && seen !== epoch) return
    }
    Atomics.compareExchange(words, Head.EPOCH, epoch, (epoch + STEP) | 0)
  }
}
