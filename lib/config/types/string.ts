import { scalar, type ValueType } from './value-type'

/** Any text, in its case. */
export const stringType: ValueType<string> = { parse: (raw) => scalar(raw, 'text') }
