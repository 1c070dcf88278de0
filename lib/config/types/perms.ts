import { refuse, scalar, type ValueType } from './value-type'

const EXPECTED = 'permissions in octal, up to 7777'

/** The mode of a file: octal with or without a leading 0. (CF-09) */
export const permsType: ValueType<number> = {
  parse(raw) {
    const text = scalar(raw, EXPECTED)
    if (!/^0*[0-7]{1,4}$/.test(text)) refuse(text, EXPECTED)
    return Number.parseInt(text, 8)
  },
}
