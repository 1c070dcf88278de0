import type { Counts } from './counts'
import type { Epochs } from './epochs'
import {
  Block,
  ENTRY_OVERHEAD_UNITS,
  Head,
  Page,
  PAGE_BYTES,
  PAGE_HEAD_BYTES,
  PageKind,
  Slot,
  SLOT_WORDS,
  SLOTS,
  UNIT_BYTES,
} from './layout'
import type { SharedMemory } from './memory'
import { kindOfPage, numberOfPage, type Pages, pageWord } from './pages'
import { CLASS_BYTES, classOf, SPAN_CLASS } from './size-class'

/** State of a block: kind, slot of the hold that has it, and a number that each new life of the block counts up. */
export const BlockState = { FREE: 0, HELD: 1, LIVE: 2 } as const
const KIND_MASK = 3
const SLOT_SHIFT = 2
const LIFE_SHIFT = 12

/** In the place of the slot that carves a page. */
const NOBODY = -1

/** Free blocks of a class a hold keeps for itself: so many at most, so many bytes at most, four at least. */
const CACHE_BLOCKS = 128
const CACHE_BYTES = 65_536
/** How many blocks are carved at once. */
const CARVE_BYTES = 2048
/** Blocks, or bytes, that wait for readers before somebody looks whether they still must. */
const LIMBO_BLOCKS = 64
const LIMBO_BYTES = 2 ** 20

function heldBy(slot: number, state: number): number {
  return (state & (-1 << LIFE_SHIFT)) | (slot << SLOT_SHIFT) | BlockState.HELD
}

export function isHeldBy(slot: number, state: number): boolean {
  return (state & ((1 << LIFE_SHIFT) - 1)) === ((slot << SLOT_SHIFT) | BlockState.HELD)
}

export function kindOfState(state: number): number {
  return state & KIND_MASK
}

/**
 * Whether a dead hold has brought a block to the state that it had noted. One that was to live was the hold's until then,
 * in its life before; one that was to be held by it is so, as nobody else would take it from there.
 */
export function wasReached(slot: number, noted: number, now: number): boolean {
  return kindOfState(noted) === BlockState.LIVE ? !isHeldBy(slot, now) : now === noted
}

/** The state of the next life. */
function nextLife(state: number, kind: number): number {
  return (((state >>> LIFE_SHIFT) + 1) << LIFE_SHIFT) | kind
}

/**
 * Memory of one hold. A free block lies in this hold's own cache, or on the stack of its class that all share; one
 * that has left the list waits in limbo until no section can hold it. Blocks that lie here are HELD by the hold's
 * slot, which is all the recovery needs to find them if the hold dies.
 *
 * In two places a state alone does not tell: a LIVE block that is being linked or unlinked may be out of the list, a
 * FREE one that is being pushed or popped out of its stack. Whoever does that notes the block and its state as its
 * intent before, and takes the block by exchanging the state. So if it dies, the recovery looks for the block where it
 * should be, and takes it by the same exchange if it is not there; the number of the life tells later uses apart.
 *
 * Popping compares the head of a stack by its address. That is safe inside a section: a block that was popped meanwhile
 * comes back on the stack only through limbo, which waits for the section.
 */
export class Blocks {
  readonly slot: number
  readonly #memory: SharedMemory
  readonly #pages: Pages
  readonly #epochs: Epochs
  readonly #counts: Counts
  readonly #intents: number
  readonly #caches: number[][] = CLASS_BYTES.map(() => [])
  /** Pages that this hold carves, by class; 0 none. Numbers are one above the page's. */
  readonly #carving: number[] = CLASS_BYTES.map(() => 0)
  #limbo: number[] = []
  #limboEpochs: number[] = []
  #limboStart = 0
  #limboBytes = 0

  constructor(memory: SharedMemory, slot: number, pages: Pages, epochs: Epochs, counts: Counts) {
    this.slot = slot
    this.#memory = memory
    this.#pages = pages
    this.#epochs = epochs
    this.#counts = counts
    this.#intents = SLOTS + slot * SLOT_WORDS
  }

