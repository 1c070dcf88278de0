import { refuse, scalar, type ValueType } from './value-type'

const EXPECTED = 'a whole number from 0 to 2^53-1'

/** A size: no sign, and exact as a number. (CF-08) */
export const sizeType: ValueType<number> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    const value = /^\+?\d{1,40}$/.test(text) ? Number(text) : Number.NaN
    return Number.isSafeInteger(value) ? value : refuse(text, EXPECTED)
  },
}
