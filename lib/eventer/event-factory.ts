import { EventEmitter } from 'node:events'
import type { CallbackError } from './callback-error'
import type { Core } from './core'
import { type FdCallback, FdEvent, type FdEventOptions } from './fd-event'
import { EventGroup } from './group'
import type { Loop } from './loop'
import type { FatalReport } from './pools/crew'
import { type RecurrentCallback, RecurrentEvent } from './recurrent-event'
import { sleep } from './sleep'
import { type TimeInput, fromNow, toLoopMs } from './time'
import { TimedEvent, type TimerCallback } from './timed-event'
import { type TimeoutCallback, type TimeoutId, cancelTimeout, scheduleTimeout } from './timeouts'

/** Events an eventer emits. */
export interface EventerEvents {
  /** A callback failed. Without a listener Node sees an uncaught exception. (EV-14) */
  error: [error: CallbackError | unknown]
  /** The loops run for the first time; no event callback has run yet. (EV-03) */
  started: []
  /** The multiplexer cannot watch this descriptor; its event never fires. (FD-12) */
  unpollable: [report: { readonly fd: number; readonly event: FdEvent }]
  /** A worker of a pool has died. Without a listener it is a warning. (TP-20) */
  fatal: [report: FatalReport]
}

/** The part of an eventer that makes events. They belong to the current loop, outside callbacks to the first. */
export abstract class EventFactory extends EventEmitter<EventerEvents> {
  /** @internal */
  abstract readonly core: Core

  /** An unscheduled descriptor event. EBADF, EINVAL. (FD-01) */
  fdEvent<C>(
    fd: number,
    mask: number,
    callback: FdCallback<C>,
    closure?: C,
    options?: FdEventOptions,
  ): FdEvent<C> {
    const edge = options?.trigger === 'edge'
    return new FdEvent<C>(this.homeLoop(), fd, mask, callback, closure as C, edge)
  }

  /** An unscheduled timer `ms` from now; negative is due. (TM-01) */
  timerIn<C>(ms: number, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    return new TimedEvent<C>(this.homeLoop(), fromNow(ms), callback, closure as C)
  }

  /** An unscheduled timer at a point in time. (TM-01) */
  timerAt<C>(time: TimeInput, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    return new TimedEvent<C>(this.homeLoop(), toLoopMs(time), callback, closure as C)
  }

  /** An unscheduled event that runs in every pass. (RC-01) */
  recurrent<C>(callback: RecurrentCallback<C>, closure?: C): RecurrentEvent<C> {
    return new RecurrentEvent<C>(this.homeLoop(), callback, closure as C)
  }

  /** A timer `ms` from now, scheduled. (EV-26) */
  addIn<C>(ms: number, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    const event = this.timerIn(ms, callback, closure)
    this.core.add(event)
    return event
  }

  /** A timer at a point in time, scheduled. (EV-26) */
  addAt<C>(time: TimeInput, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    const event = this.timerAt(time, callback, closure)
    this.core.add(event)
    return event
  }

  /** Runs once in the owner's next pass, which comes at once. Scheduled. (TM-04) */
  nextOpportunity<C>(callback: TimerCallback<C>, closure?: C, owner: Loop = this.homeLoop()): TimedEvent<C> {
    const event = new TimedEvent<C>(owner, toLoopMs(0), callback, closure as C)
    this.core.add(event)
    owner.wakeup()
    return event
  }

  /**
   * Calls `callback(arg, now)` once, `ms` from now, as Node's `setTimeout` would, never early. It has no event: no mask,
   * no return value, no references; it takes a third of the time and memory of one. EINVAL. (TM-01, TM-03)
   */
  setTimeout<A>(callback: TimeoutCallback<A>, ms: number, arg?: A): TimeoutId {
    return scheduleTimeout(this.homeLoop(), callback as TimeoutCallback, fromNow(ms), arg)
  }

  /** The same at a point in time. */
  setDeadline<A>(callback: TimeoutCallback<A>, time: TimeInput, arg?: A): TimeoutId {
    return scheduleTimeout(this.homeLoop(), callback as TimeoutCallback, toLoopMs(time), arg)
  }

  /** Ends a timeout: true when it was still to come. Ids of timeouts that have run do nothing. (TM-06) */
  clearTimeout(id: TimeoutId): boolean {
    this.core.assertOpen()
    return cancelTimeout(this.core.loops, id)
  }

  /** Resolves after `ms`; rejects with the signal's reason and leaves no timer behind. (TM-10) */
  sleep(ms: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return sleep(this, ms, options.signal)
  }

  /** Makes events that belong together on one loop. (EK-09) */
  group(owner: Loop = this.homeLoop()): EventGroup {
    this.core.assertOpen()
    return new EventGroup(this.core, owner)
  }

  /** @internal Where an event made now belongs. (PO-04) */
  homeLoop(): Loop {
    this.core.assertOpen()
    return this.core.loopHere ?? (this.core.loops[0] as Loop)
  }
}
