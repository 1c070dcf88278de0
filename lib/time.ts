import { shown } from './arguments'
import { HeddleError } from './errors'

/** Epoch milliseconds with a fraction. */
export type Time = number

/** What a caller may give as a point in time. */
export type TimeInput = number | Date | { readonly sec: number; readonly usec: number }

/** Loop milliseconds (the scale of `performance.now()`) count from here, in every isolate from its own start. */
const ORIGIN = performance.timeOrigin

/** A century: deadlines beyond are as good as never, and still fit 63 bits of nanoseconds. */
const FAR_MS = 3_155_760_000_000

/** The loop deadline of a point in time. Times long past and far away are clamped. */
export function toLoopMs(time: TimeInput): number {
  return clampDeadline(toEpochMs(time) - ORIGIN)
}

/** The public time of a loop time. Round trips with `toLoopMs` are exact. */
export function toTime(loopMs: number): Time {
  return loopMs + ORIGIN
}

/** Deadline of a delay from this moment. Negative delays are due. */
export function fromNow(ms: number): number {
  if (typeof ms !== 'number')
    throw new HeddleError('EINVAL', `a delay is a number of milliseconds, not ${shown(ms)}`)
  return clampDeadline(performance.now() + ms)
}

function toEpochMs(time: TimeInput): number {
  if (typeof time === 'number') return time
  if (time instanceof Date) return time.getTime()
  if (typeof time?.sec === 'number') return time.sec * 1000 + time.usec / 1000
  throw new HeddleError('EINVAL', `a time is milliseconds, a Date or { sec, usec }, not ${shown(time)}`)
}

function clampDeadline(loopMs: number): number {
  if (loopMs > -FAR_MS && loopMs < FAR_MS) return loopMs
  if (Number.isNaN(loopMs)) throw new HeddleError('EINVAL', 'a time must be a number')
  return loopMs < 0 ? -FAR_MS : FAR_MS
}
