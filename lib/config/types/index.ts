import type { RawValue } from '../value'
import { boolType } from './bool'
import { type Dictionary, dictType } from './dict'
import { floatType } from './float'
import { intType } from './int'
import { permsType } from './perms'
import { regexType } from './regex'
import { sizeType } from './size'
import { type SockAddr, sockaddrPortlessType, sockaddrType } from './sockaddr'
import { stringType } from './string'
import { type Throttle, throttleType } from './throttle'
import { uint64Type } from './uint64'
import { Refused, type ValueType } from './value-type'

export { Dictionary } from './dict'
export { compile } from './regex'
export type { SockAddr } from './sockaddr'
export type { Throttle } from './throttle'
export { Refused } from './value-type'

/** What an option of each type is read as. (CF-06) */
export interface OptionTypes {
  string: string
  int: number
  uint64: bigint
  perms: number
  bool: boolean
  float: number
  sockaddr: SockAddr
  sockaddrPortless: SockAddr
  throttle: Throttle
  dict: Dictionary
  size: number
  regex: RegExp
}

/** The types that an option can have. (CF-06) */
export type OptionType = keyof OptionTypes

export const TYPES: { readonly [K in OptionType]: ValueType<OptionTypes[K]> } = {
  string: stringType,
  int: intType,
  uint64: uint64Type,
  perms: permsType,
  bool: boolType,
  float: floatType,
  sockaddr: sockaddrType,
  sockaddrPortless: sockaddrPortlessType,
  throttle: throttleType,
  dict: dictType,
  size: sizeType,
  regex: regexType,
}

/** Types of old that nobody may use any more. */
export const DEPRECATED_TYPES: ReadonlySet<string> = new Set([
  'eclist',
  'ptr',
  'suffixTree',
  'ec_suffix_tree',
  'ipAcl',
  'ip_acl',
])

/** Reads a value as the option's type, or as an array of it. Throws `Refused`. (CF-11) */
export function readValue(type: OptionType, isArray: boolean, raw: RawValue): unknown {
  if (!isArray) return TYPES[type].parse(raw)
  if (!Array.isArray(raw)) throw new Refused(`is an array of ${type}: ( … )`)
  return Object.freeze((raw as readonly RawValue[]).map((item) => TYPES[type].parse(item)))
}
