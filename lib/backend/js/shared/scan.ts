import type { Expiry } from './expiry'
import { haveSameKey, readKey } from './key'
import { Block, MARK, Stored } from './layout'
import { type EntryList, isBefore } from './list'
import type { SharedMemory } from './memory'
import { readPlain, storedKind, valueStart } from './value'

/** A step gives so many entries, or so many bytes, and whatever else has the order of the last. */
const STEP_ENTRIES = 256
const STEP_BYTES = 2 ** 20

/** Where a walk stands: everything up to this order has been given. */
interface Walk {
  order: number
  isAtEnd: boolean
}

/**
 * Walks over all entries in the order of the list, which never changes: a key's entries have the same order always,
 * so a walk needs to remember no more than the order it has come to. A step takes all entries of one order together,
 * and among those tells the one that replaced another by their key: so nothing comes twice, and what stays is not
 * passed over. `next` is called inside a section; between steps a walk holds nothing.
 */
export class Scans {
  readonly #memory: SharedMemory
  readonly #list: EntryList
  readonly #expiry: Expiry
  readonly #walks = new Map<number, Walk>()
  #count = 0

  constructor(memory: SharedMemory, list: EntryList, expiry: Expiry) {
    this.#memory = memory
    this.#list = list
    this.#expiry = expiry
  }

  open(): number {
    const cursor = ++this.#count
    this.#walks.set(cursor, { order: 0, isAtEnd: false })
    return cursor
  }

  close(cursor: number): void {
    this.#walks.delete(cursor)
  }

  next(cursor: number): unknown[] | undefined {
    const walk = this.#walks.get(cursor)
    if (walk === undefined || walk.isAtEnd) return undefined
    const list = this.#list
    const found: unknown[] = []
    let bytes = 0
    let last = 0
    /** Entries of the order that is being given. */
    let group: number[] = []
    for (let at = list.startOf(walk.order); ; ) {
      at = list.next(at)
      if (at === 0) break
      const order = this.#memory.words[at + Block.ORDER] as number
      if (!isBefore(walk.order, order)) continue
      if (order !== last) {
        if (found.length >= 3 * STEP_ENTRIES || bytes >= STEP_BYTES) {
          walk.order = last
          return found
        }
        last = order
        group = []
      }
      if (!this.#isThere(at) || group.some((other) => haveSameKey(this.#memory, other, at))) continue
      group.push(at)
      bytes += this.#give(at, found)
    }
    walk.isAtEnd = true
    return found
  }

  /** An entry, and not one that has left, nor a sentinel. */
  #isThere(at: number): boolean {
    const { words } = this.#memory
    if (((words[at + Block.ORDER] as number) & 1) === 0) return false
    return (Atomics.load(words, at + Block.NEXT) & MARK) === 0 && !this.#expiry.isPast(at)
  }

  #give(entry: number, found: unknown[]): number {
    const memory = this.#memory
    const kind = storedKind(memory, entry)
    const bytes = memory.words[entry + Block.VALUE_BYTES] as number
    if (kind > Stored.CLONE) {
      found.push(readKey(memory, entry), 0, readPlain(memory, entry, kind))
    } else {
      const at = valueStart(memory, entry)
      found.push(readKey(memory, entry), kind, memory.bytes.slice(at, at + bytes))
    }
    return bytes
  }
}
