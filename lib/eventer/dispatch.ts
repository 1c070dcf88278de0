import { Clock, In } from '../backend/protocol'
import { HeddleError } from '../errors'
import type { Core } from './core'
import { type Event, State } from './event'
import type { AsynchEvent } from './asynch-event'
import type { FdEvent } from './fd-event'
import { type CallbackSite, timeoutSite } from './callback-error'
import { runInstrumented, runInstrumentedTimeout } from './instrument'
import type { Loop } from './loop'
import { Mask } from './mask'
import { SEGMENT_MASK, type SlotTable } from './slots'
import { toTime } from './time'
import type { TimeoutCallback } from './timeouts'

/** Reading the clock costs as much as a small callback, so the heartbeat is stamped at every 32nd. */
const BEAT_MASK = 31

/** Word 0 of a timer record, which has two words. */
const TIMER_RECORD = In.TIMER | (2 << 8)
const TIMER_WORDS = 2
/** Timer records that are looked at ahead of their turn. */
const AHEAD = 64

/** Turns the event records of one loop into callbacks, and their results into actions. */
export class Dispatcher {
  readonly #loop: Loop
  readonly #core: Core
  readonly #slots: SlotTable
  readonly #inbox: Int32Array
  readonly #clock: Float64Array
  readonly #beatMask: number
  /** Timer records up to here have been touched, in this batch. */
  #touched = 0
  #touchedIn = -1
  /** Keeps the reads from being optimised away. */
  sink = 0

