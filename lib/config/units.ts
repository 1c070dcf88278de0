import { invalid, shown } from '../arguments'
import { HeddleError } from '../errors'

/** Units of durations, as configurations spell them. */
export type DurationUnit = 'ns' | 'us' | 'ms' | 's' | 'min' | 'hr' | 'd' | 'w'

const NS_PER: Readonly<Record<DurationUnit, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  min: 60_000_000_000n,
  hr: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
}
const UNITS: ReadonlyMap<string, bigint> = new Map(Object.entries(NS_PER))
/** 292 years: what 64 bits of nanoseconds hold. */
const MOST_NS = 0x7fff_ffff_ffff_ffffn
/** More digits than any duration has, so that a long text costs nothing. */
const MOST_CHARACTERS = 256
const PART = /[ \t]*(\d+)[ \t]*([a-z]+)/y

const TRUE: ReadonlySet<string> = new Set(['true', 'yes', 'on'])
const FALSE: ReadonlySet<string> = new Set(['false', 'no', 'off'])

/**
 * A sum of whole numbers with units, `5s` or `1d 2hr`, in `unit`, which is milliseconds if left out; a sum that is no
 * whole number of it has a fraction. Units: ns, us, ms, s, min, hr, d, w. EINVAL for anything else: no number, no unit,
 * a unit that is none of these, a fraction, a sign, more behind it, or more than 292 years. (CX-18)
 */
export function parseDuration(text: string, unit: DurationUnit = 'ms'): number {
  const per = UNITS.get(unit)
  if (per === undefined) throw invalid('unit', 'is one of ns, us, ms, s, min, hr, d, w', unit)
  const ns = nanoseconds(text)
  if (ns === undefined) throw refused(text, 'a duration such as 5s or "1d 2hr"')
  const whole = ns / per
  return Number(whole) + Number(ns - whole * per) / Number(per)
}

/** True, yes, on and false, no, off in any case; EINVAL for anything else, 0 and 1 too. (CX-18) */
export function parseBoolean(text: string): boolean {
  const word = typeof text === 'string' ? text.toLowerCase() : ''
  if (TRUE.has(word)) return true
  if (FALSE.has(word)) return false
  throw refused(text, 'true, yes, on, false, no or off')
}

function nanoseconds(text: string): bigint | undefined {
  if (typeof text !== 'string' || text.length > MOST_CHARACTERS) return undefined
  const end = text.trimEnd().length
  if (end === 0) return undefined
  let sum = 0n
  let at = 0
  while (at < end) {
    PART.lastIndex = at
    const part = PART.exec(text)
    const per = UNITS.get(part?.[2] ?? '')
    if (!part || per === undefined) return undefined
    sum += BigInt(part[1] as string) * per
    if (sum > MOST_NS) return undefined
    at = PART.lastIndex
  }
  return sum
}

function refused(text: unknown, expected: string): HeddleError {
  return new HeddleError('EINVAL', `${shown(text)} is not ${expected}`)
}
