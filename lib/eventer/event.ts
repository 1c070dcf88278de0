import { HeddleError } from '../errors'
import type { Core } from './core'
import type { Loop } from './loop'
import type { RemoteLoop } from './pools/remote-loop'
import type { Segment } from './slots'
import { INDEX_MASK, SEGMENT_MASK } from './slots'
import { type Time, toTime } from './time'

// biome-ignore lint/suspicious/noConfusingVoidType: a callback that returns nothing means 0
type Outcome = number | void

/**
 * A callback gets the event, the mask of what happened, the closure, and the time of the pass (epoch
 * milliseconds, the same for every callback of one pass).
 *
 * Non-zero is the new mask: the event stays. Zero or nothing: the eventer drops its reference, and with the last
 * one the event is freed; a descriptor is not closed. A promise holds the event back until it is settled, then its
 * value counts; the callback is not entered again before. (EK-02, EV-08, EV-14)
 */
export type Callback<E, C> = (event: E, mask: number, closure: C, now: Time) => Outcome | PromiseLike<Outcome>

/** A callback of any event, for tables. */
// biome-ignore lint/suspicious/noExplicitAny: the parameters of a stored callback are known to its event only
export type AnyCallback = Callback<any, any>

/** Flags above the slot index in `Event.bits`. */
export const State = {
  /** The eventer holds it: registered with its loop. */
  SCHEDULED: 1 << 24,
  /** Its callback runs, or has returned a promise that is not settled. */
  ACTIVE: 1 << 25,
  /** More than one reference; the count is in `Core.references`. */
  SHARED: 1 << 26,
  /** Detached from its watch, yet still the eventer's. */
  FLOATING: 1 << 27,
  /** Its callback has returned a promise that is not settled. */
  PENDING: 1 << 28,
  /** Made by the scheduler facade, whose return rules differ. */
  FACADE: 1 << 29,
  /** A coroutine has it: it waits there, and its operations are the coroutine's. */
  ADOPTED: 1 << 31,
  /** Freed by the eventer after its callback; the maker may still call `free` once. */
  SPENT: 1 << 30,
} as const

/** Any of these: the eventer holds a reference. */
export const HELD = State.SCHEDULED | State.FLOATING | State.PENDING

/** What an event waits for. */
export type EventKind = 'fd' | 'timer' | 'recurrent' | 'asynch'

/**
 * What a loop watches. An event belongs to one loop of this isolate; it is made unscheduled, with one reference
 * that belongs to the caller. `add` hands that reference to the eventer, `remove` hands it back, and a callback
 * that returns 0 lets the eventer drop it.
 *
 * Thread rule: the isolate that made it. Other isolates name it by `ref` (see `remote.ts`). (EK-03, EK-06)
 */
export abstract class Event<C = unknown> {
  /** May be replaced at any time; the next run uses the new one. */
  declare callback: AnyCallback
  /** @internal Where the loop keeps the rest of this event. */
  declare segment: Segment
  /** @internal Slot index and `State` flags; index 0 once freed. */
  declare bits: number

  protected constructor(loop: Loop, whence: number, callback: AnyCallback, closure: C) {
    if (typeof callback !== 'function') throw new HeddleError('EINVAL', 'an event needs a callback function')
    this.callback = callback
    loop.slots.take(this, whence)
    if (closure !== undefined) this.segment.setClosure(this.bits & SEGMENT_MASK, closure)
    if (loop.core.contexts !== undefined) loop.core.contexts.born(this)
  }

  abstract readonly kind: EventKind
  /** What the event waits for. */
  abstract get mask(): number
  /** An unscheduled duplicate with one reference and the same fields. (EK-05) */
  abstract copy(): Event<C>
  /** @internal Registers with the loop; throws where that fails. */
  abstract arm(): void
  /** @internal Withdraws the registration. */
  abstract disarm(): void
  /** @internal The callback has returned a promise: no delivery until it is settled. */
  abstract hold(): void
  /** @internal Carries out what the callback returned. */
  abstract settle(result: number): void

  /**
   * The loop this event belongs to. Setting it moves the event, its registration too; that of a coroutine stays where it is,
   * ERR_ACO_PINNED in strict mode. ERR_WRONG_THREAD: callbacks stay in their isolate, so not to a worker's loop. (FD-14, PO-04,
   * PO-06, AC-26)
   */
  get owner(): Loop {
    return this.segment.loop
  }

  set owner(loop: Loop | RemoteLoop) {
    this.assertAlive()
    if (loop === this.segment.loop) return
    if (!('slots' in loop)) throw new HeddleError('ERR_WRONG_THREAD', `${loop.name} is of another isolate`)
    this.core.checkOwner(this)
    if (this.bits & State.ADOPTED) {
      this.core.refusePinned()
      return
    }
    move(this, loop)
  }

