import { Head, headBytes, PAGE_BYTES, PAGE_KIND_BITS, PAGE_TABLE, PAGE_WORDS, PageKind } from './layout'
import type { SharedMemory } from './memory'

/** Pages the buffer grows by at least, and the part of what is there otherwise. */
const LEAST_GROWTH = 16
const GROWTH_SHIFT = 3

/** The word of a page in the table. */
export function pageWord(kind: number, number: number): number {
  return kind | (number << PAGE_KIND_BITS)
}

export function kindOfPage(word: number): number {
  return word & ((1 << PAGE_KIND_BITS) - 1)
}

export function numberOfPage(word: number): number {
  return word >>> PAGE_KIND_BITS
}

/**
 * Hands out runs of pages. A page belongs to whoever exchanges its word from FREE to CLAIMED, so an isolate that ends
 * in between leaves pages that name it, which the recovery gives back. `PAGE_HINT` and `PAGES_FREED` only say where
 * looking is worth while.
 */
export class Pages {
  readonly #memory: SharedMemory
  readonly #slot: number
  readonly #head: number

  constructor(memory: SharedMemory, slot: number) {
    this.#memory = memory
    this.#slot = slot
    this.#head = headBytes(memory.maxBytes)
  }

  /** Pages that lie in the buffer as it is. */
  get count(): number {
    return (this.#memory.buffer.byteLength - this.#head) / PAGE_BYTES
  }

  addressOf(page: number): number {
    return this.#head / 4 + page * PAGE_WORDS
  }

  pageOf(address: number): number {
    return Math.floor((address - this.#head / 4) / PAGE_WORDS)
  }

  wordOf(page: number): number {
    return Atomics.load(this.#memory.words, PAGE_TABLE + page)
  }

  setWord(page: number, word: number): void {
    Atomics.store(this.#memory.words, PAGE_TABLE + page, word)
  }

  /** Claims so many pages in a row: the first of them, -1 where there is no memory. */
  take(count: number): number {
    const { words } = this.#memory
    for (;;) {
      const end = this.count
      const near = this.#search(Atomics.load(words, Head.PAGE_HINT), end, count)
      if (near >= 0) return near
      if (Atomics.load(words, Head.PAGES_FREED) >= count) {
        Atomics.store(words, Head.PAGES_FREED, 0)
        const found = this.#search(0, end, count)
        if (found >= 0) return found
      }
      // The last resort looks everywhere, whatever the hints say.
      if (!this.#grow(count)) return this.#search(0, this.count, count)
    }
  }

  /** The pages behind the first of a span say whose they are. */
  markRest(first: number, count: number): void {
    for (let i = 1; i < count; i++) this.setWord(first + i, pageWord(PageKind.REST, first))
  }

  /** Gives back a run that starts with `first`, which goes last: until then the recovery can tell what it was. */
  free(first: number, count: number): void {
    const { words } = this.#memory
    const rest = pageWord(PageKind.REST, first)
    for (let page = first + count - 1; page > first; page--) {
      Atomics.compareExchange(words, PAGE_TABLE + page, rest, PageKind.FREE)
    }
    this.setWord(first, PageKind.FREE)
    Atomics.add(words, Head.PAGES_FREED, count)
    if (first < Atomics.load(words, Head.PAGE_HINT)) Atomics.store(words, Head.PAGE_HINT, first)
  }

  #search(from: number, end: number, count: number): number {
    const { words } = this.#memory
    let run = 0
    for (let page = from; page < end; page++) {
      run = words[PAGE_TABLE + page] === PageKind.FREE ? run + 1 : 0
      if (run < count) continue
      const first = page - count + 1
      if (this.#claim(first, count)) {
        Atomics.store(words, Head.PAGE_HINT, page + 1)
        return first
      }
      run = 0
    }
    return -1
  }

  #claim(first: number, count: number): boolean {
    const { words } = this.#memory
    const mine = pageWord(PageKind.CLAIMED, this.#slot)
    for (let i = 0; i < count; i++) {
      if (Atomics.compareExchange(words, PAGE_TABLE + first + i, PageKind.FREE, mine) === PageKind.FREE)
        continue
      while (--i >= 0) this.setWord(first + i, PageKind.FREE)
      return false
    }
    return true
  }

  #grow(count: number): boolean {
    const pages = this.count
    const most = (this.#memory.maxBytes - this.#head) / PAGE_BYTES
    const step = Math.max(count, LEAST_GROWTH, pages >>> GROWTH_SHIFT)
    const wanted = Math.min(pages + step, most)
    return wanted - pages >= 1 && this.#memory.growTo(this.#head + wanted * PAGE_BYTES)
  }
}
