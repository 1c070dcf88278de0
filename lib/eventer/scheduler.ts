import { Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import type { Core } from './core'
import { type Event, State } from './event'
import { FdEvent, type FdCallback } from './fd-event'
import type { Loop } from './loop'
import { Mask } from './mask'
import { RecurrentEvent } from './recurrent-event'
import { type Time, type TimeInput, fromNow, toLoopMs } from './time'
import { TimedEvent, type TimerCallback } from './timed-event'

/** What the scheduler facade needs of its eventer. */
export interface SchedulerHome {
  readonly core: Core
  readonly hasStarted: boolean
  homeLoop(): Loop
}

/**
 * The Momentum names over the same events. Two rules differ: a timer callback may only return 0 (ERR_TIMER_RETURN
 * is reported otherwise), and returning 0 from a descriptor callback is the normal way to end, in strict mode too.
 * Everything but `scheduleAndDispatch` belongs to the isolate of the loops. (FD-03 to FD-05, TM-02, TM-06)
 */
export class Scheduler {
  readonly #home: SchedulerHome
  readonly #registered = new Map<string, RecurrentEvent>()

  /** @internal Use `Eventer.scheduler`. */
  constructor(home: SchedulerHome) {
    this.#home = home
  }

  buildFdEvent<C>(fd: number, mask: number, callback: FdCallback<C>, closure?: C): FdEvent<C> {
    return facade(new FdEvent<C>(this.#home.homeLoop(), fd, mask, callback, closure as C, false))
  }

  /** A timer `seconds` and `microseconds` from now. */
  buildEventFromNow<C>(
    seconds: number,
    microseconds: number,
    callback: TimerCallback<C>,
    closure?: C,
  ): TimedEvent<C> {
    return this.#timer(fromNow(seconds * 1000 + microseconds / 1000), callback, closure)
  }

  /** A timer a fractional number of seconds from now. */
  buildEventFromNowF<C>(seconds: number, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    return this.#timer(fromNow(seconds * 1000), callback, closure)
  }

  buildEventAt<C>(time: TimeInput, callback: TimerCallback<C>, closure?: C): TimedEvent<C> {
    return this.#timer(toLoopMs(time), callback, closure)
  }

  /** Scheduling belongs to the owner's thread: see `scheduleAndDispatch` for others. EEXIST, ERR_WRONG_THREAD. */
  schedule(event: Event): void {
    const { core } = this.#home
    event.assertAlive()
    core.checkOwner(event)
    core.add(event)
  }

  /** Schedules and calls back once in the next pass with the event's mask, ready or not. */
  scheduleAndDispatch(event: Event): void {
    this.#home.core.add(event)
    event.owner.port.push2(Out.TRIGGER, event.handle, event.mask)
  }

  /** Ends the watch of a descriptor and hands the event back; undefined when it has none. */
  clearByFd(fd: number): FdEvent | undefined {
    const { core } = this.#home
    core.assertOpen()
    const event = core.findFd(fd)
    return event !== undefined && core.remove(event) ? event : undefined
  }

  /** Cancels a timer: true when it was scheduled, then it is freed; otherwise it is the caller's to free. */
  clearTimed(event: TimedEvent): boolean {
    const { core } = this.#home
    core.assertOpen()
    if (event.isFreed || !core.remove(event)) return false
    event.release()
    return true
  }

  freeEvent(event: Event): void {
    event.free()
  }

  /**
   * Runs a function in every pass. Only before the loops start (ERR_TOO_LATE); a name used before is replaced.
   * (RC-03)
   */
  register(name: string, fn: (now: Time) => void): void {
    const { core, hasStarted } = this.#home
    core.assertOpen()
    if (hasStarted) throw new HeddleError('ERR_TOO_LATE', `"${name}" cannot be registered any more`)
    this.#registered.get(name)?.[Symbol.dispose]()
    const event = new RecurrentEvent(
      this.#home.homeLoop(),
      (_event, _mask, _closure, now) => keep(fn, now),
      undefined,
    )
    this.#registered.set(name, event)
    core.add(event)
  }

  /** Ends a registered function; false if there is none of that name. */
  unregister(name: string): boolean {
    const event = this.#registered.get(name)
    event?.[Symbol.dispose]()
    return this.#registered.delete(name)
  }

  #timer<C>(deadline: number, callback: TimerCallback<C>, closure: C | undefined): TimedEvent<C> {
    return facade(new TimedEvent<C>(this.#home.homeLoop(), deadline, callback, closure as C))
  }
}

function facade<E extends Event>(event: E): E {
  event.bits |= State.FACADE
  return event
}

function keep(fn: (now: Time) => void, now: Time): number {
  fn(now)
  return Mask.RECURRENT
}
