import { HeddleError } from '../errors'
import type { Event } from './event'
import type { Loop } from './loop'

const SEGMENT_BITS = 13
const SEGMENT_SLOTS = 1 << SEGMENT_BITS
export const SEGMENT_MASK = SEGMENT_SLOTS - 1
export const INDEX_MASK = 0xffffff
const GENERATION_SHIFT = 24
const LAST_GENERATION = 255

/**
 * What a loop keeps per event beside the object, for a run of slots: columns instead of fields, because a million
 * timers have to fit in a hundred bytes each. Segments never move, so growing copies nothing.
 */
export class Segment {
  readonly loop: Loop
  readonly base: number
  /** Of a free slot: the index of the next free one, so that freeing touches no other memory. */
  readonly events: (Event | number | undefined)[] = new Array(SEGMENT_SLOTS).fill(undefined)
  /** Deadlines in loop milliseconds. */
  readonly whence = new Float64Array(SEGMENT_SLOTS)
  readonly generations = new Uint8Array(SEGMENT_SLOTS)
  /** Only there once an event of the segment has a closure. */
  closures: unknown[] | undefined

  constructor(loop: Loop, base: number) {
    this.loop = loop
    this.base = base
  }

  closureAt(slot: number): unknown {
    return this.closures === undefined ? undefined : this.closures[slot]
  }

  setClosure(slot: number, closure: unknown): void {
    if (this.closures === undefined) {
      if (closure === undefined) return
      this.closures = new Array(SEGMENT_SLOTS).fill(undefined)
    }
    this.closures[slot] = closure
  }
}

/**
 * The events of one loop by handle. A handle is `index | generation << 24`, as a signed 32-bit number; index 0 is
 * never given out. A slot is taken when an event is made and returned when it is freed.
 */
export class SlotTable {
  readonly segments: Segment[] = []
  /** Events alive. */
  live = 0
  /** Events ever made here. */
  total = 0
  readonly #loop: Loop
  #free = 0
  #next = 1
  readonly #retired: number[] = []
  #retiredIn = -1

  constructor(loop: Loop) {
    this.#loop = loop
  }

  /** Gives the event a slot: writes its `segment` and `bits` (the index, no flags). ERR_TOO_MANY_EVENTS. */
  take(event: Event, whence: number): void {
    const index = this.#free === 0 ? this.#more() : this.#free
    const segment = this.segments[index >>> SEGMENT_BITS] as Segment
    const slot = index & SEGMENT_MASK
    if (index === this.#free) this.#free = segment.events[slot] as number
    segment.events[slot] = event
    segment.whence[slot] = whence
    event.segment = segment
    event.bits = index
    this.live++
    this.total++
  }

  /** Takes the slot of a dying or moving event back; records about its handle are dropped from here on. */
  release(event: Event): void {
    const segment = event.segment
    const index = event.bits & INDEX_MASK
    const slot = index & SEGMENT_MASK
    if (segment.closures !== undefined) segment.closures[slot] = undefined
    this.live--
    const generation = segment.generations[slot] as number
    segment.generations[slot] = generation + 1
    if (generation === LAST_GENERATION) {
      segment.events[slot] = undefined
      this.#retire(index)
      return
    }
    segment.events[slot] = this.#free
    this.#free = index
  }

  /** Gives an event another handle, so that records under way about the old one are dropped. */
  rename(event: Event): void {
    const segment = event.segment
    const slot = event.bits & SEGMENT_MASK
    const generation = segment.generations[slot] as number
    if (generation !== LAST_GENERATION) {
      segment.generations[slot] = generation + 1
      return
    }
    const closure = segment.closureAt(slot)
    const flags = event.bits & ~INDEX_MASK
    const whence = segment.whence[slot] as number
    this.release(event)
    this.take(event, whence)
    this.total--
    event.bits |= flags
    event.segment.setClosure(event.bits & SEGMENT_MASK, closure)
  }

  handleOf(event: Event): number {
    const index = event.bits & INDEX_MASK
    return index | ((event.segment.generations[index & SEGMENT_MASK] as number) << GENERATION_SHIFT)
  }

  /** The event of a handle, or undefined when the handle is stale. */
  find(handle: number): Event | undefined {
    const segment = this.segments[(handle & INDEX_MASK) >>> SEGMENT_BITS]
    if (segment === undefined) return undefined
    const slot = handle & SEGMENT_MASK
    if (segment.generations[slot] !== handle >>> GENERATION_SHIFT) return undefined
    const event = segment.events[slot]
    return typeof event === 'object' ? event : undefined
  }

  /** Events alive, in no useful order. Events may be freed and made while iterating. */
  *[Symbol.iterator](): IterableIterator<Event> {
    for (let at = 0; at < this.segments.length; at++) {
      const events = (this.segments[at] as Segment).events
      for (let slot = 0; slot < SEGMENT_SLOTS; slot++) {
        const event = events[slot]
        if (typeof event === 'object') yield event
      }
    }
  }

  /**
   * A slot whose generation wrapped must not be used while a batch of records is read that may still name its old
   * generations; it waits for a later batch.
   */
  #retire(index: number): void {
    this.#retired.push(index)
    this.#retiredIn = this.#loop.port.batch
  }

  #more(): number {
    if (this.#retired.length !== 0 && this.#retiredIn !== this.#loop.port.batch) return this.#revive()
    const index = this.#next
    if (index > INDEX_MASK) throw new HeddleError('ERR_TOO_MANY_EVENTS')
    const at = index >>> SEGMENT_BITS
    if (at === this.segments.length) this.segments.push(new Segment(this.#loop, at << SEGMENT_BITS))
    this.#next = index + 1
    return index
  }

  /** Puts the retired slots on the free list and returns its head. */
  #revive(): number {
    for (const index of this.#retired) {
      const segment = this.segments[index >>> SEGMENT_BITS] as Segment
      segment.events[index & SEGMENT_MASK] = this.#free
      this.#free = index
    }
    this.#retired.length = 0
    return this.#free
  }
}
