import { HeddleError } from '../errors'
import type { Event } from './event'
import { FreeSlots } from './free-slots'
import type { Loop } from './loop'
import { toTime } from './time'
import { type TimeoutCallback, type TimeoutInfo, timeoutId } from './timeouts'

const SEGMENT_BITS = 15
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
  /** An event, or the callback of a timeout. */
  readonly occupants: (Event | TimeoutCallback | undefined)[] = new Array(SEGMENT_SLOTS).fill(undefined)
  /** Deadlines in loop milliseconds. */
  readonly whence = new Float64Array(SEGMENT_SLOTS)
  readonly generations = new Uint8Array(SEGMENT_SLOTS)
  readonly free: FreeSlots
  /** Only there once an event of the segment has a closure. */
  closures: unknown[] | undefined

  constructor(loop: Loop, base: number) {
    this.loop = loop
    this.base = base
    this.free = new FreeSlots(SEGMENT_SLOTS)
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
  /** The segment that slots are taken from. */
  #filling: Segment
  /** Others that have free slots. */
  readonly #open: Segment[] = []
  readonly #retired: number[] = []
  #retiredIn = -1

  constructor(loop: Loop) {
    this.#loop = loop
    this.#filling = this.#grow()
    // Index 0 is no event's.
    this.#filling.free.take()
  }

  /** Gives the event a slot: writes its `segment` and `bits` (the index, no flags). ERR_TOO_MANY_EVENTS. */
  take(event: Event, whence: number): void {
    const index = this.#claim(event, whence)
    event.segment = this.segments[index >>> SEGMENT_BITS] as Segment
    event.bits = index
  }

  /** Gives a timeout a slot and returns its handle. ERR_TOO_MANY_EVENTS. */
  seat(callback: TimeoutCallback, whence: number, arg: unknown): number {
    const index = this.#claim(callback, whence)
    const segment = this.segments[index >>> SEGMENT_BITS] as Segment
    const slot = index & SEGMENT_MASK
    segment.setClosure(slot, arg)
    return handleAt(segment, slot)
  }

  /** Takes the slot of a dying or moving event back; records about its handle are dropped from here on. */
  release(event: Event): void {
    this.#surrender(event.segment, event.bits & SEGMENT_MASK)
  }

  /** Takes the slot of a timeout back and returns its closure. The handle must be that of one. */
  vacate(handle: number): unknown {
    const segment = this.segments[(handle & INDEX_MASK) >>> SEGMENT_BITS] as Segment
    const slot = handle & SEGMENT_MASK
    const closure = segment.closureAt(slot)
    this.#surrender(segment, slot)
    return closure
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
    return handleAt(event.segment, event.bits & SEGMENT_MASK)
  }

  /** The event of a handle, or undefined when the handle is stale. */
  find(handle: number): Event | undefined {
    const occupant = this.occupantOf(handle)
    return typeof occupant === 'object' ? occupant : undefined
  }

  /** The callback of a timeout, or undefined when the handle is stale or an event's. */
  callbackOf(handle: number): TimeoutCallback | undefined {
    const occupant = this.occupantOf(handle)
    return typeof occupant === 'function' ? occupant : undefined
  }

  /** What a handle names, or undefined when it is stale. */
  occupantOf(handle: number): Event | TimeoutCallback | undefined {
    const segment = this.segments[(handle & INDEX_MASK) >>> SEGMENT_BITS]
    if (segment === undefined) return undefined
    const slot = handle & SEGMENT_MASK
    if (segment.generations[slot] !== handle >>> GENERATION_SHIFT) return undefined
    return segment.occupants[slot]
  }

  /** Events alive, in no useful order. Events may be freed and made while iterating. */
  *[Symbol.iterator](): IterableIterator<Event> {
    for (let at = 0; at < this.segments.length; at++) {
      const events = (this.segments[at] as Segment).occupants
      for (let slot = 0; slot < SEGMENT_SLOTS; slot++) {
        const event = events[slot]
        if (typeof event === 'object') yield event
      }
    }
  }

  /** Timeouts to come, in no useful order. They may be cancelled and made while iterating. */
  *timeouts(): IterableIterator<TimeoutInfo> {
    for (const segment of this.segments) {
      for (let slot = 0; slot < SEGMENT_SLOTS; slot++) {
        const callback = segment.occupants[slot]
        if (typeof callback !== 'function') continue
        const id = timeoutId(this.#loop, handleAt(segment, slot))
        yield { id, whence: toTime(segment.whence[slot] as number), callback }
      }
    }
  }

  #claim(occupant: Event | TimeoutCallback, whence: number): number {
    if (this.#filling.free.count === 0) this.#filling = this.#nextOpen()
    const segment = this.#filling
    const slot = segment.free.take()
    segment.occupants[slot] = occupant
    segment.whence[slot] = whence
    this.live++
    this.total++
    return segment.base | slot
  }

  #surrender(segment: Segment, slot: number): void {
    segment.occupants[slot] = undefined
    if (segment.closures !== undefined) segment.closures[slot] = undefined
    this.live--
    const generation = segment.generations[slot] as number
    segment.generations[slot] = generation + 1
    if (generation === LAST_GENERATION) this.#retire(segment.base | slot)
    else this.#vacant(segment, slot)
  }

  #vacant(segment: Segment, slot: number): void {
    if (segment.free.count === 0 && segment !== this.#filling) this.#open.push(segment)
    segment.free.give(slot)
  }

  /**
   * A slot whose generation wrapped must not be used while a batch of records is read that may still name its old
   * generations; it waits for a later batch.
   */
  #retire(index: number): void {
    this.#retired.push(index)
    this.#retiredIn = this.#loop.port.batch
  }

  #nextOpen(): Segment {
    if (this.#retired.length !== 0 && this.#retiredIn !== this.#loop.port.batch) this.#revive()
    if (this.#filling.free.count > 0) return this.#filling
    return this.#open.pop() ?? this.#grow()
  }

  #revive(): void {
    for (const index of this.#retired) {
      this.#vacant(this.segments[index >>> SEGMENT_BITS] as Segment, index & SEGMENT_MASK)
    }
    this.#retired.length = 0
  }

  #grow(): Segment {
    const base = this.segments.length << SEGMENT_BITS
    if (base > INDEX_MASK) throw new HeddleError('ERR_TOO_MANY_EVENTS')
    const segment = new Segment(this.#loop, base)
    this.segments.push(segment)
    return segment
  }
}

function handleAt(segment: Segment, slot: number): number {
  return segment.base | slot | ((segment.generations[slot] as number) << GENERATION_SHIFT)
}
