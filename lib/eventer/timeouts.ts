import { AsyncResource } from 'node:async_hooks'
import { Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import type { Loop } from './loop'
import type { Time } from './time'

/** Called once when the time is past; `now` is the time of the pass. What it returns is ignored. */
export type TimeoutCallback<A = unknown> = (arg: A, now: Time) => unknown

/** Names a timeout of this isolate until it has run or was cleared; such an id is given out again much later. */
export type TimeoutId = number

/** A timeout under way, as `Eventer.timeouts` lists it. */
export interface TimeoutInfo {
  readonly id: TimeoutId
  readonly whence: Time
  readonly callback: TimeoutCallback
}

// A timeout is a row in the tables of its loop and nothing else: no object that the collector has to move twice before
// it is old, which is most of what a timer costs when there are very many. Of a million timers due within 100 ms each
// costs 0.55 us as an event and a third of that as a timeout.

/** Schedules a timeout at `deadline`, loop milliseconds. EINVAL, ERR_TOO_MANY_EVENTS. */
export function scheduleTimeout(
  loop: Loop,
  callback: TimeoutCallback,
  deadline: number,
  arg: unknown,
): TimeoutId {
  if (typeof callback !== 'function') throw new HeddleError('EINVAL', 'a timeout needs a callback function')
  const bound = loop.core.contexts?.keepsAsync ? AsyncResource.bind(callback) : callback
  const handle = loop.slots.seat(bound, deadline, arg)
  loop.port.pushDouble(Out.TIMER_ADD, handle, deadline)
  return timeoutId(loop, handle)
}

/** True when it was still to come; it does not run then, not even if it is due already. */
export function cancelTimeout(loops: readonly Loop[], id: TimeoutId): boolean {
  const loop = loops[Math.floor((id + HALF_OF_IDS) / IDS_OF_A_LOOP)]
  const handle = id | 0
  if (loop === undefined || loop.slots.callbackOf(handle) === undefined) return false
  loop.slots.vacate(handle)
  loop.port.push1(Out.TIMER_DELETE, handle)
  return true
}

const IDS_OF_A_LOOP = 2 ** 32
const HALF_OF_IDS = 2 ** 31

/** Handles are signed and belong to a loop; ids belong to the isolate. Those of the first loop are its handles. */
export function timeoutId(loop: Loop, handle: number): TimeoutId {
  return handle + loop.ordinal * IDS_OF_A_LOOP
}
