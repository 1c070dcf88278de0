import { shown } from '../arguments'
import { HeddleError } from '../errors'

const DIRECTIVE = /%([-+ 0#]*)(\d+)?(?:\.(\d+))?(.?)/gs

/**
 * A part of C's printf: `%s %d %i %u %x %X %o %c %f %e %g %j %%`, with the flags `- + 0 # space`, width and precision.
 * `%d`, `%u` and `%x` take numbers (cut to integers) and bigints; `%j` is JSON. EINVAL for another directive, for too
 * few or too many arguments, and for an argument of the wrong type. (MT-15)
 */
export function formatText(format: string, args: readonly unknown[]): string {
  let next = 0
  const text = format.replace(
    DIRECTIVE,
    (whole, flags: string, width: string, precision: string, kind: string) => {
      if (kind === '%') return '%'
      const convert = CONVERSIONS[kind]
      if (convert === undefined) throw new HeddleError('EINVAL', `format knows no directive '${whole}'`)
      if (next >= args.length) throw new HeddleError('EINVAL', `format has no argument for '${whole}'`)
      const digits = precision === undefined ? undefined : Number(precision)
      return padded(convert(args[next++], digits, flags), flags, Number(width ?? 0), kind)
    },
  )
  if (next < args.length)
    throw new HeddleError('EINVAL', `format was given ${args.length - next} arguments too many`)
  return text
}

type Conversion = (value: unknown, precision: number | undefined, flags: string) => string

const CONVERSIONS: Record<string, Conversion> = {
  s: (value, precision) => String(value).slice(0, precision),
  c: (value) => (typeof value === 'number' ? String.fromCodePoint(value) : String(value).slice(0, 1)),
  j: (value) => JSON.stringify(value) ?? 'undefined',
  d: (value, precision, flags) => signed(integer(value), flags, (n) => zeroes(n.toString(), precision)),
  i: (value, precision, flags) => signed(integer(value), flags, (n) => zeroes(n.toString(), precision)),
  u: (value, precision) => zeroes(natural(value).toString(), precision),
  x: (value, precision, flags) => prefix(flags, '0x') + zeroes(natural(value).toString(16), precision),
  X: (value, precision, flags) =>
    prefix(flags, '0X') + zeroes(natural(value).toString(16).toUpperCase(), precision),
  o: (value, precision, flags) => prefix(flags, '0') + zeroes(natural(value).toString(8), precision),
  f: (value, precision = 6, flags) => signed(real(value), flags, (n) => fixed(n, precision)),
  e: (value, precision = 6, flags) => signed(real(value), flags, (n) => exponent(n.toExponential(precision))),
  g: (value, precision = 6, flags) => signed(real(value), flags, (n) => shortest(n, precision || 1)),
}

function integer(value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.trunc(value))
  throw new HeddleError('EINVAL', `format takes a number there, not ${shown(value)}`)
}

/** Negative numbers read as C reads them: as unsigned of 64 bits. */
function natural(value: unknown): bigint {
  return BigInt.asUintN(64, integer(value))
}

function real(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw new HeddleError('EINVAL', `format takes a number there, not ${shown(value)}`)
}

function signed<N extends number | bigint>(value: N, flags: string, digits: (absolute: N) => string): string {
  const negative = value < 0 || Object.is(value, -0)
  const sign = negative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  return sign + digits((negative ? -value : value) as N)
}

function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return String(value).toLowerCase().slice(0, 3)
  return value < 1e21
    ? value.toFixed(precision)
    : BigInt(value) + (precision > 0 ? `.${'0'.repeat(precision)}` : '')
}

/** C writes at least two digits of an exponent. */
function exponent(text: string): string {
  return text
    .replace(/e([+-])(\d)$/, 'e$10$2')
    .replace('Infinity', 'inf')
    .replace('NaN', 'nan')
}

function shortest(value: number, precision: number): string {
  if (!Number.isFinite(value)) return fixed(value, 0)
  const power = value === 0 ? 0 : Number(value.toExponential(precision - 1).split('e')[1])
  if (power < -4 || power >= precision) {
    return exponent(value.toExponential(precision - 1).replace(/\.?0+e/, 'e'))
  }
  const text = value.toFixed(Math.max(0, precision - 1 - power))
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

function zeroes(digits: string, precision = 1): string {
  return digits.padStart(precision, '0')
}

function prefix(flags: string, text: string): string {
  return flags.includes('#') ? text : ''
}

function padded(text: string, flags: string, width: number, kind: string): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0') || 'scj'.includes(kind)) return text.padStart(width)
  const head = /^([+\- ]?(?:0[xX])?)/.exec(text)?.[0] as string
  return head + text.slice(head.length).padStart(width - head.length, '0')
}