  /** A block of so many bytes, HELD; 0 where there is no memory. */
  allocate(bytes: number): number {
    const sizeClass = classOf(bytes)
    if (sizeClass === SPAN_CLASS) return this.#allocateSpan(Math.ceil(bytes / PAGE_BYTES))
    const cache = this.#caches[sizeClass] as number[]
    return cache.pop() ?? this.#refill(sizeClass, cache)
  }

  /** Units of memory of a block. */
  unitsAt(address: number): number {
    const word = this.#pages.wordOf(this.#pages.pageOf(address))
    const number = numberOfPage(word)
    const bytes = kindOfPage(word) === PageKind.SPAN ? number * PAGE_BYTES : (CLASS_BYTES[number] as number)
    return bytes / UNIT_BYTES
  }

  /**
   * A held block begins a life that others can see, and counts as an entry if it is one. Linking it is next, then
   * `settled` of the same intent.
   */
  enliven(address: number, intent: number): void {
    const { words } = this.#memory
    const state = nextLife(words[address + Block.STATE] as number, BlockState.LIVE)
    const units = this.weightAt(address)
    this.#note(intent, address, state)
    if (units > 0) this.#counts.intend(address, state, units, 1)
    Atomics.store(words, address + Block.STATE, state)
    if (units > 0) this.#counts.commit()
  }

  /** Notes that a live block is about to be unlinked; then `unlinked`, or `settled` if somebody else was first. */
  intendUnlink(address: number): void {
    this.#note(Slot.MOVING, address, Atomics.load(this.#memory.words, address + Block.STATE))
  }

  settled(intent: number): void {
    this.#memory.words[this.#intents + intent] = 0
  }

