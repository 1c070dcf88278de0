import { FrozenMap } from '../frozen-map'
import { isDictionary, type RawDictionary, type RawValue } from '../value'
import { Refused, type ValueType } from './value-type'

/** Names and their values in the order of the configuration; nobody can change it. (CF-12, CF-27) */
export class Dictionary extends FrozenMap<string, string> {
  /** @internal */
  static of({ entries }: RawDictionary): Dictionary {
    return new Dictionary(new Map(entries.map(([name, value]) => [name, textOf(name, value)])))
  }
}

function textOf(name: string, value: RawValue): string {
  if (typeof value === 'string') return value
  throw new Refused(
    `is a dictionary of texts; its ${name} is ${isDictionary(value) ? 'a dictionary' : 'an array'}`,
  )
}

/** `[ a = 1 b = 2 ]` */
export const dictType: ValueType<Dictionary> = {
  parse(raw) {
    if (isDictionary(raw)) return Dictionary.of(raw)
    throw new Refused(`is a dictionary, not ${typeof raw === 'string' ? 'a single value' : 'an array'}`)
  },
}
