import type { Counts } from './counts'
import { Block, Head, MARK } from './layout'
import type { EntryList } from './list'
import type { SharedMemory } from './memory'

/** Why a walk removes entries. */
const Removal = { EXPIRED: 0, COLD: 1, ALL: 2 } as const
type Removal = (typeof Removal)[keyof typeof Removal]

/** Rounds of the clock's hand after which nothing more can be removed: what is left is being written just now. */
const ROUNDS = 3
/** Hands are moved past one another when several isolates evict; a small map needs some spare. */
const SPARE_STEPS = 64

/** Looks at the two clocks, so that one that was interrupted does not count. */
const SAMPLES = 8

/** How far the system's clock is ahead of this isolate's; too little by the time that passes between the two looks. */
function clockOffset(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now()
}

/**
 * When entries go without being asked: their time is up, or the budget is exceeded and nobody has read them since the
 * clock's hand passed last. Hands are buckets, taken one at a time by whoever writes, so isolates that evict at the
 * same time work on different ones. Called inside a section.
 */
export class Expiry {
  readonly #memory: SharedMemory
  readonly #list: EntryList
  readonly #counts: Counts
  /** The clock of this isolate counts from its own start; the system's is the same for all. */
  readonly #offset: number

  constructor(memory: SharedMemory, list: EntryList, counts: Counts) {
    this.#memory = memory
    this.#list = list
    this.#counts = counts
    this.#offset = Math.max(...Array.from({ length: SAMPLES }, clockOffset))
  }

  /** The moment at which an entry made now expires; 0 never. */
  end(ttlMs: number): number {
    if (ttlMs === 0) return 0
    const { words } = this.#memory
    if (words[Head.HAS_TTL] === 0) Atomics.store(words, Head.HAS_TTL, 1)
    return this.#now() + ttlMs
  }

  isPast(entry: number): boolean {
    const end = this.#endOf(entry)
    return end !== 0 && end <= this.#now()
  }

  /** Milliseconds, Infinity for ever, -1 if it is past. */
  left(entry: number): number {
    const end = this.#endOf(entry)
    if (end === 0) return Infinity
    const left = end - this.#now()
    return left > 0 ? left : -1
  }

  /** A new entry expires when the one it replaces would have. */
  inherit(old: number, entry: number): void {
    this.#memory.doubles[(entry + Block.EXPIRES) / 2] = this.#endOf(old)
  }

  countExpired(): void {
    Atomics.add(this.#memory.words, Head.EXPIRATIONS, 1)
  }

  /** Removes expired entries from the next few buckets. Costs nothing in a map that knows no expiry. */
  sweep(buckets: number): void {
    const { words } = this.#memory
    if (Atomics.load(words, Head.HAS_TTL) === 0) return
    const count = Math.min(buckets, this.#list.buckets)
    for (let i = 0; i < count; i++) this.#visit(this.#nextBucket(Head.SWEEP_HAND), Removal.EXPIRED, 0, 0)
  }

  /** Evicts until the map weighs so many units at most; `kept` is the entry that is being written. */
  evict(units: number, kept: number): void {
    if (this.#counts.units <= units) return
    for (let steps = ROUNDS * this.#list.buckets + SPARE_STEPS; steps > 0; steps--) {
      this.#visit(this.#nextBucket(Head.CLOCK_HAND), Removal.COLD, kept, units)
      if (this.#counts.units <= units) return
    }
  }

  /** Removes whatever is in a bucket, and perhaps in its neighbours. */
  clearBucket(bucket: number): void {
    while (!this.#visit(bucket, Removal.ALL, 0, 0));
  }

  /** Walks to the next sentinel. False if somebody changed a link here, so that not all was seen. */
  #visit(bucket: number, removal: Removal, kept: number, units: number): boolean {
    const list = this.#list
    let before = list.sentinel(bucket)
    for (;;) {
      const at = list.next(before)
      const { words } = this.#memory
      if (at === 0 || ((words[at + Block.ORDER] as number) & 1) === 0) return true
      const link = Atomics.load(words, at + Block.NEXT)
      if ((link & MARK) !== 0) {
        if (!list.unlink(before, at, link & ~MARK)) return false
      } else if (at === kept || !this.#shouldGo(at, removal)) {
        before = at
      } else {
        if (!this.#remove(before, at, removal)) return false
        if (removal === Removal.COLD && this.#counts.units <= units) return true
      }
    }
  }

  /** False if the entry is marked and still linked, because the link before it has changed. */
  #remove(before: number, entry: number, removal: Removal): boolean {
    const list = this.#list
    const isPast = this.isPast(entry)
    // Somebody else may have marked it first: it is passed again, and taken out then.
    if (!list.remove(before, entry)) return true
    if (isPast) this.countExpired()
    else if (removal === Removal.COLD) Atomics.add(this.#memory.words, Head.EVICTIONS, 1)
    const isOut = !list.isLeft
    list.isLeft = false
    return isOut
  }

  #shouldGo(entry: number, removal: Removal): boolean {
    if (removal === Removal.ALL || this.isPast(entry)) return true
    if (removal === Removal.EXPIRED) return false
    const { words } = this.#memory
    if (words[entry + Block.TOUCHED] === 0) return true
    Atomics.store(words, entry + Block.TOUCHED, 0)
    return false
  }

  #nextBucket(hand: number): number {
    return Atomics.add(this.#memory.words, hand, 1) & (this.#list.buckets - 1)
  }

  #endOf(entry: number): number {
    return this.#memory.doubles[(entry + Block.EXPIRES) / 2] as number
  }

  #now(): number {
    return performance.now() + this.#offset
  }
}
