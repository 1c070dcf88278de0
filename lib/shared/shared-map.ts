import { invalid } from '../arguments'
import { selectBackend } from '../backend/select'
import { ABSENT_KIND, DEFAULT_TTL, SetMode, type SharedKey, type SharedMapEngine } from '../backend/shared'
import { checkResult } from '../errors'
import { CLOSED_MAP } from './closed-map'
import { decode, encoded, kindOf, restore } from './codec'
import { openFailure, storeFailure } from './failures'
import { checkOpen, invalidKey, type SharedMapOptions, type SharedSetOptions, ttlOf } from './options'
import { Remembered } from './remembered'

/** Statistics of a shared map, the same for all who hold it. */
export interface SharedMapStats {
  /** Live entries, as exact as can be without a lock. */
  readonly entries: number
  /** Bytes of keys, values and overhead. */
  readonly bytes: number
  /** Entries that went for want of room. */
  readonly evictions: number
  /** Entries that were removed because their time was up. */
  readonly expirations: number
}

/** In the place of a value of `compareAndSet`: no entry. */
const ABSENT: unique symbol = Symbol('heddle.absent')

/**
 * A map that all isolates of the process see (SM-09): opened by name, alive while anybody holds it open. Keys are text or
 * bytes, values whatever can be cloned; a value is copied in and copied out, so nothing is shared by reference.
 *
 * Operations on one key are atomic and in one order for all isolates. Readers take no lock and wait for nobody. An
 * isolate may be terminated in the middle of anything: the map stays whole for the others.
 *
 * Keys: strings are compared unit by unit, bytes byte by byte, and the text 'a' is not the byte of 'a'. Up to 65,535
 * bytes (a unit of text below 256 is one byte, in other text each unit is two).
 *
 * Values: numbers, strings, booleans, null and undefined as themselves; a Uint8Array (a Buffer too) comes back as a fresh
 * Uint8Array; everything else by structured clone. Up to a gigabyte.
 *
 * Thread rule: an instance belongs to the isolate that opened it; each opens its own.
 *
 * @throws HeddleError: ERR_CLOSED after `close`, ERR_INVALID_ARGUMENT for a key or value of a wrong type,
 * ERR_KEY_TOO_LARGE, ERR_VALUE_TOO_LARGE, ENOMEM.
 */
export class SharedMap<V = unknown> {
  /** In the place of a value of `compareAndSet`: no entry. */
  static readonly ABSENT: typeof ABSENT = ABSENT

  /** What the map was opened as. */
  readonly name: string
  #engine: SharedMapEngine
  #remembered: Remembered | undefined

  private constructor(name: string, engine: SharedMapEngine, remember: number) {
    this.name = name
    this.#engine = engine
    this.#remembered = Remembered.of(engine, remember)
  }

  /**
   * Opens the map of that name, making it if nobody holds one open. Each `open` needs a `close`, or the end of its
   * isolate.
   *
   * @throws HeddleError: EINVAL if it is open with other options; on the js backend ETIME if the main thread has not
   * loaded the package or does not answer for ten seconds; EMFILE above a thousand holds.
   */
  static async open<V = unknown>(name: string, options: SharedMapOptions = {}): Promise<SharedMap<V>> {
    const { remember, ...limits } = checkOpen(name, options)
    const engine = await selectBackend().shared.openMap({ name, ...limits })
    if (typeof engine === 'number') throw openFailure('SharedMap', name, engine)
    return new SharedMap<V>(name, engine, remember)
  }