  constructor(loop: Loop, beatPerCallback: boolean) {
    this.#loop = loop
    this.#core = loop.core
    this.#slots = loop.slots
    this.#inbox = loop.port.inbox
    this.#clock = loop.port.clock
    this.#beatMask = beatPerCallback ? 0 : BEAT_MASK
    loop.port.handle(In.TIMER, (at) => this.#timer(at))
    loop.port.handle(In.FD, (at) => this.#fd(at))
    loop.port.handle(In.RECURRENT, (at) => this.#recurrent(at))
    loop.port.handle(In.TRIGGER, (at) => this.#trigger(at))
  }

  /** Runs the callback of an event that is not active, and carries out what it returns. */
  run(event: Event, mask: number): void {
    const core = this.#core
    const outer = core.current
    const outerLoop = core.currentLoop
    core.current = event
    core.currentLoop = this.#loop
    event.bits |= State.ACTIVE
    let result: unknown
    let failed = false
    try {
      const closure = event.segment.closureAt(event.bits & SEGMENT_MASK)
      const now = toTime(this.#clock[Clock.NOW] as number)
      result = core.instrumented
        ? runInstrumented(event, mask, closure, now)
        : event.callback(event, mask, closure, now)
    } catch (error) {
      result = error
      failed = true
    }
    core.current = outer
    core.currentLoop = outerLoop
    this.#beat()
    if (failed) this.#failed(event, mask, result)
    else this.#conclude(event, mask, result)
  }

  /** Calls a function of the loop that belongs to no event. What it throws is reported, and undefined returned. */
  perform<T>(call: () => T, site: () => CallbackSite): T | undefined {
    const core = this.#core
    const outer = core.current
    const outerLoop = core.currentLoop
    core.current = undefined
    core.currentLoop = this.#loop
    let failure: { readonly error: unknown } | undefined
    let result: T | undefined
    try {
      result = call()
    } catch (error) {
      failure = { error }
    }
    core.current = outer
    core.currentLoop = outerLoop
    this.#beat()
    if (failure !== undefined) core.reportFailed(site, failure.error)
    return result
  }

  #conclude(event: Event, mask: number, result: unknown): void {
    event.bits &= ~State.ACTIVE
    if (typeof result === 'number') event.settle(result)
    else if (result === undefined || result === null) event.settle(0)
    else if (isThenable(result)) this.#wait(event, mask, result)
    else this.#failed(event, mask, new HeddleError('ERR_BAD_MASK', `a callback returned ${typeof result}`))
  }

  #failed(event: Event, mask: number, error: unknown): void {
    const failure = this.#core.failure(event, mask, error)
    this.#core.discard(event)
    this.#core.report(failure)
  }

  /** A callback became asynchronous: nothing is delivered until its promise is settled. */
  #wait(event: Event, mask: number, promise: PromiseLike<unknown>): void {
    const core = this.#core
    if ((event.bits & State.FLOATING) === 0) {
      event.bits |= State.PENDING
      core.pending.set(event, promise)
      event.hold()
    }
    promise.then(
      (result) => {
        if (!resume(core, event, promise)) return
        const held = core.heldTriggers.get(event)
        core.heldTriggers.delete(event)
        event.owner.dispatcher.#conclude(event, mask, result)
        if (held !== undefined && event.isScheduled) event.owner.dispatcher.run(event, held)
      },
      (error) => {
        if (resume(core, event, promise)) event.owner.dispatcher.#failed(event, mask, error)
        else core.report(error)
      },
    )
  }

  #beat(): void {
    const beats = ++this.#loop.beats
    if ((beats & this.#beatMask) === 0) this.#clock[Clock.LAST_BEAT] = performance.now()
  }

  /**
   * Due timers lie all over memory when there are many. Reading the next few in a tight loop lets the processor
   * fetch them at the same time, instead of one after the other between callbacks.
   */
  #touch(from: number): void {
    const inbox = this.#inbox
    const slots = this.#slots
    const end = Math.min(from + AHEAD * TIMER_WORDS, inbox.length)
    let at = from
    let sink = 0
    for (; at < end && inbox[at] === TIMER_RECORD; at += TIMER_WORDS) {
      const occupant = slots.occupantOf(inbox[at + 1] as number)
      if (typeof occupant === 'object') sink ^= occupant.bits
    }
    this.sink = sink
    this.#touched = at
    this.#touchedIn = this.#loop.port.batch
  }

  #timer(at: number): void {
    if (at >= this.#touched || this.#touchedIn !== this.#loop.port.batch) this.#touch(at)
    const handle = this.#inbox[at + 1] as number
    const occupant = this.#slots.occupantOf(handle)
    if (typeof occupant === 'function') {
      this.#timeout(handle, occupant)
    } else if (occupant !== undefined && (occupant.bits & State.SCHEDULED) !== 0) {
      occupant.bits &= ~State.SCHEDULED
      this.run(occupant, Mask.TIMER)
    }
  }

  /** A timeout is over before its callback runs: clearing it there does nothing. */
  #timeout(handle: number, callback: TimeoutCallback): void {
    const core = this.#core
    const loop = this.#loop
    const arg = this.#slots.vacate(handle)
    const now = toTime(this.#clock[Clock.NOW] as number)
    core.currentLoop = loop
    try {
      if (core.instrumented) runInstrumentedTimeout(core, callback, arg, now)
      else callback(arg, now)
    } catch (error) {
      core.currentLoop = undefined
      core.reportFailed(() => timeoutSite(callback, loop), error)
    }
    core.currentLoop = undefined
    this.#beat()
  }

  #recurrent(at: number): void {
    const event = this.#slots.find(this.#inbox[at + 1] as number)
    if (event === undefined || !isReady(event)) return
    this.run(event, Mask.RECURRENT)
  }

  #fd(at: number): void {
    const event = this.#slots.find(this.#inbox[at + 1] as number) as FdEvent | undefined
    if (event === undefined || !isReady(event)) return
    const mask = event.deliverable(this.#inbox[at + 2] as number)
    if (mask !== 0) this.run(event, mask)
  }

  #trigger(at: number): void {
    const event = this.#slots.find(this.#inbox[at + 1] as number)
    if (event !== undefined) this.deliver(event, this.#inbox[at + 2] as number)
  }

  /** Runs a trigger of this loop, or holds it while the event waits for a promise; others are dropped. */
  deliver(event: Event, mask: number): void {
    if (event.kind === 'asynch') {
      const asynch = event as AsynchEvent
      if (asynch.isDue) asynch.complete()
    } else if (isReady(event)) {
      this.run(event, mask)
    } else if ((event.bits & State.PENDING) !== 0) {
      const held = this.#core.heldTriggers
      held.set(event, (held.get(event) ?? 0) | mask)
    }
  }
}

/** Registered and not waiting for a promise. */
function isReady(event: Event): boolean {
  return (event.bits & (State.SCHEDULED | State.PENDING)) === State.SCHEDULED
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  )
}

/** True when the event still waits for this very promise; it no longer does afterwards. */
function resume(core: Core, event: Event, promise: unknown): boolean {
  if (core.pending.get(event) !== promise) return false
  core.pending.delete(event)
  event.bits &= ~State.PENDING
  return true
}
