import { Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import { type Callback, Event, type EventKind, State } from './event'
import type { Loop } from './loop'
import { Mask } from './mask'
import { type Time, type TimeInput, toLoopMs, toTime } from './time'

/** Callback of a timer. */
export type TimerCallback<C> = Callback<TimedEvent<C>, C>

/**
 * Runs once when its time is past, never early; of equal times the one added first runs first. A callback that
 * returns non-zero adds the event again with the `whence` it then has. (TM-01, TM-02, TM-03)
 */
export class TimedEvent<C = unknown> extends Event<C> {
  /** @internal Use `Eventer.timerIn` and `timerAt`. */
  constructor(loop: Loop, deadline: number, callback: TimerCallback<C>, closure: C) {
    super(loop, deadline, callback, closure)
  }

  get kind(): EventKind {
    return 'timer'
  }

  get mask(): number {
    return Mask.TIMER
  }

  override get whence(): Time {
    this.assertAlive()
    return toTime(this.deadline)
  }

  /** Of a scheduled timer: moves it, as `Eventer.updateWhence` does. */
  override set whence(time: TimeInput) {
    this.assertAlive()
    this.core.checkOwner(this)
    this.postpone(toLoopMs(time))
  }

  copy(): TimedEvent<C> {
    this.assertAlive()
    const contexts = this.core.contexts
    return contexts === undefined ? duplicate(this) : contexts.copy(this, () => duplicate(this))
  }

  /** @internal Sets the deadline and re-arms if it was armed; true if it was. */
  postpone(deadline: number): boolean {
    this.deadline = deadline
    if ((this.bits & State.SCHEDULED) === 0) return false
    this.disarm()
    this.arm()
    return true
  }

  /** @internal */
  arm(): void {
    const loop = this.segment.loop
    loop.port.pushDouble(Out.TIMER_ADD, loop.slots.handleOf(this), this.deadline)
    this.bits |= State.SCHEDULED
  }

  /** @internal */
  disarm(): void {
    const loop = this.segment.loop
    loop.port.push1(Out.TIMER_DELETE, loop.slots.handleOf(this))
    loop.slots.rename(this)
    this.bits &= ~State.SCHEDULED
  }

  /** @internal */
  hold(): void {}

  /** @internal */
  settle(result: number): void {
    if (result === 0) {
      if (this.bits & State.SCHEDULED) this.disarm()
      this.release()
    } else if (this.bits & State.FACADE) {
      const core = this.core
      const failure = core.failure(this, result, new HeddleError('ERR_TIMER_RETURN'))
      core.discard(this)
      core.report(failure)
    } else if ((this.bits & State.SCHEDULED) === 0) {
      this.arm()
    }
  }
}

function duplicate<C>(event: TimedEvent<C>): TimedEvent<C> {
  const copy = new TimedEvent<C>(event.owner, event.deadline, event.callback, event.closure)
  copy.bits |= event.bits & State.FACADE
  return copy
}
