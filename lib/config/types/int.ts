import { refuse, scalar, type ValueType } from './value-type'

const EXPECTED = 'a whole number of 32 bits'

/** A signed number of 32 bits. (CF-08) */
export const intType: ValueType<number> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    const value = /^[+-]?\d{1,40}$/.test(text) ? Number(text) : Number.NaN
    if (value !== (value | 0)) refuse(text, EXPECTED)
    // Not minus nothing.
    return value | 0
  },
}
