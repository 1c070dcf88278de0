import { refuse, scalar, type ValueType } from './value-type'

const EXPECTED = 'true, yes, on, 1, enabled, or false, no, off, 0, disabled'
const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on', '1', 'enabled'].map((word) => [word, true] as const),
  ...['false', 'no', 'off', '0', 'disabled'].map((word) => [word, false] as const),
])

/** One of ten words, in any case. (CF-07) */
export const boolType: ValueType<boolean> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    return WORDS.get(text.toLowerCase()) ?? refuse(text, EXPECTED)
  },
}