  /** The block noted last is out of the list by this hold's doing. Unless the recovery was first it is this hold's. */
  unlinked(address: number): void {
    this.take(address, this.#memory.words[this.#intents + Slot.MOVING + 1] as number)
    this.settled(Slot.MOVING)
  }

  /** A block that was enlivened and will not be linked. */
  abandon(address: number, intent: number): void {
    this.take(address, this.#memory.words[address + Block.STATE] as number)
    this.settled(intent)
  }

  /** Whoever exchanges the state of a block that nobody can find any more has it, and takes it off the counts. */
  take(address: number, state: number): void {
    const { words } = this.#memory
    const mine = heldBy(this.slot, state)
    const units = kindOfState(state) === BlockState.LIVE ? this.weightAt(address) : 0
    if (units > 0) this.#counts.intend(address, mine, -units, -1)
    const isMine = Atomics.compareExchange(words, address + Block.STATE, state, mine) === state
    if (units > 0 && isMine) this.#counts.commit()
    else this.#counts.cancel()
    if (isMine) this.retire(address)
  }

  /** Units an entry weighs with all that it costs; 0 for a sentinel. */
  weightAt(address: number): number {
    if (((this.#memory.words[address + Block.ORDER] as number) & 1) === 0) return 0
    return this.unitsAt(address) + ENTRY_OVERHEAD_UNITS
  }

  /** A HELD block is free as soon as no section can hold it. */
  retire(address: number): void {
    this.#limbo.push(address)
    this.#limboEpochs.push(this.#epochs.now())
    this.#limboBytes += this.unitsAt(address) * UNIT_BYTES
  }

  get waiting(): number {
    return this.#limbo.length - this.#limboStart
  }

  /** Between operations: frees what nobody holds, once enough has gathered. */
  tidy(): void {
    if (this.waiting >= LIMBO_BLOCKS || this.#limboBytes >= LIMBO_BYTES) this.reclaim()
  }

  /** Frees what nobody can hold any more. Outside of sections only. */
  reclaim(): void {
    const now = this.#epochs.advance()
    const limbo = this.#limbo
    let at = this.#limboStart
    while (at < limbo.length && this.#epochs.isPast(this.#limboEpochs[at] as number, now)) {
      const address = limbo[at++] as number
      this.#limboBytes -= this.unitsAt(address) * UNIT_BYTES
      this.#limboStart = at
      this.#release(address)
    }
    if (at < limbo.length && at < LIMBO_BLOCKS) return
    this.#limbo = limbo.slice(at)
    this.#limboEpochs = this.#limboEpochs.slice(at)
    this.#limboStart = 0
  }

  /** Shares everything this hold keeps. True if nothing is left: no block that waits for a reader, or is on its way. */
  flush(): boolean {
    if (this.waiting > 0) this.reclaim()
    this.#caches.forEach((cache, sizeClass) => {
      for (let next = cache.pop(); next !== undefined; next = cache.pop()) this.#push(sizeClass, next)
    })
    this.#carving.forEach((page, sizeClass) => {
      if (page !== 0) this.#offer(sizeClass, page)
      this.#carving[sizeClass] = 0
    })
    const isMoving = [Slot.NEW_ENTRY, Slot.NEW_SENTINEL, Slot.MOVING].some(
      (intent) => this.#memory.words[this.#intents + intent] !== 0,
    )
    return this.waiting === 0 && !isMoving
  }

  /** Goes on with a page that a dead hold was carving. */
  adopt(page: number, sizeClass: number): void {
    Atomics.store(this.#memory.words, this.#pages.addressOf(page) + Page.OWNER, this.slot)
    this.#offer(sizeClass, page + 1)
  }

  #note(intent: number, address: number, state: number): void {
    const { words } = this.#memory
    const at = this.#intents + intent
    // Plain stores: only the recovery reads them, long after. The atomics around keep them in their place.
    words[at] = 0
    words[at + 1] = state
    words[at] = address
  }

  #release(address: number): void {
    const page = this.#pages.pageOf(address)
    const word = this.#pages.wordOf(page)
    if (kindOfPage(word) === PageKind.SPAN) {
      this.#pages.free(page, numberOfPage(word))
      return
    }
    const sizeClass = numberOfPage(word)
    const cache = this.#caches[sizeClass] as number[]
    if (cache.length >= cacheLimit(sizeClass)) {
      for (let i = cache.length >>> 1; i > 0; i--) this.#push(sizeClass, cache.pop() as number)
    }
    cache.push(address)
  }

  #refill(sizeClass: number, cache: number[]): number {
    if (this.waiting > 0 && !this.#epochs.isInside) this.reclaim()
    if (cache.length === 0) this.#popShared(sizeClass, cache)
    if (cache.length === 0) this.#carve(sizeClass, cache)
    return cache.pop() ?? 0
  }

  #popShared(sizeClass: number, cache: number[]): void {
    if (Atomics.load(this.#memory.words, Head.STACKS + sizeClass) === 0) return
    const wasInside = this.#epochs.isInside
    if (!wasInside) this.#epochs.enter()
    for (let want = cacheLimit(sizeClass) >>> 2; want >= 0; want--) {
      const address = this.#pop(sizeClass)
      if (address === 0) break
      cache.push(address)
    }
    if (!wasInside) this.#epochs.leave()
  }

  #pop(sizeClass: number): number {
    const stack = Head.STACKS + sizeClass
    for (;;) {
      const { words } = this.#memory
      const address = Atomics.load(words, stack)
      if (address === 0) return 0
      if (address >= this.#memory.limit) {
        this.#memory.refresh()
        continue
      }
      const state = Atomics.load(words, address + Block.STATE)
      const next = Atomics.load(words, address + Block.NEXT)
      this.#note(Slot.MOVING, address, state)
      if (Atomics.compareExchange(words, stack, address, next) !== address) continue
      const mine = heldBy(this.slot, state)
      const isMine = Atomics.compareExchange(words, address + Block.STATE, state, mine) === state
      this.settled(Slot.MOVING)
      if (isMine) return address
    }
  }

  #push(sizeClass: number, address: number): void {
    const { words } = this.#memory
    const stack = Head.STACKS + sizeClass
    const state = nextLife(words[address + Block.STATE] as number, BlockState.FREE)
    this.#note(Slot.MOVING, address, state)
    Atomics.store(words, address + Block.STATE, state)
    for (;;) {
      const top = Atomics.load(words, stack)
      Atomics.store(words, address + Block.NEXT, top)
      if (Atomics.compareExchange(words, stack, top, address) === top) break
    }
    this.settled(Slot.MOVING)
  }

