import {
  ABSENT_KIND,
  DEFAULT_TTL,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  type PlainValue,
  SCRATCH_BYTES,
  SetMode,
  type SharedKey,
  type SharedMapEngine,
  type SharedMapStats,
} from '../../shared'
import { errno } from '../errno'
import { Aftermath } from './aftermath'
import { Blocks } from './blocks'
import { Counts } from './counts'
import { Epochs } from './epochs'
import { Expiry } from './expiry'
import { Key } from './key'
import { Block, Head, KEY_BYTES_SHIFT, Slot, Stored, UNIT_BYTES, VALUE_KIND_SHIFT } from './layout'
import { EntryList } from './list'
import type { SharedMemory } from './memory'
import { Pages } from './pages'
import { Scans } from './scan'
import { readNumber, readValue, storedKind, Value, valueOffset, valueStart } from './value'

/** What the last close of an engine leaves to its owner. `isClean`: the slot holds nothing any more. */
export type OnClose = (isClean: boolean) => void

/** Buckets that `stats` sweeps for expired entries, so that the counts are no more than a little behind. */
const SWEEP_FOR_STATS = 4096

/**
 * A shared map in pure JavaScript, as one hold sees it: lock-free for readers and writers. Blocks (blocks.ts) in a
 * growing buffer (memory.ts, pages.ts) form one list (list.ts); sections (epochs.ts) keep what is read from being used
 * anew; entries go when their time is up or the budget is exceeded (expiry.ts).
 */
export class JsSharedMap implements SharedMapEngine {
  /** [3]: nothing that `get` gave may be remembered. */
  readonly control = new Int32Array([0, 0, 0, -1, 0])
  readonly scratch = new Uint8Array(SCRATCH_BYTES)
  readonly #memory: SharedMemory
  readonly #defaultTtl: number
  readonly #onClose: OnClose
  readonly #epochs: Epochs
  readonly #counts: Counts
  readonly #blocks: Blocks
  readonly #list: EntryList
  readonly #expiry: Expiry
  readonly #scans: Scans
  readonly #key: Key
  readonly #value = new Value()
  readonly #expected = new Value()
  readonly #budget: number
  readonly #aftermath: Aftermath
  readonly #slot: number
  #isClosed = false
  /** A change is under way; at the beginning of the next one: it was cut off. */
  #isChanging = false
  #wasCutOff = false

  constructor(memory: SharedMemory, slot: number, defaultTtl: number, onClose: OnClose) {
    const pages = new Pages(memory, slot)
    this.#memory = memory
    this.#defaultTtl = defaultTtl
    this.#onClose = onClose
    this.#epochs = new Epochs(memory, slot)
    this.#counts = new Counts(memory, slot)
    this.#blocks = new Blocks(memory, slot, pages, this.#epochs, this.#counts)
    this.#list = new EntryList(memory, this.#blocks, pages, this.#counts)
    this.#expiry = new Expiry(memory, this.#list, this.#counts)
    this.#scans = new Scans(memory, this.#list, this.#expiry)
    this.#aftermath = new Aftermath(memory, pages, this.#epochs, this.#blocks, this.#list)
    this.#slot = slot
    this.#key = new Key(memory)
    this.#budget = memory.words[Head.BUDGET] as number
  }