  /** The caller's data, handed to every callback. */
  get closure(): C {
    this.assertAlive()
    return this.segment.closureAt(this.bits & SEGMENT_MASK) as C
  }

  set closure(closure: C) {
    this.assertAlive()
    this.segment.setClosure(this.bits & SEGMENT_MASK, closure)
  }

  /** When the event is due; of kinds that are not timed, whatever was set. Epoch milliseconds. */
  get whence(): Time {
    this.assertAlive()
    return toTime(this.deadline)
  }

  get isScheduled(): boolean {
    return (this.bits & State.SCHEDULED) !== 0
  }

  get isFreed(): boolean {
    return (this.bits & INDEX_MASK) === 0
  }

  /** References alive. */
  get references(): number {
    if (this.isFreed) return 0
    return (this.bits & State.SHARED) === 0 ? 1 : (this.core.references.get(this) as number)
  }

  /** Names a scheduled event for other isolates; stale once it is removed. (EV-24) */
  get eventRef(): EventRef {
    this.assertAlive()
    return { loopId: this.owner.loopId, handle: this.handle }
  }

  /** Keeps the event alive past its removal. Pair with `unref`. */
  ref(): this {
    this.assertAlive()
    const references = this.core.references
    references.set(this, this.references + 1)
    this.bits |= State.SHARED
    return this
  }

  /** Drops a reference; with the last one the event is freed. ERR_EVENT_SCHEDULED, _ACTIVE, _FREED. */
  unref(): void {
    this.assertAlive()
    if (shed(this)) return
    assertIdle(this)
    this.destroy(0)
  }

  /**
   * Drops the caller's reference to an unscheduled event. Once is allowed after the eventer freed the event by
   * itself. ERR_EVENT_SCHEDULED, ERR_EVENT_ACTIVE, ERR_EVENT_FREED. (EK-04)
   */
  free(): void {
    if (this.bits === State.SPENT) {
      this.bits = 0
      return
    }
    this.assertAlive()
    assertIdle(this)
    if (!shed(this)) this.destroy(0)
  }

  /** Removes the event where it is scheduled and frees it; nothing happens to a freed one. */
  [Symbol.dispose](): void {
    if (this.isFreed) return
    if (this.bits & State.ACTIVE) throw new HeddleError('ERR_EVENT_ACTIVE')
    this.core.remove(this)
    this.free()
  }

  /** @internal */
  get core(): Core {
    return this.segment.loop.core
  }

  /** @internal */
  get handle(): number {
    return this.segment.loop.slots.handleOf(this)
  }

  /** @internal Loop milliseconds. */
  get deadline(): number {
    return this.segment.whence[this.bits & SEGMENT_MASK] as number
  }

  /** @internal */
  set deadline(loopMs: number) {
    this.segment.whence[this.bits & SEGMENT_MASK] = loopMs
  }

  /** @internal */
  assertAlive(): void {
    if ((this.bits & INDEX_MASK) === 0) throw new HeddleError('ERR_EVENT_FREED')
  }

  /** @internal The eventer's reference goes, and with it perhaps the event. */
  release(): void {
    if (!shed(this)) this.destroy(State.SPENT)
  }

  /** @internal Frees the event whatever its count. */
  destroy(bits: number): void {
    const core = this.core
    if (core.contexts !== undefined) core.contexts.died(this)
    this.segment.loop.slots.release(this)
    this.bits = bits
  }
}

/** Names an event across isolates; survives structured cloning. */
export interface EventRef {
  readonly loopId: number
  readonly handle: number
}

/** Order of `whence`, for sorting. (TM-03) */
export function compareWhence(a: Event, b: Event): number {
  return a.deadline - b.deadline
}

// Functions rather than private methods: those would cost every event a hidden field.

/** Drops a reference if it is not the last one; true when another remains. */
function shed(event: Event): boolean {
  if ((event.bits & State.SHARED) === 0) return false
  const references = event.core.references
  const left = (references.get(event) as number) - 1
  if (left > 1) {
    references.set(event, left)
    return true
  }
  references.delete(event)
  event.bits &= ~State.SHARED
  return true
}

function assertIdle(event: Event): void {
  if (event.bits & State.ACTIVE) throw new HeddleError('ERR_EVENT_ACTIVE')
  if (event.bits & (HELD | State.ADOPTED)) throw new HeddleError('ERR_EVENT_SCHEDULED')
}

function move(event: Event, to: Loop): void {
  const scheduled = event.isScheduled
  if (scheduled) event.disarm()
  const { closure, deadline } = event
  const flags = event.bits & ~INDEX_MASK
  event.segment.loop.slots.release(event)
  to.slots.take(event, deadline)
  event.bits |= flags
  event.closure = closure
  if (!scheduled) return
  event.arm()
  if (event.bits & State.PENDING) event.hold()
}
