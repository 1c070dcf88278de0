import type { RawValue } from '../value'

/**
 * How one type of option reads a value. The same code runs in every isolate, so an image holds text only. What it
 * returns is frozen to the ground.
 */
export interface ValueType<T> {
  /** Throws `Refused` with a reason that follows "is". */
  parse(raw: RawValue): T
}

/** A value that its type does not take. The reason continues the sentence "Global.key …". */
export class Refused extends Error {}

/** The text of a scalar, which is all that most types take. */
export function scalar(raw: RawValue, expected: string): string {
  if (typeof raw === 'string') return raw
  throw new Refused(`is ${expected}, not ${Array.isArray(raw) ? 'an array' : 'a dictionary'}`)
}

export function refuse(raw: string, expected: string): never {
  throw new Refused(`is ${expected}, not '${raw.length > 80 ? `${raw.slice(0, 80)}…` : raw}'`)
}
