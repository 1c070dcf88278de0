import { invalid } from '../arguments'

/** Absolute form of a time-out, so that several waits can share it; Infinity without one. ERR_INVALID_ARGUMENT. */
export function deadlineAfter(timeout: number | undefined): number {
  if (timeout === undefined || timeout === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  if (typeof timeout === 'number' && timeout >= 0) return performance.now() + timeout
  throw invalid('timeout', 'is a number of milliseconds', timeout)
}

/** What is left of it, for one wait. */
export function timeLeft(deadline: number): number | undefined {
  return deadline === Number.POSITIVE_INFINITY ? undefined : Math.max(0, deadline - performance.now())
}
