/**
 * How the typed getters and setters of sections read and write a text. Each is a whole-text match: nothing before,
 * nothing behind. Plain functions, any isolate. (CX-10)
 */
import { shown } from '../../arguments'
import { HeddleError } from '../../errors'
import { parseBoolean } from '../units'

/** One type: text to value and back. Both throw EINVAL for what does not fit. */
export interface Conversion<T> {
  read(text: string): T
  write(value: T): string
}

const INTEGER = /^[+-]?\d{1,30}$/
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** The largest finite number of 32 bits. */
const MOST_FLOAT = 3.4028234663852886e38

export const text: Conversion<string> = {
  read: (given) => given,
  write: (value) => (typeof value === 'string' ? value : refuse(value, 'text')),
}

export const int32 = integer('a whole number of 32 bits', -(2n ** 31n), 2n ** 31n - 1n)
export const uint32 = integer('a whole number of 32 bits that is not negative', 0n, 2n ** 32n - 1n)
export const int64 = bigInteger('a whole number of 64 bits', -(2n ** 63n), 2n ** 63n - 1n)
export const uint64 = bigInteger('a whole number of 64 bits that is not negative', 0n, 2n ** 64n - 1n)

export const double: Conversion<number> = {
  read: (given) => number(given, Number.MAX_VALUE),
  write: (value) => decimalText(value, Number.MAX_VALUE),
}

/** As near as 32 bits come. */
export const float: Conversion<number> = {
  read: (given) => Math.fround(number(given, MOST_FLOAT)),
  write: (value) => decimalText(value, MOST_FLOAT),
}

/** The strict words; `true` and `false` are written. */
export const boolean: Conversion<boolean> = {
  read: parseBoolean,
  write: (value) => (typeof value === 'boolean' ? String(value) : refuse(value, 'true or false')),
}

/** In lower case, whatever was written. */
export const uuid: Conversion<string> = { read: uuidText, write: uuidText }

function integer(expected: string, least: bigint, most: bigint): Conversion<number> {
  const { read, write } = bigInteger(expected, least, most)
  return {
    read: (given) => Number(read(given)),
    write: (value) => (Number.isInteger(value) ? write(BigInt(value)) : refuse(value, expected)),
  }
}

function bigInteger(expected: string, least: bigint, most: bigint): Conversion<bigint> {
  const check = (value: bigint): bigint => (value >= least && value <= most ? value : refuse(value, expected))
  return {
    read: (given) => (INTEGER.test(given) ? check(BigInt(given.replace('+', ''))) : refuse(given, expected)),
    write: (value) => (typeof value === 'bigint' ? check(value).toString() : refuse(value, expected)),
  }
}

function number(given: string, most: number): number {
  const value = DECIMAL.test(given) ? Number(given) : Number.NaN
  return Math.abs(value) <= most ? value : refuse(given, 'a decimal number')
}

function decimalText(value: number, most: number): string {
  if (typeof value === 'number' && Math.abs(value) <= most) return String(value)
  return refuse(value, 'a finite number')
}

function uuidText(given: string): string {
  return typeof given === 'string' && UUID.test(given) ? given.toLowerCase() : refuse(given, 'a UUID')
}

function refuse(value: unknown, expected: string): never {
  throw new HeddleError('EINVAL', `${shown(value)} is not ${expected}`)
}
