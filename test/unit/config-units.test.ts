import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DurationUnit, parseBoolean, parseDuration } from '../../lib/config/units'
import { codeOf } from '../thrown'

describe('durations', () => {
  it.each<[string, number]>([
    ['5s', 5000],
    ['1d 2hr', 93_600_000],
    ['1d2hr', 93_600_000],
    [' 1 min  30 s ', 90_000],
    ['2w', 1_209_600_000],
    ['250us', 0.25],
    ['1ns', 0.000001],
    ['0s', 0],
    ['1s 1s', 2000],
  ])('CX-18 A-CX-12 %j is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each<[string, DurationUnit, number]>([
    ['5s', 's', 5],
    ['90s', 'min', 1.5],
    ['1d', 'hr', 24],
    ['106751d', 'ns', 9_223_286_400_000_000_000],
    ['9007199254740991ns', 'ns', Number.MAX_SAFE_INTEGER],
  ])('CX-18 %j in %s is %d', (text, unit, expected) => expect(parseDuration(text, unit)).toBe(expected))

  it.each([
    '1.5',
    '1.5s',
    '',
    ' ',
    '5 parsecs',
    '5s x',
    's',
    '5',
    '-5s',
    '+5s',
    '5S',
    '5s,1s',
    '5constructor',
    '1e3s',
    '106752d',
    `${'9'.repeat(300)}s`,
    '٥s',
  ])('CX-18 A-CX-12 refuses %j', (text) => expect(codeOf(() => parseDuration(text))).toBe('EINVAL'))

  it('CX-18 refuses what is no text and units that are none', () => {
    expect(codeOf(() => parseDuration(5 as never))).toBe('EINVAL')
    expect(codeOf(() => parseDuration(null as never))).toBe('EINVAL')
    expect(codeOf(() => parseDuration('5s', 'h' as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => parseDuration('5s', 'toString' as never))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('CX-18 adds up what any sum of parts says', () => {
    const ms = { ms: 1, s: 1000, min: 60_000, hr: 3_600_000, d: 86_400_000 }
    const part = fc.tuple(fc.nat(1000), fc.constantFrom(...(Object.keys(ms) as (keyof typeof ms)[])))
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        const text = parts.map(([count, unit]) => `${count}${unit}`).join(' ')
        expect(parseDuration(text)).toBe(parts.reduce((sum, [count, unit]) => sum + count * ms[unit], 0))
      }),
    )
  })
})

describe('booleans', () => {
  it('CX-18 A-CX-12 knows six words in any case', () => {
    for (const word of ['true', 'TRUE', 'Yes', 'oN']) expect(parseBoolean(word)).toBe(true)
    for (const word of ['false', 'FALSE', 'No', 'oFF']) expect(parseBoolean(word)).toBe(false)
  })

  it.each(['1', '0', '', ' true', 'true ', 'y', 'enabled', null, true])('CX-18 A-CX-12 refuses %j', (text) =>
    expect(codeOf(() => parseBoolean(text as string))).toBe('EINVAL'),
  )
})