  /** Cuts a few blocks from a page of this class. */
  #carve(sizeClass: number, cache: number[]): void {
    const number = this.#openPage(sizeClass)
    if (number === 0) return
    const base = this.#pages.addressOf(number - 1)
    const { words } = this.#memory
    const bytes = CLASS_BYTES[sizeClass] as number
    let carved = words[base + Page.CARVED] as number
    for (let left = Math.max(1, CARVE_BYTES / bytes); left > 0 && carved + bytes <= PAGE_BYTES; left--) {
      const address = base + carved / 4
      Atomics.store(words, address + Block.STATE, heldBy(this.slot, 0))
      carved += bytes
      Atomics.store(words, base + Page.CARVED, carved)
      cache.push(address)
    }
    if (carved + bytes <= PAGE_BYTES) return
    Atomics.store(words, base + Page.OWNER, NOBODY)
    this.#carving[sizeClass] = 0
  }

  /** The page this hold carves: its own, one that another left, or a new one. */
  #openPage(sizeClass: number): number {
    const own = this.#carving[sizeClass] as number
    if (own !== 0) return own
    const left = this.#leftPage(sizeClass)
    const number = left !== 0 ? left : this.#newPage(sizeClass)
    this.#carving[sizeClass] = number
    return number
  }

  /** The page that lies open for this class. Who writes itself into it as its owner has it. */
  #leftPage(sizeClass: number): number {
    const place = Head.OPEN_PAGES + sizeClass
    const number = Atomics.load(this.#memory.words, place)
    if (number === 0) return 0
    if (this.#pages.addressOf(number) > this.#memory.limit) this.#memory.refresh()
    const { words } = this.#memory
    const owner = this.#pages.addressOf(number - 1) + Page.OWNER
    if (Atomics.compareExchange(words, owner, NOBODY, this.slot) !== NOBODY) return 0
    Atomics.compareExchange(words, place, number, 0)
    return number
  }

  #newPage(sizeClass: number): number {
    const page = this.#takePages(1)
    if (page < 0) return 0
    const { words } = this.#memory
    const base = this.#pages.addressOf(page)
    words[base + Page.CARVED] = PAGE_HEAD_BYTES
    words[base + Page.OWNER] = this.slot
    this.#pages.setWord(page, pageWord(PageKind.SMALL, sizeClass))
    return page + 1
  }

  /** Leaves a page with room to whoever needs one next; if one lies there, cuts this one up. */
  #offer(sizeClass: number, number: number): void {
    const { words } = this.#memory
    const there = Atomics.compareExchange(words, Head.OPEN_PAGES + sizeClass, 0, number)
    if (there === 0 || there === number) {
      // Only now may it be taken; until then whoever looks sees that it has an owner.
      Atomics.store(words, this.#pages.addressOf(number - 1) + Page.OWNER, NOBODY)
      return
    }
    this.#carving[sizeClass] = number
    const cut: number[] = []
    while (this.#carving[sizeClass] === number) this.#carve(sizeClass, cut)
    for (const address of cut) this.#push(sizeClass, address)
  }

  #allocateSpan(count: number): number {
    if (this.waiting > 0 && !this.#epochs.isInside) this.reclaim()
    const page = this.#takePages(count)
    if (page < 0) return 0
    const { words } = this.#memory
    const address = this.#pages.addressOf(page)
    // Lives count on: whoever noted the block that lay here before must not take it for this one.
    const state = nextLife(words[address + Block.STATE] as number, BlockState.FREE)
    Atomics.store(words, address + Block.STATE, heldBy(this.slot, state))
    this.#pages.markRest(page, count)
    this.#pages.setWord(page, pageWord(PageKind.SPAN, count))
    return address
  }

  /** Pages in view. */
  #takePages(count: number): number {
    const page = this.#pages.take(count)
    if (page >= 0 && this.#pages.addressOf(page + count) > this.#memory.limit) this.#memory.refresh()
    return page
  }
}

function cacheLimit(sizeClass: number): number {
  const fitting = Math.floor(CACHE_BYTES / (CLASS_BYTES[sizeClass] as number))
  return Math.max(4, Math.min(CACHE_BLOCKS, fitting))
}
