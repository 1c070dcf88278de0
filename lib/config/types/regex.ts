import { Refused, scalar, type ValueType } from './value-type'

/** A regular expression in JavaScript's syntax, of whole characters, without flags. (CF-13) */
export const regexType: ValueType<RegExp> = {
  parse: (raw) => compile(scalar(raw, 'a regular expression')),
}

/**
 * Frozen, so that all who read it may share it: it keeps no place (`lastIndex`) and has no `compile`. Whoever borrows that from
 * `RegExp.prototype` changes it for everybody; nothing in the language keeps one from it.
 */
export function compile(source: string, flags = 'u'): RegExp {
  let expression: RegExp
  try {
    expression = new RegExp(source, flags)
  } catch (error) {
    throw new Refused(`is a regular expression: ${(error as Error).message}`)
  }
  Object.defineProperty(expression, 'compile', { value: undefined })
  return Object.freeze(expression)
}
