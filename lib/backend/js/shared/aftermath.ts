import { BlockState, type Blocks, kindOfState, wasReached } from './blocks'
import { Counts } from './counts'
import type { Epochs } from './epochs'
import { Block, Head, Slot, SLOT_WORDS, SLOTS } from './layout'
import type { EntryList } from './list'
import type { SharedMemory } from './memory'
import { numberOfPage, type Pages } from './pages'

/**
 * Brings to an end what a hold was about when it stopped in the middle: because its isolate was ended, then the recovery
 * does this, or because of an exception (a full stack), then the hold itself before its next change.
 */
export class Aftermath {
  readonly #memory: SharedMemory
  readonly #pages: Pages
  readonly #epochs: Epochs
  readonly #blocks: Blocks
  readonly #list: EntryList

  /** What there is to gain goes to the hold of `blocks`. */
  constructor(memory: SharedMemory, pages: Pages, epochs: Epochs, blocks: Blocks, list: EntryList) {
    this.#memory = memory
    this.#pages = pages
    this.#epochs = epochs
    this.#blocks = blocks
    this.#list = list
  }

  settle(slot: number): void {
    this.#memory.refresh()
    new Counts(this.#memory, slot).settle((noted, now) => wasReached(slot, noted, now))
    for (const intent of [Slot.NEW_ENTRY, Slot.NEW_SENTINEL, Slot.MOVING]) this.#resolve(slot, intent)
  }

  /** A block that was moving: it is where it was bound for, or it is ours. */
  #resolve(slot: number, intent: number): void {
    const { words } = this.#memory
    const at = SLOTS + slot * SLOT_WORDS + intent
    const address = words[at] as number
    const state = words[at + 1] as number
    if (address === 0) return
    this.#epochs.enter()
    if (kindOfState(state) === BlockState.LIVE) this.#resolveLive(address, state)
    else if (kindOfState(state) === BlockState.FREE) this.#resolveFree(address, state)
    words[at] = 0
    this.#epochs.leave()
  }

  #resolveLive(address: number, state: number): void {
    const { words } = this.#memory
    if (Atomics.load(words, address + Block.STATE) !== state || this.#list.holds(address)) return
    this.#blocks.take(address, state)
  }

  #resolveFree(address: number, state: number): void {
    const { words } = this.#memory
    if (Atomics.load(words, address + Block.STATE) !== state) return
    this.#takeStack(numberOfPage(this.#pages.wordOf(this.#pages.pageOf(address))))
    this.#blocks.take(address, state)
  }

  /**
   * Whether a block is on a stack shows when all that are on it have become ours. They return by way of limbo: put back
   * at once, they would deceive somebody who is just popping.
   */
  #takeStack(sizeClass: number): void {
    const { words } = this.#memory
    let at = Atomics.exchange(words, Head.STACKS + sizeClass, 0)
    while (at !== 0) {
      const next = Atomics.load(words, at + Block.NEXT)
      this.#blocks.take(at, Atomics.load(words, at + Block.STATE))
      at = next
    }
  }
}
