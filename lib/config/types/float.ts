import { refuse, scalar, type ValueType } from './value-type'

const EXPECTED = 'a number'

/** A finite number in decimal. (CF-08) */
export const floatType: ValueType<number> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
    return Number.isFinite(value) ? value : refuse(text, EXPECTED)
  },
}