  get(key: SharedKey): PlainValue | Uint8Array | ArrayBuffer {
    const { control } = this
    control[2] = 0
    if (this.#isClosed) return undefined
    this.#key.take(key)
    this.#epochs.enter()
    const entry = this.#list.lookUp(this.#key)
    if (entry === 0 || this.#expiry.isPast(entry)) {
      this.#epochs.leave()
      return undefined
    }
    control[2] = 1
    if (this.#budget !== 0) this.#touch(entry)
    const value = readValue(this.#memory, entry, control, this.scratch)
    this.#epochs.leave()
    return value
  }

  has(key: SharedKey): boolean {
    if (this.#isClosed) return false
    this.#key.take(key)
    this.#epochs.enter()
    const entry = this.#list.lookUp(this.#key)
    const isThere = entry !== 0 && !this.#expiry.isPast(entry)
    this.#epochs.leave()
    return isThere
  }

  ttl(key: SharedKey): number {
    if (this.#isClosed) return -1
    this.#key.take(key)
    this.#epochs.enter()
    const entry = this.#list.lookUp(this.#key)
    const left = entry === 0 ? -1 : this.#expiry.left(entry)
    this.#epochs.leave()
    return left
  }

  set(key: SharedKey, kind: number, value: PlainValue | Uint8Array, ttlMs: number, mode: number): number {
    this.#value.take(kind, value)
    const entry = this.#prepare(key, ttlMs)
    if (entry < 0) return entry
    this.#begin()
    const result = this.#store(entry, mode)
    return this.#finish(result, entry)
  }

  delete(key: SharedKey): number {
    if (this.#isClosed) return 0
    this.#key.take(key)
    this.#begin()
    const result = this.#remove(undefined)
    return this.#finish(result, 0)
  }

  compareAndSet(
    key: SharedKey,
    expectedKind: number,
    expected: PlainValue | Uint8Array,
    kind: number,
    value: PlainValue | Uint8Array,
    ttlMs: number,
  ): number {
    if (expectedKind === ABSENT_KIND) return this.#addIfAbsent(key, kind, value, ttlMs)
    this.#expected.take(expectedKind, expected)
    if (kind === ABSENT_KIND) return this.#removeIfEqual(key)
    this.#value.take(kind, value)
    const entry = this.#prepare(key, ttlMs)
    if (entry < 0) return entry
    this.#begin()
    const result = this.#replaceIfEqual(entry)
    return this.#finish(result, entry)
  }

  increment(key: SharedKey, by: number, ttlMs: number): number {
    this.#value.take(0, by)
    const entry = this.#prepare(key, ttlMs)
    this.control[0] = Math.min(entry, 0)
    if (entry < 0) return NaN
    this.#begin()
    const sum = this.#add(entry, by)
    this.#finish(this.control[0] === 0 ? 1 : 0, entry)
    return sum
  }

  clear(): void {
    if (this.#isClosed) return
    for (let bucket = 0; bucket < this.#list.buckets; bucket++) {
      this.#begin()
      this.#expiry.clearBucket(bucket)
      this.#end()
    }
  }

  scanOpen(): number {
    return this.#isClosed ? -errno.EBADF : this.#scans.open()
  }

  scanNext(cursor: number): unknown[] | undefined {
    if (this.#isClosed) return undefined
    this.#epochs.enter()
    const found = this.#scans.next(cursor)
    this.#epochs.leave()
    return found
  }

  scanClose(cursor: number): void {
    this.#scans.close(cursor)
  }

  stats(): SharedMapStats {
    const { words } = this.#memory
    if (this.#isClosed) return { entries: 0, bytes: 0, evictions: 0, expirations: 0 }
    this.#begin()
    this.#expiry.sweep(SWEEP_FOR_STATS)
    this.#end()
    return {
      entries: this.#counts.entries,
      bytes: this.#counts.units * UNIT_BYTES,
      evictions: Atomics.load(words, Head.EVICTIONS) >>> 0,
      expirations: Atomics.load(words, Head.EXPIRATIONS) >>> 0,
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const isWhole = !this.#isChanging && !this.#wasCutOff
    this.#epochs.leave()
    this.#onClose(this.#blocks.flush() && isWhole)
  }

  /** Begins the section of a change, after an earlier one that an exception cut off has been brought to its end. */
  #begin(): void {
    if (this.#isChanging) {
      this.#wasCutOff = true
      this.#epochs.leave()
      this.#aftermath.settle(this.#slot)
      this.#list.isLeft = false
    }
    this.#isChanging = true
    this.#epochs.enter()
  }

  #end(): void {
    this.#epochs.leave()
    this.#blocks.tidy()
    this.#isChanging = false
  }

  /** Refuses, or makes the entry of this operation: its address, or a negative errno. Outside of the section. */
  #prepare(key: SharedKey, ttlMs: number): number {
    if (this.#isClosed) return -errno.EBADF
    this.#key.take(key)
    const { byteLength } = this.#value
    if (this.#key.byteLength > MAX_KEY_BYTES || byteLength > MAX_VALUE_BYTES) return -errno.E2BIG
    const bytes = valueOffset(this.#key.byteLength) + byteLength
    if (this.#budget !== 0 && bytes / UNIT_BYTES > this.#budget) return -errno.E2BIG
    const entry = this.#allocate(bytes)
    if (entry === 0) return -errno.ENOMEM
    this.#fill(entry, this.#expiry.end(ttlMs === DEFAULT_TTL ? this.#defaultTtl : ttlMs))
    if (this.#budget === 0 || this.#blocks.weightAt(entry) <= this.#budget) return entry
    this.#blocks.retire(entry)
    return -errno.E2BIG
  }

  /** With a budget, room that others hold may be made: memory is not short as long as something can go. */
  #allocate(bytes: number): number {
    const entry = this.#blocks.allocate(bytes)
    if (entry !== 0 || this.#budget === 0) return entry
    this.#begin()
    this.#expiry.evict(this.#budget >>> 1, 0)
    this.#end()
    this.#blocks.reclaim()
    return this.#blocks.allocate(bytes)
  }

  #fill(entry: number, expires: number): void {
    const memory = this.#memory
    const { words } = memory
    const key = this.#key
    const value = this.#value
    words[entry + Block.META] =
      key.kind | (value.kind << VALUE_KIND_SHIFT) | (key.byteLength << KEY_BYTES_SHIFT)
    words[entry + Block.VALUE_BYTES] = value.byteLength
    words[entry + Block.TOUCHED] = 0
    memory.doubles[(entry + Block.EXPIRES) / 2] = expires
    this.#list.setOrder(entry, key.hash)
    key.write(entry * 4 + valueOffset(0))
    value.write(memory, valueStart(memory, entry))
  }

  /** 1 if the entry went in, 0 if `mode` was against it. */
  #store(entry: number, mode: number): number {
    const list = this.#list
    this.#blocks.enliven(entry, Slot.NEW_ENTRY)
    for (;;) {
      list.find(this.#key)
      const old = list.entry
      const isThere = old !== 0 && !this.#expiry.isPast(old)
      if (isThere ? mode === SetMode.IF_ABSENT : mode === SetMode.IF_PRESENT) return 0
      if (!(old === 0 ? list.insert(entry) : list.replace(entry))) continue
      if (old !== 0 && !isThere) this.#expiry.countExpired()
      return 1
    }
  }

  #addIfAbsent(key: SharedKey, kind: number, value: PlainValue | Uint8Array, ttlMs: number): number {
    if (kind !== ABSENT_KIND) return this.set(key, kind, value, ttlMs, SetMode.IF_ABSENT)
    if (this.#isClosed) return -errno.EBADF
    return this.has(key) ? 0 : 1
  }

  #removeIfEqual(key: SharedKey): number {
    if (this.#isClosed) return -errno.EBADF
    this.#key.take(key)
    this.#begin()
    return this.#finish(this.#remove(this.#expected), 0)
  }

  #replaceIfEqual(entry: number): number {
    const list = this.#list
    this.#blocks.enliven(entry, Slot.NEW_ENTRY)
    for (;;) {
      list.find(this.#key)
      if (list.entry === 0 || this.#expiry.isPast(list.entry)) return 0
      if (!this.#expected.isStoredAt(this.#memory, list.entry)) return 0
      if (list.replace(entry)) return 1
    }
  }

  /** 1 if there was an entry (with that value) and it is gone. */
  #remove(value: Value | undefined): number {
    const list = this.#list
    for (;;) {
      list.find(this.#key)
      const entry = list.entry
      if (entry === 0) return 0
      const isPast = this.#expiry.isPast(entry)
      if (!isPast && value !== undefined && !value.isStoredAt(this.#memory, entry)) return 0
      if (!list.remove(list.before, entry)) continue
      if (isPast) this.#expiry.countExpired()
      return isPast ? 0 : 1
    }
  }

  #add(entry: number, by: number): number {
    const list = this.#list
    const memory = this.#memory
    this.#blocks.enliven(entry, Slot.NEW_ENTRY)
    for (;;) {
      list.find(this.#key)
      const old = list.entry
      const isThere = old !== 0 && !this.#expiry.isPast(old)
      if (isThere && storedKind(memory, old) !== Stored.NUMBER) {
        this.control[0] = -errno.EINVAL
        return NaN
      }
      const sum = (isThere ? readNumber(memory, old) : 0) + by
      const at = valueStart(memory, entry)
      memory.doubles[at / 8] = sum
      if (isThere) this.#expiry.inherit(old, entry)
      if (!(old === 0 ? list.insert(entry) : list.replace(entry))) continue
      if (old !== 0 && !isThere) this.#expiry.countExpired()
      return sum
    }
  }

  /** Ends the section of a write. `entry` is 0, or the one that went in (`result` 1) or did not. */
  #finish(result: number, entry: number): number {
    const list = this.#list
    if (list.isLeft) {
      list.isLeft = false
      list.find(this.#key)
    }
    if (entry !== 0) this.#settle(result, entry)
    this.#expiry.sweep(1)
    this.#end()
    this.#value.forget()
    this.#expected.forget()
    return result
  }

  #settle(result: number, entry: number): void {
    if (result !== 1) {
      this.#blocks.abandon(entry, Slot.NEW_ENTRY)
      return
    }
    this.#blocks.settled(Slot.NEW_ENTRY)
    this.#list.grow()
    if (this.#budget !== 0) this.#expiry.evict(this.#budget, entry)
  }

  /** For the clock that looks for what was not used lately. Written once a round, so that hot entries stay shared. */
  #touch(entry: number): void {
    const { words } = this.#memory
    if (words[entry + Block.TOUCHED] === 0) Atomics.store(words, entry + Block.TOUCHED, 1)
  }
}
