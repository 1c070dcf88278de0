import { refuse, scalar, type ValueType } from './value-type'

/** So many in so many milliseconds. (CF-13) */
export interface Throttle {
  readonly count: number
  readonly perMs: number
}

const EXPECTED = 'a throttle such as 100/60: so many in so many seconds'

/** `count/seconds`. */
export const throttleType: ValueType<Throttle> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    const [, count, seconds] = /^(\d{1,15})\/(\d{1,10}(?:\.\d{1,3})?)$/.exec(text) ?? []
    const perMs = Math.round(Number(seconds) * 1000)
    if (count === undefined || perMs === 0) return refuse(text, EXPECTED)
    return Object.freeze({ count: Number(count), perMs })
  },
}
