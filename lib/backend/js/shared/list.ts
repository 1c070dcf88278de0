import type { Blocks } from './blocks'
import type { Counts } from './counts'
import {
  Block,
  ENTRIES_PER_BUCKET,
  Head,
  LAST_BUCKET_LOG,
  MARK,
  PAGE_WORDS,
  PageKind,
  SENTINEL_BYTES,
  Slot,
  STATIC_BUCKET_LOG,
} from './layout'
import type { Key } from './key'
import type { SharedMemory } from './memory'
import { type Pages, pageWord } from './pages'

/** After so many insertions of a hold it looks whether there are buckets enough. */
const LOOK_EVERY = 8

/** Bits of a word in opposite order. */
export function reversed(word: number): number {
  let bits = ((word >>> 1) & 0x55555555) | ((word & 0x55555555) << 1)
  bits = ((bits >>> 2) & 0x33333333) | ((bits & 0x33333333) << 2)
  bits = ((bits >>> 4) & 0x0f0f0f0f) | ((bits & 0x0f0f0f0f) << 4)
  bits = ((bits >>> 8) & 0x00ff00ff) | ((bits & 0x00ff00ff) << 8)
  return (bits >>> 16) | (bits << 16)
}

/** Where an entry with this hash stands: odd, behind the sentinel of its bucket whatever their number. */
function orderOf(hash: number): number {
  return reversed(hash) | 1
}

/** Whether one order comes before the other; both are words without sign. */
export function isBefore(a: number, b: number): boolean {
  return a >>> 0 < b >>> 0
}

/**
 * All entries of a map in one list, sorted by the reversed bits of their hash, changed by single exchanges of links.
 * A bucket is a sentinel in this list, where those hashes begin that end in the bucket's number. Doubling the number
 * of buckets puts new sentinels between, and moves nothing: who walks the list meanwhile misses nothing.
 *
 * An entry leaves in two steps: the exchange that marks its link (this is the moment it is gone), and the exchange of
 * the link before it, by anybody who passes with the right to write. One that is replaced is marked with a link to its
 * successor in the same exchange, so at every moment exactly one of the two is there. Behind the last entry of an
 * order is the only place where another of the same order may be linked: two isolates that add one key contend for
 * the same link.
 *
 * All methods are called inside a section.
 */
export class EntryList {
  readonly #memory: SharedMemory
  readonly #blocks: Blocks
  readonly #pages: Pages
  readonly #counts: Counts
  #insertions = 0
  /** What `find` found: the entry or 0, the link before it, the entry after. */
  entry = 0
  before = 0
  after = 0
  /** Whether the entry that `replace` or `remove` marked is still linked: a `find` of its key takes it out. */
  isLeft = false

  constructor(memory: SharedMemory, blocks: Blocks, pages: Pages, counts: Counts) {
    this.#memory = memory
    this.#blocks = blocks
    this.#pages = pages
    this.#counts = counts
  }

  /** Gives a block its place. Before it is linked. */
  setOrder(address: number, hash: number): void {
    this.#memory.words[address + Block.ORDER] = orderOf(hash)
  }

  /** The entry of a key, 0 if there is none. Changes nothing. */
  lookUp(key: Key): number {
    const memory = this.#memory
    const order = orderOf(key.hash)
    let at = this.#nearestSentinel(key.hash & this.#bucketMask())
    for (;;) {
      at = Atomics.load(memory.words, at + Block.NEXT) & ~MARK
      if (at === 0) return 0
      if (at >= memory.limit) memory.refresh()
      const found = memory.words[at + Block.ORDER] as number
      if (found >>> 0 < order >>> 0) continue
      if (found !== order) return 0
      if (!key.matches(at)) continue
      // This load decides: not marked means that it is there now.
      if ((Atomics.load(memory.words, at + Block.NEXT) & MARK) === 0) return at
    }
  }

