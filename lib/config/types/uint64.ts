import { refuse, scalar, type ValueType } from './value-type'

const EXPECTED = 'a whole number from 0 to 2^64-1'
const LIMIT = 1n << 64n

/** An unsigned number of 64 bits, exact. (CF-08) */
export const uint64Type: ValueType<bigint> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    if (!/^\+?\d{1,40}$/.test(text)) refuse(text, EXPECTED)
    const value = BigInt(text.replace('+', ''))
    return value < LIMIT ? value : refuse(text, EXPECTED)
  },
}
