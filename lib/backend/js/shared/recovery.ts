import { Aftermath } from './aftermath'
import { Blocks, isHeldBy } from './blocks'
import { Counts } from './counts'
import { Epochs } from './epochs'
import { Block, Head, Page, PAGE_HEAD_BYTES, PageKind, Slot, SLOT_WORDS, SLOTS } from './layout'
import { EntryList } from './list'
import type { SharedMemory } from './memory'
import { kindOfPage, numberOfPage, Pages } from './pages'
import { CLASS_BYTES } from './size-class'

/** The slot of the recovery itself. */
const SLOT = 0

/** Pages looked at between two chances for others to run. */
const PAGES_PER_STEP = 32

/**
 * Gives back what holds left behind that ended without closing: their section, blocks they had in hand, in a cache or
 * in limbo, pages they had claimed or were carving. One runs at a time, on the main thread; the others go on
 * meanwhile, as nobody else touches what bears the slot of a dead hold.
 */
export class Recovery {
  readonly #memory: SharedMemory
  readonly #pages: Pages
  readonly #blocks: Blocks
  readonly #list: EntryList
  readonly #aftermath: Aftermath

  constructor(memory: SharedMemory) {
    this.#memory = memory
    this.#pages = new Pages(memory, SLOT)
    const epochs = new Epochs(memory, SLOT)
    const counts = new Counts(memory, SLOT)
    this.#blocks = new Blocks(memory, SLOT, this.#pages, epochs, counts)
    this.#list = new EntryList(memory, this.#blocks, this.#pages, counts)
    this.#aftermath = new Aftermath(memory, this.#pages, epochs, this.#blocks, this.#list)
  }

  /** Makes a new map ready. False without memory. */
  begin(): boolean {
    return this.#list.begin() && this.#blocks.flush()
  }

  /** At once when a hold is known to be dead: others need not wait for its section any more. */
  endSection(slot: number): void {
    Atomics.store(this.#memory.words, SLOTS + slot * SLOT_WORDS + Slot.EPOCH, 0)
  }

  /** The rest, in steps. */
  *recover(slot: number): Generator<void> {
    this.#aftermath.settle(slot)
    yield
    const segments = this.#segments()
    this.#memory.refresh()
    // Downwards: the further pages of a block are seen while its first still tells whose they are.
    for (let page = this.#pages.count - 1; page >= 0; page--) {
      this.#recoverPage(slot, page, segments)
      if (page % PAGES_PER_STEP === 0) yield
    }
  }

  /** Shares what was recovered. False while somebody may still be reading some of it. */
  flush(): boolean {
    return this.#blocks.flush()
  }

  /** First pages of segments of buckets that are in use. */
  #segments(): Set<number> {
    const { words } = this.#memory
    const addresses = words.subarray(Head.SEGMENTS, Head.BUCKETS)
    return new Set([...addresses].filter((address) => address !== 0).map((at) => this.#pages.pageOf(at)))
  }

  #recoverPage(slot: number, page: number, segments: ReadonlySet<number>): void {
    const word = this.#pages.wordOf(page)
    const number = numberOfPage(word)
    switch (kindOfPage(word)) {
      case PageKind.CLAIMED:
        if (number === slot && !segments.has(page)) this.#pages.free(page, 1)
        break
      case PageKind.REST:
        if (this.#isClaimedBy(slot, number) && !segments.has(number)) this.#pages.free(page, 1)
        break
      case PageKind.SPAN:
        this.#recoverBlock(slot, this.#pages.addressOf(page))
        break
      case PageKind.SMALL:
        this.#recoverBlocks(slot, page, number)
        break
      default:
    }
  }

  #isClaimedBy(slot: number, page: number): boolean {
    const word = this.#pages.wordOf(page)
    return kindOfPage(word) === PageKind.CLAIMED && numberOfPage(word) === slot
  }

  #recoverBlocks(slot: number, page: number, sizeClass: number): void {
    const { words } = this.#memory
    const base = this.#pages.addressOf(page)
    const bytes = CLASS_BYTES[sizeClass] as number
    const end = Atomics.load(words, base + Page.CARVED)
    for (let at = PAGE_HEAD_BYTES; at + bytes <= end; at += bytes) this.#recoverBlock(slot, base + at / 4)
    if (Atomics.load(words, base + Page.OWNER) === slot) this.#blocks.adopt(page, sizeClass)
  }

  #recoverBlock(slot: number, address: number): void {
    const { words } = this.#memory
    if (address >= this.#memory.limit) this.#memory.refresh()
    const state = Atomics.load(words, address + Block.STATE)
    if (isHeldBy(slot, state)) this.#blocks.take(address, state)
  }
}