  /** The value of a key; undefined if there is none, or if it is undefined (`has` tells). */
  get(key: SharedKey): V | undefined {
    if (typeof key !== 'string') {
      checkKey(key)
      return this.#lookUp(key)
    }
    const remembered = this.#remembered
    if (remembered === undefined) return this.#lookUp(key)
    const memory = remembered.find(key)
    if (memory !== undefined) return memory.value as V | undefined
    const value = this.#lookUp(key)
    remembered.keep(key, value, this.#engine)
    return value
  }

  /** Whether there is an entry. */
  has(key: SharedKey): boolean {
    if (typeof key !== 'string') checkKey(key)
    return this.#engine.has(key)
  }

  /**
   * Stores a value, whatever was there. With a budget, entries that were not read lately go until it fits.
   */
  set(key: SharedKey, value: V, options?: SharedSetOptions): this {
    if (typeof key !== 'string') checkKey(key)
    this.#store(key, value, ttlOf('set', options), SetMode.ALWAYS)
    return this
  }

  /** Removes an entry. True if there was one. */
  delete(key: SharedKey): boolean {
    if (typeof key !== 'string') checkKey(key)
    return this.#engine.delete(key) === 1
  }

  /**
   * Stores `value` if the value is `expected`, in one step: true if it was. Numbers are compared by Object.is, strings
   * and bytes by content, cloned values by the bytes of their clone: equal for what was made alike, property order
   * included. `SharedMap.ABSENT` as `expected`: if there is no entry; as `value`: removes the entry.
   */
  compareAndSet(
    key: SharedKey,
    expected: V | typeof ABSENT,
    value: V | typeof ABSENT,
    options?: SharedSetOptions,
  ): boolean {
    if (typeof key !== 'string') checkKey(key)
    const ttlMs = ttlOf('compareAndSet', options)
    const expectedKind = kindOrAbsent(expected)
    const kind = kindOrAbsent(value)
    const before = encoded(expectedKind, expected)
    const after = encoded(kind, value)
    const result = this.#engine.compareAndSet(key, expectedKind, before, kind, after, ttlMs)
    if (result < 0) throw storeFailure(result, key)
    return result === 1
  }

  /** The value of a key; stores `value` if there is none and returns it. */
  getOrInsert(key: SharedKey, value: V, options?: SharedSetOptions): V {
    return this.getOrInsertComputed(key, () => value, options)
  }

  /**
   * The value of a key; if there is none, what `make` returns, which is stored. Isolates that come at the same time may
   * each call `make`; one of the values is stored, and all get it. What `make` throws is thrown.
   */
  getOrInsertComputed(key: SharedKey, make: (key: SharedKey) => V, options?: SharedSetOptions): V {
    if (typeof key !== 'string') checkKey(key)
    if (typeof make !== 'function') throw invalid('make', 'is a function', make)
    const ttlMs = ttlOf('getOrInsert', options)
    const known = this.get(key)
    if (known !== undefined) return known
    let isMade = false
    let made: V | undefined
    for (;;) {
      const there = this.#lookUp(key)
      if (there !== undefined || this.#engine.control[2] === 1) return there as V
      if (!isMade) made = make(key)
      isMade = true
      if (this.#store(key, made as V, ttlMs, SetMode.IF_ABSENT)) return made as V
    }
  }

  /**
   * Adds to a number and returns the sum, in one step. No entry counts as 0; one that is there keeps its time to live.
   *
   * @throws HeddleError EINVAL if the value is not a number.
   */
  increment(key: SharedKey, by = 1): number {
    if (typeof key !== 'string') checkKey(key)
    if (typeof by !== 'number') throw invalid('by', 'is a number', by)
    const engine = this.#engine
    const sum = engine.increment(key, by, DEFAULT_TTL)
    const failed = engine.control[0] as number
    if (failed !== 0) throw storeFailure(failed, key)
    return sum
  }

  /** Milliseconds an entry has left, Infinity if it does not expire, undefined if there is none. */
  ttl(key: SharedKey): number | undefined {
    if (typeof key !== 'string') checkKey(key)
    const left = this.#engine.ttl(key)
    return left < 0 ? undefined : left
  }

  /** Removes what is there at the call. What others store meanwhile may stay or go. */
  clear(): void {
    this.#engine.clear()
  }

  /** Number of entries, as exact as can be while others write. */
  get size(): number {
    return this.#engine.stats().entries
  }

  stats(): SharedMapStats {
    return this.#engine.stats()
  }

  /**
   * Walks over the entries, in no order. What is there during the whole walk comes exactly once; what is stored or
   * removed meanwhile comes at most once. A walk holds up nobody, and may be left at any time.
   */
  *entries(): IterableIterator<[SharedKey, V]> {
    const engine = this.#engine
    const cursor = checkResult(engine.scanOpen(), 'scan')
    try {
      for (;;) {
        // After `close` this is the engine that refuses.
        const step = this.#engine.scanNext(cursor)
        if (step === undefined) return
        for (let i = 0; i < step.length; i += 3) {
          yield [step[i] as SharedKey, restore(step[i + 1] as number, step[i + 2]) as V]
        }
      }
    } finally {
      engine.scanClose(cursor)
    }
  }

  *keys(): IterableIterator<SharedKey> {
    for (const [key] of this.entries()) yield key
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): IterableIterator<[SharedKey, V]> {
    return this.entries()
  }

  forEach(callback: (value: V, key: SharedKey, map: this) => void): void {
    if (typeof callback !== 'function') throw invalid('the callback', 'is a function', callback)
    for (const [key, value] of this.entries()) callback(value, key, this)
  }

  /** Gives this hold back. When it was the last, the map and all that is in it are gone. Idempotent. */
  close(): void {
    this.#engine.close()
    this.#engine = CLOSED_MAP
    this.#remembered = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #lookUp(key: SharedKey): V | undefined {
    const engine = this.#engine
    const value = engine.get(key)
    if (typeof value !== 'object' || value === null) return value as V | undefined
    return decode(engine, value) as V
  }

  #store(key: SharedKey, value: V, ttlMs: number, mode: number): boolean {
    const kind = kindOf(value)
    const stored = encoded(kind, value)
    const result = this.#engine.set(key, kind, stored, ttlMs, mode)
    if (result < 0) throw storeFailure(result, key)
    return result === 1
  }
}

function checkKey(key: unknown): void {
  if (!(key instanceof Uint8Array)) throw invalidKey(key)
}

function kindOrAbsent(value: unknown): number {
  return value === ABSENT ? ABSENT_KIND : kindOf(value)
}
