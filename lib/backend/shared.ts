/**
 * What the shared structures need from a backend: maps and counters that all isolates of the process see, found by
 * name. Two engines stand behind it, `native/shared` and `lib/backend/js/shared`, and `lib/shared` is the one face.
 *
 * Both promise: operations on one key are linearizable; readers take no lock and never see a torn value; an isolate
 * that is terminated in the middle of an operation leaves the structure whole. Numbers below 0 are negative errnos.
 * Thread rule: an engine belongs to the isolate that opened it.
 */

/** Text (any string, compared unit by unit) or bytes. The text 'a' and the byte of 'a' are different keys. */
export type SharedKey = string | Uint8Array

/** How a value that is not plain came to be bytes. 0 in its place says that the value is plain. */
export const ValueKind = {
  /** As they are. */
  BYTES: 1,
  /** By `v8.serialize`. */
  CLONE: 2,
} as const

/** In the place of a kind: no entry. Expected by `compareAndSet`, or what it is to leave behind. */
export const ABSENT_KIND = -1

/** Values that pass as themselves. */
export type PlainValue = number | string | boolean | null | undefined

/** `mode` of `SharedMapEngine.set`. */
export const SetMode = { ALWAYS: 0, IF_ABSENT: 1, IF_PRESENT: 2 } as const

/** In the place of a time to live: what the map was opened with. */
export const DEFAULT_TTL = -1

/** A key above this is refused, in bytes: one for each unit of text if all are below 256, else two. */
export const MAX_KEY_BYTES = 65_535

/** A value above this is refused. */
export const MAX_VALUE_BYTES = 2 ** 30

/** Results of `get` up to this come in `scratch`. */
export const SCRATCH_BYTES = 65_536

/** The mark of a class whose entries were answered from memory: so many rounds of eviction spare them. */
export const MARK = 2

export interface SharedMapSpec {
  readonly name: string
  /** Keys, values and overhead; 0: no limit. */
  readonly maxBytes: number
  /** Time to live of entries that name none; 0: for ever. */
  readonly ttlMs: number
}

export interface SharedMapStats {
  /** Live entries, as exact as can be without a lock. */
  readonly entries: number
  /** Keys, values and overhead. */
  readonly bytes: number
  /** Entries that went for want of room. */
  readonly evictions: number
  /** Entries removed because their time was up. */
  readonly expirations: number
}

/** Something or a promise of it: the engine that needs no other thread answers at once. */
export type Soon<T> = T | Promise<T>

export interface SharedBackend {
  /** Opens the map of that name, making it if there is none: a hold of its own each time. -EINVAL: other options. */
  openMap(spec: SharedMapSpec): Soon<SharedMapEngine | number>
  openCounter(name: string): Soon<SharedCounterEngine | number>
}

export interface SharedMapEngine {
  /**
   * Written by `get` ([0] bytes, [1] `ValueKind`, [2] 1 if present; [3] and [4] if there are `versions`) and
   * `increment` ([0] 0 or a negative errno).
   */
  readonly control: Int32Array
  /** Of this isolate, `SCRATCH_BYTES` long. Valid until the next call. */
  readonly scratch: Uint8Array
  /**
   * A number for each class of keys, which writers of all isolates change before others can see a new value. `get`
   * says in `control[3]` where the number of its key lies, and in `control[4]` what it was if the answer, a plain value
   * or none, may be remembered as long as it stays the same; -1 in `control[3]` if not. Undefined: no remembering.
   */
  readonly versions?: Int32Array
  /** For each class a mark that a reader sets to `MARK` when it answers from memory, for maps with a budget. */
  readonly marks?: Uint8Array
  /** The plain value; `scratch` itself if it holds the bytes; a fresh ArrayBuffer for more. */
  get(key: SharedKey): PlainValue | Uint8Array | ArrayBuffer
  has(key: SharedKey): boolean
  /**
   * `kind` 0: `value` is plain. 1 stored, 0 not because of `mode`, -ENOMEM, -E2BIG (key, value, or more than the whole
   * budget), -EBADF. `ttlMs` 0: never expires.
   */
  set(key: SharedKey, kind: number, value: PlainValue | Uint8Array, ttlMs: number, mode: number): number
  /** 1 if there was an entry, else 0. */
  delete(key: SharedKey): number
  /**
   * Replaces if the value is encoded as `expected` is: numbers by Object.is, bytes by bytes. `ABSENT_KIND` as
   * `expectedKind`: if there is no entry; as `kind`: deletes. 1, 0, or an error of `set`.
   */
  compareAndSet(
    key: SharedKey,
    expectedKind: number,
    expected: PlainValue | Uint8Array,
    kind: number,
    value: PlainValue | Uint8Array,
    ttlMs: number,
  ): number
  /**
   * The new value. An entry keeps its expiry; `ttlMs` is that of one made here, which counts from 0. NaN and a
   * negative errno in `control[0]`: an error of `set`, or -EINVAL where no number lies.
   */
  increment(key: SharedKey, by: number, ttlMs: number): number
  /** Milliseconds left, Infinity for ever, -1 absent. */
  ttl(key: SharedKey): number
  clear(): void
  /** A walk: a cursor, or a negative errno. */
  scanOpen(): number
  /**
   * [key, kind, value, …] of some hundred entries, bytes as fresh Uint8Arrays; [] for none in this step; undefined at
   * the end. What is there during the whole walk comes exactly once, what is not at most once.
   */
  scanNext(cursor: number): unknown[] | undefined
  scanClose(cursor: number): void
  stats(): SharedMapStats
  /** Gives the hold back. Idempotent; every other call then answers -EBADF, undefined or false. */
  close(): void
}

export interface SharedCounterEngine {
  /** The cell of this hold: adding to `cell[0]` is all there is to adding. It may begin with any number. */
  readonly cell: Float64Array
  /** The sum over all holds, those that have ended included. */
  sum(): number
  close(): void
}
