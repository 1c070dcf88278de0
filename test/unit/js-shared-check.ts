import { BlockState, kindOfState } from '../../lib/backend/js/shared/blocks'
import {
  Block,
  Head,
  headBytes,
  MARK,
  Page,
  PAGE_BYTES,
  PAGE_HEAD_BYTES,
  PAGE_TABLE,
  PAGE_WORDS,
  PageKind,
  Slot,
  SLOT_WORDS,
  SLOTS,
  UNIT_BYTES,
} from '../../lib/backend/js/shared/layout'
import { kindOfPage, numberOfPage } from '../../lib/backend/js/shared/pages'
import { CLASS_BYTES } from '../../lib/backend/js/shared/size-class'

/**
 * Looks through the whole memory of a map of the js backend at which nobody works, and names what does not hold: blocks
 * that nobody has, that two have, counts that are off, slots that are still in a section.
 */
export class Check {
  readonly #words: Int32Array
  readonly #first: number
  readonly #pages: number
  readonly #wrong: string[] = []
  readonly #units = new Map<number, number>()
  readonly #owners = new Map<number, number>()

  constructor(buffer: SharedArrayBuffer) {
    const most = (buffer as unknown as { maxByteLength: number }).maxByteLength
    this.#words = new Int32Array(buffer, 0, buffer.byteLength / 4)
    this.#first = headBytes(most) / 4
    this.#pages = (buffer.byteLength - headBytes(most)) / PAGE_BYTES
  }

  /** `living`: slots that may hold blocks. */
  run(living: readonly number[]): string[] {
    this.#findBlocks()
    const inList = this.#walkList()
    const onStacks = this.#walkStacks()
    for (const address of this.#units.keys()) this.#checkBlock(address, inList, onStacks, living)
    this.#checkSlots(living)
    return this.#wrong
  }

  #word(at: number): number {
    return this.#words[at] as number
  }

  #findBlocks(): void {
    const segments = new Set(this.#words.subarray(Head.SEGMENTS, Head.BUCKETS))
    for (let page = 0; page < this.#pages; page++) {
      const word = this.#word(PAGE_TABLE + page)
      const base = this.#first + page * PAGE_WORDS
      const number = numberOfPage(word)
      switch (kindOfPage(word)) {
        case PageKind.FREE:
          break
        case PageKind.SMALL:
          this.#findSmall(base, CLASS_BYTES[number] as number)
          break
        case PageKind.SPAN:
          this.#units.set(base, (number * PAGE_BYTES) / UNIT_BYTES)
          break
        case PageKind.REST:
          this.#checkRest(page, number)
          break
        case PageKind.SEGMENT:
          if (!segments.has(base)) this.#wrong.push(`page ${page} is a segment nobody knows`)
          break
        default:
          this.#wrong.push(`page ${page} is still claimed by ${number}`)
      }
    }
  }

  #findSmall(base: number, bytes: number): void {
    const carved = this.#word(base + Page.CARVED)
    const open = this.#words.subarray(Head.OPEN_PAGES, Head.OPEN_PAGES + CLASS_BYTES.length)
    const isOpen = open.includes((base - this.#first) / PAGE_WORDS + 1)
    const owner = this.#word(base + Page.OWNER)
    if (owner < 0 && !isOpen && carved + bytes <= PAGE_BYTES)
      this.#wrong.push(`nobody carves the page at ${base}`)
    if (owner >= 0) this.#owners.set(base, owner)
    for (let at = PAGE_HEAD_BYTES; at + bytes <= carved; at += bytes)
      this.#units.set(base + at / 4, bytes / UNIT_BYTES)
  }

  #checkRest(page: number, first: number): void {
    const word = this.#word(PAGE_TABLE + first)
    const kind = kindOfPage(word)
    const isLong = kind === PageKind.SPAN && first + numberOfPage(word) > page
    if (!isLong && kind !== PageKind.SEGMENT) this.#wrong.push(`page ${page} belongs to no block`)
  }

  /** In order, each live, and the counts are theirs. */
  #walkList(): Set<number> {
    const found = new Set<number>()
    let entries = 0
    let units = 0
    let last = -1
    for (let at = this.#word(Head.BUCKETS); at !== 0; at = this.#word(at + Block.NEXT) & ~MARK) {
      const order = this.#word(at + Block.ORDER) >>> 0
      if (found.has(at)) return this.#fail(found, `the list returns to ${at}`)
      if (order < last) this.#wrong.push(`${at} is out of order`)
      if (kindOfState(this.#word(at + Block.STATE)) !== BlockState.LIVE) this.#wrong.push(`${at} is not live`)
      found.add(at)
      last = order
      if ((order & 1) === 0) continue
      entries++
      units += (this.#units.get(at) ?? NaN) + 1
    }
    const counted = [this.#sum(Slot.ENTRIES), this.#sum(Slot.UNITS)]
    if (entries !== counted[0]) this.#wrong.push(`${entries} entries, ${counted[0]} counted`)
    if (units !== counted[1]) this.#wrong.push(`${units} units, ${counted[1]} counted`)
    return found
  }

  #sum(word: number): number {
    let sum = 0
    for (let slot = 0; slot < this.#word(Head.SLOTS_USED); slot++)
      sum += this.#word(SLOTS + slot * SLOT_WORDS + word)
    return sum | 0
  }

  #walkStacks(): Set<number> {
    const found = new Set<number>()
    for (let sizeClass = 0; sizeClass < CLASS_BYTES.length; sizeClass++) {
      for (let at = this.#word(Head.STACKS + sizeClass); at !== 0; at = this.#word(at + Block.NEXT)) {
        if (found.has(at)) return this.#fail(found, `a stack returns to ${at}`)
        found.add(at)
        const units = (CLASS_BYTES[sizeClass] as number) / UNIT_BYTES
        if (this.#units.get(at) !== units) this.#wrong.push(`${at} lies on the stack of another size`)
      }
    }
    return found
  }

  #checkBlock(
    address: number,
    inList: ReadonlySet<number>,
    onStacks: ReadonlySet<number>,
    living: readonly number[],
  ): void {
    const state = this.#word(address + Block.STATE)
    const kind = kindOfState(state)
    if (inList.has(address) && onStacks.has(address)) this.#wrong.push(`${address} is in two places`)
    if (kind === BlockState.LIVE && !inList.has(address)) this.#wrong.push(`${address} is live and lost`)
    if (kind === BlockState.FREE && !onStacks.has(address)) this.#wrong.push(`${address} is free and lost`)
    if (kind !== BlockState.HELD) return
    const slot = (state >>> 2) & 1023
    if (!living.includes(slot)) this.#wrong.push(`${address} is held by ${slot}`)
  }

  #checkSlots(living: readonly number[]): void {
    for (const [base, slot] of this.#owners)
      if (!living.includes(slot)) this.#wrong.push(`the page at ${base} belongs to ${slot}`)
    for (let slot = 0; slot < this.#word(Head.SLOTS_USED); slot++) {
      const base = SLOTS + slot * SLOT_WORDS
      if (this.#word(base + Slot.EPOCH) !== 0) this.#wrong.push(`slot ${slot} is in a section`)
      if (living.includes(slot)) continue
      for (const intent of [Slot.NEW_ENTRY, Slot.NEW_SENTINEL, Slot.MOVING, Slot.JOURNAL])
        if (this.#word(base + intent) !== 0) this.#wrong.push(`slot ${slot} has something in hand`)
    }
  }

  #fail(found: Set<number>, text: string): Set<number> {
    this.#wrong.push(text)
    return found
  }
}
