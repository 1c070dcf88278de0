import { HeddleError } from '../errors'

/** How many threads a queue may have and wants. 0 in `min` and `max` is unbounded on that side. (JQ-02 to JQ-05) */
export interface JobqLimits {
  readonly min: number
  readonly max: number
  /** Threads that stay while they have nothing to do. */
  readonly floor: number
  /** Threads that the queue may have now, while there is work for them. */
  readonly desired: number
}

const MAX_THREADS = 1024

/** `concurrency` outside of [min, max], or min above max: EINVAL. */
export function initialLimits(desired: number, min = 0, max = 0, floor = 0): JobqLimits {
  count('concurrency', desired, 1)
  const limits = { min: count('min', min), max: count('max', max), floor: count('floor', floor), desired }
  checkOrder(min, max)
  if (pulled(desired, min, max) !== desired) {
    const range = `[${min}, ${max === 0 ? 'unbounded' : max}]`
    throw new HeddleError('EINVAL', `concurrency ${desired} is not within ${range}`)
  }
  return floor > 0 ? withFloor(limits, floor) : limits
}

/** Pulled into [min, max]. EINVAL for what is no count. */
export function withDesired(limits: JobqLimits, desired: number): JobqLimits {
  return { ...limits, desired: pulled(count('concurrency', desired, 1), limits.min, limits.max) }
}

/** The desired count is pulled into the new range at once; a floor that no longer fits is lowered to min. EINVAL. */
export function withMinMax(limits: JobqLimits, min: number, max: number): JobqLimits {
  checkOrder(count('min', min), count('max', max))
  const floor = max !== 0 && limits.floor > max ? min : limits.floor
  return { min, max, floor, desired: pulled(limits.desired, min, max) }
}

/** Raises what is below it. What is unbounded stays so. EINVAL. */
export function withFloor(limits: JobqLimits, floor: number): JobqLimits {
  count('floor', floor)
  const { min, max, desired } = limits
  if (max === 0) return { min, max, floor, desired: Math.max(desired, floor) }
  const raised = { min: Math.max(min, floor), max: Math.max(max, floor) }
  return { ...raised, floor, desired: pulled(Math.max(desired, floor), raised.min, raised.max) }
}

function pulled(desired: number, min: number, max: number): number {
  const raised = Math.max(desired, min)
  return max === 0 ? raised : Math.min(raised, max)
}

function checkOrder(min: number, max: number): void {
  if (max !== 0 && min > max) throw new HeddleError('EINVAL', `min ${min} is above max ${max}`)
}

function count(name: string, value: number, least = 0): number {
  if (Number.isInteger(value) && value >= least && value <= MAX_THREADS) return value
  throw new HeddleError(
    'EINVAL',
    `${name} is a number of threads from ${least} to ${MAX_THREADS}, not ${String(value)}`,
  )
}
