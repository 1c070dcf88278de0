import { describe, expect, it } from 'vitest'
import { SharedMap } from '../../lib'
import { codeOf, freshName, openMap } from './shared-harness'

describe('a shared map', () => {
  it('SM-09 sets, gets, has and deletes', async () => {
    const map = await openMap<number>()
    expect([map.get('a'), map.has('a'), map.delete('a')]).toEqual([undefined, false, false])
    expect(map.set('a', 1)).toBe(map)
    expect([map.get('a'), map.has('a'), map.size]).toEqual([1, true, 1])
    map.set('a', 2)
    expect([map.get('a'), map.size]).toEqual([2, 1])
    expect([map.delete('a'), map.delete('a'), map.get('a'), map.size]).toEqual([true, false, undefined, 0])
  })

  it('SM-09 adds to numbers, from 0 if there is none', async () => {
    const map = await openMap()
    expect([map.increment('n'), map.increment('n'), map.increment('n', -5), map.get('n')]).toEqual([
      1, 2, -3, -3,
    ])
    expect(map.increment('x', 0.5)).toBe(0.5)
    expect(map.increment('big', Number.MAX_VALUE)).toBe(Number.MAX_VALUE)
    expect(map.increment('big', Number.MAX_VALUE)).toBe(Infinity)
    expect(map.increment('big', -Infinity)).toBeNaN()
    expect(map.get('big')).toBeNaN()
    expect(map.increment('big', 1)).toBeNaN()
    expect([map.increment('zero', -0), map.get('zero')]).toEqual([0, 0])
  })

  it.each([
    ['text', '1'],
    ['true', true],
    ['null', null],
    ['undefined', undefined],
    ['a clone', {}],
    ['bytes', new Uint8Array(8)],
  ])('SM-09 adds to nothing but numbers: not to %s', async (_name, value) => {
    const map = await openMap()
    map.set('key', value)
    expect(await codeOf(() => map.increment('key'))).toBe('EINVAL')
    expect(map.get('key')).toStrictEqual(value)
    expect(await codeOf(() => map.increment('other', value as never))).toBe(
      value === undefined ? undefined : 'ERR_INVALID_ARGUMENT',
    )
  })

  it('SM-09 compares and sets by content', async () => {
    const map = await openMap()
    const pairs: [unknown, unknown, boolean][] = [
      [1, 1, true],
      [1, 2, false],
      [1, '1', false],
      [NaN, NaN, true],
      [0, -0, false],
      [-0, -0, true],
      ['text', 'text', true],
      ['text', 'texts', false],
      ['å', 'å', true],
      ['ő', 'Q\u0001', false],
      [true, true, true],
      [true, false, false],
      [null, undefined, false],
      [undefined, undefined, true],
      [new Uint8Array([1, 2]), new Uint8Array([1, 2]), true],
      [new Uint8Array([1, 2]), Buffer.from([1, 2]), true],
      [new Uint8Array([1, 2]), new Uint8Array([1, 3]), false],
      [new Uint8Array(0), new Uint8Array(0), true],
      [new Uint8Array(0), '', false],
      [{ a: 1, b: 2 }, { a: 1, b: 2 }, true],
      [{ a: 1, b: 2 }, { b: 2, a: 1 }, false],
      [{ a: 1 }, 1, false],
    ]
    for (const [stored, expected, is] of pairs) {
      map.set('key', stored)
      expect(map.compareAndSet('key', expected, 'new'), `${String(stored)} ${String(expected)}`).toBe(is)
      expect(map.get('key')).toStrictEqual(
        is ? 'new' : stored instanceof Uint8Array ? new Uint8Array(stored) : stored,
      )
    }
  })

  it('SM-09 compares and sets what is absent, and tells it from undefined', async () => {
    const map = await openMap()
    const { ABSENT } = SharedMap
    expect(map.compareAndSet('key', undefined, 1)).toBe(false)
    expect(map.compareAndSet('key', 0, 1)).toBe(false)
    expect(map.size).toBe(0)
    expect(map.compareAndSet('key', ABSENT, ABSENT)).toBe(true)
    expect(map.compareAndSet('key', ABSENT, undefined)).toBe(true)
    expect(map.compareAndSet('key', ABSENT, 2)).toBe(false)
    expect(map.compareAndSet('key', ABSENT, ABSENT)).toBe(false)
    expect(map.compareAndSet('key', undefined, 3)).toBe(true)
    expect(map.compareAndSet('key', 2, ABSENT)).toBe(false)
    expect([map.get('key'), map.compareAndSet('key', 3, ABSENT), map.has('key')]).toEqual([3, true, false])
  })

  it('SM-09 inserts only what is not there', async () => {
    const map = await openMap<unknown>()
    expect([map.getOrInsert('a', 1), map.getOrInsert('a', 2), map.get('a')]).toEqual([1, 1, 1])
    let calls = 0
    const make = (key: unknown): unknown => [key, ++calls]
    expect(map.getOrInsertComputed('b', make)).toEqual(['b', 1])
    expect(map.getOrInsertComputed('b', make)).toEqual(['b', 1])
    expect(calls).toBe(1)
    const failure = new Error('no value')
    expect(() =>
      map.getOrInsertComputed('c', () => {
        throw failure
      }),
    ).toThrow(failure)
    expect(map.has('c')).toBe(false)
    expect(await codeOf(() => map.getOrInsertComputed('c', 5 as never))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('SM-09 gives way to a value that came while one was made', async () => {
    const map = await openMap<string>()
    const made = map.getOrInsertComputed('key', (key) => {
      map.set(key, 'earlier')
      return 'later'
    })
    expect([made, map.get('key')]).toEqual(['earlier', 'earlier'])
  })

  it('SM-09 clears, and is as good as new', async () => {
    const map = await openMap<number>()
    map.clear()
    for (let i = 0; i < 5000; i++) map.set(`key${i}`, i)
    expect(map.size).toBe(5000)
    map.clear()
    expect([map.size, map.get('key1'), [...map], map.stats().bytes]).toEqual([0, undefined, [], 0])
    map.set('key1', 1)
    expect([map.size, map.get('key1')]).toEqual([1, 1])
  })

  it('SM-09 counts entries and bytes', async () => {
    const map = await openMap<unknown>()
    expect(map.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0, expirations: 0 })
    map.set('key', new Uint8Array(10_000))
    const { entries, bytes } = map.stats()
    expect(entries).toBe(1)
    expect(bytes).toBeGreaterThanOrEqual(10_003)
    map.set('key', 1)
    expect(map.stats().bytes).toBeLessThan(1000)
    map.delete('key')
    expect(map.stats()).toEqual({ entries: 0, bytes: 0, evictions: 0, expirations: 0 })
  })

  it('SM-09 grows to a hundred thousand entries and shrinks', async () => {
    const map = await openMap<number>()
    for (let i = 0; i < 100_000; i++) map.set(`key ${i}`, i)
    let wrong = 0
    for (let i = 0; i < 100_000; i++) if (map.get(`key ${i}`) !== i) wrong++
    expect([wrong, map.size]).toEqual([0, 100_000])
    for (let i = 0; i < 100_000; i += 2) map.delete(`key ${i}`)
    for (let i = 0; i < 100_000; i++) if (map.has(`key ${i}`) !== (i % 2 === 1)) wrong++
    expect([wrong, map.size]).toEqual([0, 50_000])
  })

  it('SM-09 takes values of all sizes in turn, and gives their memory back', async () => {
    const map = await openMap<Uint8Array>()
    let wrong = 0
    for (let round = 0; round < 300; round++) {
      const length = (round * round * 37) % 300_000
      map.set(`key ${round % 7}`, new Uint8Array(length).fill(round))
      const found = map.get(`key ${round % 7}`) as Uint8Array
      if (found.length !== length || found.some((byte) => byte !== (round & 255))) wrong++
    }
    expect(wrong).toBe(0)
    map.clear()
    expect(map.stats().bytes).toBe(0)
  })
})

describe('opening a shared map', () => {
  it('SM-09 finds what is open by that name, and only while it is', async () => {
    const name = freshName()
    const first = await openMap<number>({}, name)
    const second = await openMap<number>({}, name)
    expect([first.name, second.name]).toEqual([name, name])
    first.set('key', 1)
    expect(second.get('key')).toBe(1)
    first.close()
    expect(second.get('key')).toBe(1)
    second.close()
    const third = await openMap<number>({}, name)
    expect([third.get('key'), third.size]).toEqual([undefined, 0])
  })

  it('SM-09 sees what another hold has stored since, however much the map had to grow for it', async () => {
    const writer = await openMap<unknown>()
    const readers = await Promise.all(Array.from({ length: 4 }, () => openMap<unknown>({}, writer.name)))
    const stored = new Map<string, unknown>()
    const store = (key: string, value: unknown): void => {
      stored.set(key, value)
      writer.set(key, value)
    }
    for (let i = 0; i < 20_000; i++) store(`key ${i}`, i)
    for (let i = 0; i < 40; i++)
      store(`${i} `.repeat(10_000), [i, `text ${i}`, 'ő'.repeat(1000), null][i % 4])
    for (let i = 0; i < 40; i++) store(`large ${i}`, new Uint8Array(50_000 * (i + 1)).fill(i))
    const [byGet, byWalk, byChange, bySet] = readers as [
      typeof writer,
      typeof writer,
      typeof writer,
      typeof writer,
    ]
    const wrong = [...stored.keys()].filter(
      (key) => typeof stored.get(key) !== 'object' && byGet.get(key) !== stored.get(key),
    )
    expect(wrong).toEqual([])
    const walked = new Map(byWalk)
    expect(walked.size).toBe(stored.size)
    for (let i = 0; i < 40; i++) {
      const key = `large ${i}`
      expect(Buffer.compare(byGet.get(key) as Uint8Array, stored.get(key) as Uint8Array)).toBe(0)
      expect(Buffer.compare(walked.get(key) as Uint8Array, stored.get(key) as Uint8Array)).toBe(0)
      expect(byChange.compareAndSet(key, stored.get(key), i)).toBe(true)
    }
    for (let i = 0; i < 40; i += 4) expect(byChange.increment(`${i} `.repeat(10_000))).toBe(i + 1)
    for (let i = 0; i < 30_000; i++) bySet.set(`key ${i}`, -i)
    expect([writer.size, byGet.get('key 29999'), writer.get('key 1')]).toEqual([30_080, -29_999, -1])
  })

  it('SM-09 wants the same options of all', async () => {
    const name = freshName()
    const map = await openMap({ maxBytes: 100_000, ttl: 5000 }, name)
    expect(await codeOf(() => SharedMap.open(name))).toBe('EINVAL')
    expect(await codeOf(() => SharedMap.open(name, { maxBytes: 100_000 }))).toBe('EINVAL')
    expect(await codeOf(() => SharedMap.open(name, { maxBytes: 100_000, ttl: 5001 }))).toBe('EINVAL')
    await openMap({ ttl: 5000, maxBytes: 100_000 }, name)
    map.set('key', 1)
    expect(map.get('key')).toBe(1)
  })

  it('SM-09 checks its arguments', async () => {
    const wrong: [unknown, unknown][] = [
      ['', {}],
      [1, {}],
      [undefined, {}],
      ['x', null],
      ['x', 5],
      ['x', { maxBytes: -1 }],
      ['x', { maxBytes: 0.5 }],
      ['x', { maxBytes: '5' }],
      ['x', { maxBytes: Infinity }],
      ['x', { ttl: -1 }],
      ['x', { ttl: NaN }],
      ['x', { ttl: '5' }],
    ]
    for (const [name, options] of wrong) {
      expect(await codeOf(() => SharedMap.open(name as never, options as never))).toBe('ERR_INVALID_ARGUMENT')
    }
    const map = await openMap()
    for (const ttl of [-1, NaN, '5', null, 5n]) {
      expect(await codeOf(() => map.set('key', 1, { ttl: ttl as never }))).toBe('ERR_INVALID_ARGUMENT')
    }
    expect(await codeOf(() => map.forEach(5 as never))).toBe('ERR_INVALID_ARGUMENT')
  })

  it('SM-09 distinguishes maps from counters, and names from parts of them', async () => {
    const name = freshName()
    const a = await openMap({}, name)
    const b = await openMap({}, `${name} `)
    a.set('key', 1)
    expect(b.has('key')).toBe(false)
  })

  it('SM-09 answers ERR_CLOSED after close, which may be repeated', async () => {
    const map = await SharedMap.open(freshName())
    const walk = map.entries()
    map.set('a', 1).set('b', 2)
    walk.next()
    map.close()
    map.close()
    map[Symbol.dispose]()
    const calls = [
      () => map.get('a'),
      () => map.has('a'),
      () => map.set('a', 1),
      () => map.delete('a'),
      () => map.ttl('a'),
      () => map.increment('a'),
      () => map.compareAndSet('a', 1, 2),
      () => map.getOrInsert('a', 1),
      () => map.clear(),
      () => map.size,
      () => map.stats(),
      () => [...map],
      () => [...map.keys()],
      () => map.forEach(() => {}),
    ]
    for (const call of calls) expect(await codeOf(call)).toBe('ERR_CLOSED')
  })
})
