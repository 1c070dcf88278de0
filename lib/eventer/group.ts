import { State } from './event'
import type { Core } from './core'
import { FdEvent, type FdCallback, type FdEventOptions } from './fd-event'
import type { Event } from './event'
import type { Loop } from './loop'
import { type RecurrentCallback, RecurrentEvent } from './recurrent-event'
import { type TimeInput, fromNow, toLoopMs } from './time'
import { TimedEvent, type TimerCallback } from './timed-event'

/**
 * Related events on one loop, such as a descriptor and its time-out: callbacks of one may remove the others freely.
 * Made unscheduled; `add` schedules those that are not. Disposing removes and frees the members still alive. (EK-09)
 */
export class EventGroup {
  readonly owner: Loop
  readonly #core: Core
  readonly #members = new Set<Event>()

  /** @internal Use `Eventer.group`. */
  constructor(core: Core, owner: Loop) {
    this.#core = core
    this.owner = owner
  }

  /** Members still alive. */
  get members(): readonly Event[] {
    this.#forgetDead()
    return [...this.#members]
  }

  fd<C>(
    fd: number,
    mask: number,
    callback: FdCallback<C>,
    closure?: C,
    options?: FdEventOptions,
  ): FdEvent<C> {
    const edge = options?.trigger === 'edge'
    return this.#join(new FdEvent<C>(this.owner, fd, mask, callback, closure as C, edge))
  }

  /** A timer `ms` from now. */
  timer<C>(ms: number, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    return this.#join(new TimedEvent<C>(this.owner, fromNow(ms), callback, closure as C))
  }

  timerAt<C>(time: TimeInput, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    return this.#join(new TimedEvent<C>(this.owner, toLoopMs(time), callback, closure as C))
  }

  recurrent<C>(callback: RecurrentCallback<C>, closure?: C): RecurrentEvent<C> {
    return this.#join(new RecurrentEvent<C>(this.owner, callback, closure as C))
  }

  /** Schedules every member that is not scheduled. */
  add(): this {
    const busy = State.SCHEDULED | State.PENDING | State.ACTIVE
    for (const event of this.members) if ((event.bits & busy) === 0) this.#core.add(event)
    return this
  }

  /** Removes every scheduled member but the one whose callback runs. They stay alive and may be added again. */
  remove(): void {
    for (const event of this.members) if (event !== this.#core.current) this.#core.remove(event)
  }

  /** Removes and frees the members; one whose callback runs is left to its return value. */
  [Symbol.dispose](): void {
    for (const event of this.members) if ((event.bits & State.ACTIVE) === 0) event[Symbol.dispose]()
    this.#members.clear()
  }

  #join<E extends Event>(event: E): E {
    this.#members.add(event)
    return event
  }

  #forgetDead(): void {
    for (const event of this.#members) if (event.isFreed) this.#members.delete(event)
  }
}
