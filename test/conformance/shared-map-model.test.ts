import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SharedMap } from '../../lib'
import { freshName, openMap } from './shared-harness'

type Value = number | string | boolean | null | undefined | Uint8Array | { readonly n: number }

const key = fc.oneof(
  fc.constantFrom('', 'a', '\u0000', 'ő', '\ud800', 'key'),
  fc.string({ maxLength: 3 }),
  fc.nat(40).map((n) => `key ${n}`),
)
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.uint8Array({ maxLength: 40 }),
  fc.nat(3).map((n) => ({ n })),
)

const operation = fc.oneof(
  fc.tuple(fc.constant('set'), key, value),
  fc.tuple(fc.constant('get'), key),
  fc.tuple(fc.constant('delete'), key),
  fc.tuple(fc.constant('increment'), key, fc.integer()),
  fc.tuple(fc.constant('cas'), key, value, value),
  fc.tuple(fc.constant('cas present'), key, value),
  fc.tuple(fc.constant('insert'), key, value),
  fc.tuple(fc.constant('clear')),
  fc.tuple(fc.constant('walk')),
) as fc.Arbitrary<[string, string, Value, Value]>

const isSame = (a: unknown, b: unknown): boolean => {
  try {
    expect(a).toStrictEqual(b)
    return Object.is(a, b) || typeof a !== 'number'
  } catch {
    return false
  }
}

/** The same on a Map of this isolate; what both return must agree. */
function apply(
  map: SharedMap<Value>,
  model: Map<string, Value>,
  [kind, at, one, two]: [string, string, Value, Value],
) {
  switch (kind) {
    case 'set':
      map.set(at, one)
      return void model.set(at, one)
    case 'get':
      expect(map.has(at)).toBe(model.has(at))
      return expect(map.get(at)).toStrictEqual(model.get(at))
    case 'delete':
      return expect(map.delete(at)).toBe(model.delete(at))
    case 'increment':
      return increment(map, model, at, one as number)
    case 'cas':
      return expect(map.compareAndSet(at, one, two)).toBe(replace(model, at, one, two))
    case 'cas present':
      if (!model.has(at)) return expect(map.compareAndSet(at, SharedMap.ABSENT, SharedMap.ABSENT)).toBe(true)
      expect(map.compareAndSet(at, model.get(at), one)).toBe(true)
      return void model.set(at, one)
    case 'insert':
      if (!model.has(at)) model.set(at, one)
      return expect(map.getOrInsert(at, one)).toStrictEqual(model.get(at))
    case 'clear':
      map.clear()
      return model.clear()
    default:
      expect([...map]).toHaveLength(model.size)
      expect(new Map(map as Iterable<[string, Value]>)).toStrictEqual(model)
      return expect(map.size).toBe(model.size)
  }
}

function increment(map: SharedMap<Value>, model: Map<string, Value>, at: string, by: number): void {
  const there = model.get(at)
  if (model.has(at) && typeof there !== 'number') {
    expect(() => map.increment(at, by)).toThrow('not a number')
    return
  }
  const sum = ((there as number | undefined) ?? 0) + by
  model.set(at, sum)
  expect(map.increment(at, by)).toBe(sum)
}

function replace(model: Map<string, Value>, at: string, expected: Value, next: Value): boolean {
  if (!model.has(at) || !isSame(model.get(at), expected)) return false
  model.set(at, next)
  return true
}

describe('a shared map and a Map', () => {
  it('SM-09 agree on any run of operations', async () => {
    const run = fc.asyncProperty(fc.array(operation, { maxLength: 200 }), async (operations) => {
      const map = await SharedMap.open<Value>(freshName())
      const model = new Map<string, Value>()
      try {
        for (const step of operations) apply(map, model, step)
        apply(map, model, ['walk', '', null, null])
      } finally {
        map.close()
      }
    })
    await fc.assert(run, { numRuns: 100 })
  })

  it('SM-09 agree when one map has seen it all', async () => {
    const map = await openMap<Value>()
    const model = new Map<string, Value>()
    const run = fc.property(fc.array(operation, { minLength: 50, maxLength: 300 }), (operations) => {
      for (const step of operations) apply(map, model, step)
    })
    fc.assert(run, { numRuns: 100, endOnFailure: true })
    apply(map, model, ['walk', '', null, null])
  })
})
