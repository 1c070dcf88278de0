import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { initialLimits, type JobqLimits, withDesired, withFloor, withMinMax } from '../../lib/jobq/limits'
import { parseJobqSpec } from '../../lib/jobq/spec'
import { shortNameOf } from '../../lib/jobq/short-name'

const limits = (min: number, max: number, floor: number, desired: number): JobqLimits => ({
  min,
  max,
  floor,
  desired,
})

describe('A-JQ-4 [JQ-04, JQ-05] limits of threads', () => {
  it('pull the concurrency into min and max', () => {
    const both = initialLimits(3, 2, 5)
    expect(withDesired(both, 1).desired).toBe(2)
    expect(withDesired(both, 9).desired).toBe(5)
    expect(withDesired(both, 4)).toEqual(limits(2, 5, 0, 4))
  })

  it('refuse min above max, and leave 0 unbounded', () => {
    expect(() => withMinMax(initialLimits(1), 6, 3)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    expect(withMinMax(initialLimits(1), 2, 0)).toEqual(limits(2, 0, 0, 2))
    expect(withMinMax(initialLimits(9), 0, 4)).toEqual(limits(0, 4, 0, 4))
    expect(withMinMax(initialLimits(1), 3, 0).desired, 'min above the desired raises it at once').toBe(3)
  })

  it('let the floor raise the others, and fall to min where it no longer fits', () => {
    expect(withFloor(initialLimits(2, 2, 3), 4)).toEqual(limits(4, 4, 4, 4))
    expect(withMinMax(limits(4, 4, 4, 4), 1, 2)).toEqual(limits(1, 2, 1, 2))
    expect(withFloor(initialLimits(1), 7), 'unbounded stays so').toEqual(limits(0, 0, 7, 7))
    expect(withFloor(limits(2, 0, 0, 2), 5)).toEqual(limits(2, 0, 5, 5))
    expect(withMinMax(limits(0, 0, 7, 7), 2, 0).floor, 'it fits an unbounded queue').toBe(7)
  })

  it('refuse what is no number of threads', () => {
    for (const bad of [0, -1, 1.5, Number.NaN, 1e9, '4' as never]) {
      expect(() => withDesired(initialLimits(1), bad)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
      if (bad !== 0) expect(() => withFloor(initialLimits(1), bad)).toThrow(failing('EINVAL'))
    }
    expect(() => initialLimits(4, 5, 9)).toThrow(failing('EINVAL'))
  })

  it('agree with each other whatever is done to them', () => {
    const change = fc.oneof(
      fc.record({ op: fc.constant('desired' as const), n: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ op: fc.constant('floor' as const), n: fc.integer({ min: 0, max: 9 }) }),
      fc.record({
        op: fc.constant('range' as const),
        min: fc.integer({ min: 0, max: 9 }),
        max: fc.integer({ min: 0, max: 9 }),
      }),
    )
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        let now = initialLimits(1)
        for (const one of changes) {
          if (one.op === 'desired') now = withDesired(now, one.n)
          else if (one.op === 'floor') now = withFloor(now, one.n)
          else if (one.max === 0 || one.min <= one.max) now = withMinMax(now, one.min, one.max)
          expect(now.desired).toBeGreaterThanOrEqual(Math.max(1, now.min))
          if (now.max === 0) continue
          expect(now.max).toBeGreaterThanOrEqual(Math.max(now.desired, now.min, now.floor))
        }
      }),
    )
  })
})

describe('A-JQ-5 [JQ-09] the description of a queue', () => {
  const usual = { min: 0, max: 0, memorySafety: undefined, maxBacklog: undefined, lifo: undefined }

  it.each([
    ['4', { ...usual, concurrency: 4 }],
    ['4,4', { ...usual, concurrency: 4, min: 4, max: 4 }],
    [
      '4,2,8,gc,100,lifo',
      { concurrency: 4, min: 2, max: 8, memorySafety: 'gc', maxBacklog: 100, lifo: true },
    ],
    [' 4 , 2 , 8 ', { ...usual, concurrency: 4, min: 2, max: 8 }],
    ['4,2,0,cs', { ...usual, concurrency: 4, min: 2, max: 0, memorySafety: 'cs' }],
    ['4,,,none,0,fifo', { ...usual, concurrency: 4, memorySafety: 'none', maxBacklog: 0, lifo: false }],
  ])('%s is read', (text, spec) => expect(parseJobqSpec(text)).toEqual(spec))

  it.each([
    '',
    '0',
    '-1',
    '1.5',
    'four',
    '4,2',
    '4,5,3',
    '9,1,8',
    '4,2,8,safe',
    '4,2,8,GC',
    '4,2,8,gc,some',
    '4,2,8,gc,1,random',
    '4,2,8,gc,1,lifo,more',
    '99999999999',
  ])("'%s' is refused", (text) =>
    expect(() => parseJobqSpec(text)).toThrow(expect.objectContaining({ code: 'EINVAL' })),
  )

  it('is text', () => expect(() => parseJobqSpec(4 as never)).toThrow(failing('EINVAL')))
})

describe('A-JQ-13 [JQ-11] short names', () => {
  it.each([
    ['io', 'io'],
    ['exactly-13-ch', 'exactly-13-ch'],
    ['somewhat longer than that', 'somewhat long'],
    ['漢字漢字漢字', '漢字漢字'],
    ['twelve bytes😀', 'twelve bytes'],
  ])('%s is %s', (name, short) => expect(shortNameOf(name)).toBe(short))
})

function failing(code: string) {
  return expect.objectContaining({ code })
}
