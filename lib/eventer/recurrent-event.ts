import { Out } from '../backend/protocol'
import { type Callback, Event, type EventKind, State } from './event'
import type { Loop } from './loop'
import { Mask } from './mask'

/** Callback of a recurrent event. */
export type RecurrentCallback<C> = Callback<RecurrentEvent<C>, C>

/**
 * Runs once in every pass of its loop, before the wait; non-zero keeps it. It does not shorten the wait: a quiet
 * loop makes a pass at least every `maxSleepMs`. (RC-01, RC-04)
 */
export class RecurrentEvent<C = unknown> extends Event<C> {
  /** @internal Use `Eventer.recurrent`. */
  constructor(loop: Loop, callback: RecurrentCallback<C>, closure: C) {
    super(loop, 0, callback, closure)
  }

  get kind(): EventKind {
    return 'recurrent'
  }

  get mask(): number {
    return Mask.RECURRENT
  }

  copy(): RecurrentEvent<C> {
    this.assertAlive()
    const contexts = this.core.contexts
    return contexts === undefined ? duplicate(this) : contexts.copy(this, () => duplicate(this))
  }

  /** @internal */
  arm(): void {
    this.owner.port.push1(Out.RECURRENT_ADD, this.handle)
    this.bits |= State.SCHEDULED
  }

  /** @internal */
  disarm(): void {
    this.owner.port.push1(Out.RECURRENT_DELETE, this.handle)
    this.owner.slots.rename(this)
    this.bits &= ~State.SCHEDULED
  }

  /** @internal */
  hold(): void {}

  /** @internal */
  settle(result: number): void {
    if (result !== 0) {
      if ((this.bits & State.SCHEDULED) === 0) this.arm()
      return
    }
    if (this.bits & State.SCHEDULED) this.disarm()
    this.release()
  }
}

function duplicate<C>(event: RecurrentEvent<C>): RecurrentEvent<C> {
  return new RecurrentEvent<C>(event.owner, event.callback, event.closure)
}