  /**
   * Finds the entry of a key, or the place where it belongs, and takes marked entries on its way out of the list.
   * `entry` is 0 if there is none; a new one then goes between `before` and `after`.
   */
  find(key: Key): void {
    const order = orderOf(key.hash)
    const start = this.sentinel(key.hash & this.#bucketMask())
    while (!this.#walkTo(start, order, key));
  }

  /** Puts a block that has its order between `before` and `after`. False if something changed there. */
  insert(address: number): boolean {
    const { words } = this.#memory
    Atomics.store(words, address + Block.NEXT, this.after)
    return Atomics.compareExchange(words, this.before + Block.NEXT, this.after, address) === this.after
  }

  /** Puts a block in the place of `entry`, in one step. False if something changed there. */
  replace(address: number): boolean {
    const { words } = this.#memory
    const old = this.entry
    const next = Atomics.load(words, old + Block.NEXT)
    if ((next & MARK) !== 0) return false
    Atomics.store(words, address + Block.NEXT, next)
    if (Atomics.compareExchange(words, old + Block.NEXT, next, address | MARK) !== next) return false
    this.isLeft = !this.unlink(this.before, old, address)
    return true
  }

  /** Removes `entry`. False if somebody else did, or replaced it. */
  remove(before: number, entry: number): boolean {
    const { words } = this.#memory
    for (;;) {
      const next = Atomics.load(words, entry + Block.NEXT)
      if ((next & MARK) !== 0) return false
      if (Atomics.compareExchange(words, entry + Block.NEXT, next, next | MARK) !== next) continue
      this.isLeft = !this.unlink(before, entry, next)
      return true
    }
  }

  /** Takes a marked entry out. False if the link before it has changed: whoever passes there will do it. */
  unlink(before: number, entry: number, next: number): boolean {
    const { words } = this.#memory
    const blocks = this.#blocks
    blocks.intendUnlink(entry)
    if (Atomics.compareExchange(words, before + Block.NEXT, entry, next) !== entry) {
      blocks.settled(Slot.MOVING)
      return false
    }
    blocks.unlinked(entry)
    return true
  }

  /** Whether this very block is in the list, marked or not. For the recovery. */
  holds(address: number): boolean {
    const { words } = this.#memory
    const order = words[address + Block.ORDER] as number
    let at = this.startOf(order)
    while (at !== 0 && at !== address && !isBefore(order, this.#memory.words[at + Block.ORDER] as number)) {
      at = this.next(at)
    }
    return at === address
  }

  /** The block behind another, marked or not, in view. 0 at the end. */
  next(address: number): number {
    const next = Atomics.load(this.#memory.words, address + Block.NEXT) & ~MARK
    if (next >= this.#memory.limit) this.#memory.refresh()
    return next
  }

  get buckets(): number {
    return this.#bucketMask() + 1
  }

  /** Where a walk from an order begins: at or before it. */
  startOf(order: number): number {
    return this.#nearestSentinel(reversed(order) & this.#bucketMask())
  }

  /** The sentinel of a bucket, put into the list if it is not there yet. */
  sentinel(bucket: number): number {
    const there = this.#sentinelWord(bucket)
    if (there !== 0) return there
    const parent = this.sentinel(bucket & ~(1 << (31 - Math.clz32(bucket))))
    return this.#addSentinel(bucket, parent)
  }

  /** The sentinel of bucket 0 has to be there before anything else. False without memory. */
  begin(): boolean {
    const address = this.#blocks.allocate(SENTINEL_BYTES)
    if (address === 0) return false
    const { words } = this.#memory
    words[address + Block.ORDER] = 0
    words[address + Block.NEXT] = 0
    this.#blocks.enliven(address, Slot.NEW_SENTINEL)
    Atomics.store(words, Head.BUCKETS, address)
    this.#blocks.settled(Slot.NEW_SENTINEL)
    return true
  }

  /** Doubles the buckets if the entries have become too many for them. Without memory the chains grow longer. */
  grow(): void {
    // Counting asks all holds, so it is not done each time.
    if (++this.#insertions % LOOK_EVERY !== 0) return
    const { words } = this.#memory
    const log = Atomics.load(words, Head.BUCKET_LOG)
    if (log >= LAST_BUCKET_LOG || this.#counts.entries <= ENTRIES_PER_BUCKET << log) return
    if (log >= STATIC_BUCKET_LOG && !this.#addSegment(log)) return
    Atomics.compareExchange(words, Head.BUCKET_LOG, log, log + 1)
  }

  /** One attempt. False if a link changed under it. */
  #walkTo(start: number, order: number, key: Key): boolean {
    const memory = this.#memory
    let before = start
    let at = Atomics.load(memory.words, before + Block.NEXT)
    for (;;) {
      if (at >= memory.limit) memory.refresh()
      const next = at === 0 ? 0 : Atomics.load(memory.words, at + Block.NEXT)
      if ((next & MARK) !== 0) {
        if (!this.unlink(before, at, next & ~MARK)) return false
        at = next & ~MARK
        continue
      }
      const isThere = at !== 0 && !isBefore(order, memory.words[at + Block.ORDER] as number)
      const isFound = isThere && memory.words[at + Block.ORDER] === order && key.matches(at)
      if (isFound || !isThere) {
        this.before = before
        this.entry = isFound ? at : 0
        this.after = isFound ? next : at
        return true
      }
      before = at
      at = next
    }
  }

  /** Its segment is there before the number says so. */
  #bucketMask(): number {
    return (1 << Atomics.load(this.#memory.words, Head.BUCKET_LOG)) - 1
  }

  /** Of the bucket, or of the one it split from, and so on: there is always that of bucket 0. */
  #nearestSentinel(bucket: number): number {
    for (let at = bucket; ; at &= ~(1 << (31 - Math.clz32(at)))) {
      const address = this.#sentinelWord(at)
      if (address !== 0) return address
    }
  }

  #sentinelWord(bucket: number): number {
    // First: it may put another view in the place of `words`.
    const at = this.#bucketAddress(bucket)
    const address = Atomics.load(this.#memory.words, at)
    if (address >= this.#memory.limit) this.#memory.refresh()
    return address
  }

  #bucketAddress(bucket: number): number {
    if (bucket >>> STATIC_BUCKET_LOG === 0) return Head.BUCKETS + bucket
    const log = 31 - Math.clz32(bucket)
    const segment = Atomics.load(this.#memory.words, Head.SEGMENTS + log)
    const address = segment + bucket - (1 << log)
    if (address >= this.#memory.limit) this.#memory.refresh()
    return address
  }

  /** Its sentinel, or that of the bucket it split from where there is no memory. */
  #addSentinel(bucket: number, parent: number): number {
    const address = this.#blocks.allocate(SENTINEL_BYTES)
    if (address === 0) return parent
    const order = reversed(bucket)
    const { words } = this.#memory
    words[address + Block.ORDER] = order
    this.#blocks.enliven(address, Slot.NEW_SENTINEL)
    for (;;) {
      const found = this.#placeSentinel(parent, order, address)
      if (found < 0) continue
      if (found === address) this.#blocks.settled(Slot.NEW_SENTINEL)
      else this.#blocks.abandon(address, Slot.NEW_SENTINEL)
      const place = this.#bucketAddress(bucket)
      Atomics.store(this.#memory.words, place, found)
      return found
    }
  }

  /** The sentinel of this order that is in the list afterwards; -1 if a link changed meanwhile. */
  #placeSentinel(parent: number, order: number, address: number): number {
    const { words } = this.#memory
    let before = parent
    for (;;) {
      const link = Atomics.load(words, before + Block.NEXT)
      // Behind a marked entry nothing may be linked. It is on its way out; begin again from where it cannot be.
      if ((link & MARK) !== 0) return this.#cleared(parent, order)
      if (link >= this.#memory.limit) return this.#refreshed()
      const there = link === 0 ? undefined : (words[link + Block.ORDER] as number)
      if (there === order) return link
      if (there !== undefined && isBefore(there, order)) {
        before = link
        continue
      }
      Atomics.store(words, address + Block.NEXT, link)
      return Atomics.compareExchange(words, before + Block.NEXT, link, address) === link ? address : -1
    }
  }

  #refreshed(): number {
    this.#memory.refresh()
    return -1
  }

  /** Takes marked entries out, from a sentinel to an order. */
  #cleared(from: number, order: number): number {
    let before = from
    for (;;) {
      const at = this.next(before)
      const { words } = this.#memory
      if (at === 0 || isBefore(order, words[at + Block.ORDER] as number)) return -1
      const next = Atomics.load(words, at + Block.NEXT)
      if ((next & MARK) === 0) before = at
      else if (!this.unlink(before, at, next & ~MARK)) return -1
    }
  }

  #addSegment(log: number): boolean {
    if (Atomics.load(this.#memory.words, Head.SEGMENTS + log) !== 0) return true
    const pages = this.#pages
    const count = Math.max(1, (1 << log) / PAGE_WORDS)
    const first = pages.take(count)
    if (first < 0) return false
    this.#memory.refresh()
    const address = pages.addressOf(first)
    this.#memory.words.fill(0, address, address + (1 << log))
    pages.markRest(first, count)
    if (Atomics.compareExchange(this.#memory.words, Head.SEGMENTS + log, 0, address) === 0) {
      pages.setWord(first, pageWord(PageKind.SEGMENT, log))
    } else {
      pages.free(first, count)
    }
    return true
  }
}
