import { describe, expect, it } from 'vitest'
import { codeOf, openMap, until } from './shared-harness'

/** Long enough to be there for the whole test, on any machine. */
const LONG = 3_600_000

describe('time to live in a shared map', () => {
  it('SM-09 ends an entry, for every operation', async () => {
    const map = await openMap<unknown>()
    const keys = ['get', 'has', 'ttl', 'delete', 'increment', 'cas', 'insert', 'only', 'walk']
    for (const key of keys) map.set(key, 5, { ttl: 20 })
    map.set('stays', 1)
    // They may be over already, where the machine is busy.
    for (const key of keys.slice(0, 3)) expect(map.ttl(key) ?? 0).toBeLessThanOrEqual(20)
    await until(() => keys.every((key) => !map.has(key)))
    expect([map.get('get'), map.has('has'), map.ttl('ttl'), map.delete('delete')]).toEqual([
      undefined,
      false,
      undefined,
      false,
    ])
    expect(map.increment('increment')).toBe(1)
    expect(map.compareAndSet('cas', 5, 6)).toBe(false)
    expect(map.getOrInsert('insert', 7)).toBe(7)
    expect(map.compareAndSet('only', map.get('only'), 8)).toBe(false)
    expect(new Map(map)).toEqual(
      new Map<string, unknown>([
        ['stays', 1],
        ['increment', 1],
        ['insert', 7],
      ]),
    )
    expect(map.size).toBe(3)
    expect(map.stats().evictions).toBe(0)
  })

  it('SM-09 is told in milliseconds', async () => {
    const map = await openMap<number>()
    map
      .set('long', 1, { ttl: LONG })
      .set('ever', 1)
      .set('zero', 1, { ttl: 0 })
      .set('infinite', 1, { ttl: Infinity })
    const left = map.ttl('long') as number
    expect(left).toBeLessThanOrEqual(LONG)
    expect(left).toBeGreaterThan(LONG / 2)
    await until(() => (map.ttl('long') as number) < left)
    expect([map.ttl('ever'), map.ttl('zero'), map.ttl('infinite'), map.ttl('none')]).toEqual([
      Infinity,
      Infinity,
      Infinity,
      undefined,
    ])
  })

  it('SM-09 begins anew with a new value, and not with an increment', async () => {
    const map = await openMap<number>()
    map.set('set', 1, { ttl: LONG })
    map.set('set', 2)
    map.set('cas', 1, { ttl: LONG })
    map.compareAndSet('cas', 1, 2)
    map.set('limited', 1)
    map.compareAndSet('limited', 1, 2, { ttl: LONG })
    map.set('sum', 1, { ttl: LONG })
    const before = map.ttl('sum') as number
    await until(() => (map.ttl('sum') as number) < before - 1)
    expect(map.increment('sum')).toBe(2)
    expect(map.ttl('sum')).toBeLessThan(before)
    expect([map.ttl('set'), map.ttl('cas')]).toEqual([Infinity, Infinity])
    expect(map.ttl('limited')).toBeLessThanOrEqual(LONG)
  })

  it('SM-09 may be as short as can be, and is not for ever then', async () => {
    const map = await openMap<number>({ ttl: Number.MIN_VALUE })
    map.set('of the map', 1)
    map.set('of its own', 1, { ttl: Number.MIN_VALUE })
    await until(() => !map.has('of the map') && !map.has('of its own'))
    expect(map.size).toBe(0)
  })

  it('SM-09 may be given for all entries', async () => {
    const map = await openMap<number>({ ttl: LONG })
    map
      .set('default', 1)
      .set('own', 1, { ttl: LONG / 10 })
      .set('ever', 1, { ttl: 0 })
    map.increment('sum')
    map.getOrInsert('insert', 1)
    map.getOrInsert('inserted for ever', 1, { ttl: Infinity })
    for (const key of ['default', 'sum', 'insert']) {
      expect(map.ttl(key), key).toBeGreaterThan(LONG / 2)
      expect(map.ttl(key), key).toBeLessThanOrEqual(LONG)
    }
    expect(map.ttl('own')).toBeLessThanOrEqual(LONG / 10)
    expect([map.ttl('ever'), map.ttl('inserted for ever')]).toEqual([Infinity, Infinity])
  })

  it('SM-09 frees what nobody asks for, as others write', async () => {
    const map = await openMap<number>()
    for (let i = 0; i < 5000; i++) map.set(`short ${i}`, i, { ttl: 50 })
    let writes = 0
    await until(() => {
      // Writers sweep where they write, so they go everywhere.
      for (let i = 0; i < 2000; i++) map.set(`other ${writes++ % 2000}`, i)
      return map.stats().expirations === 5000
    })
    expect(map.size).toBe(2000)
    map.clear()
    expect(map.stats().bytes).toBe(0)
  })
})

describe('the budget of a shared map', () => {
  it('SM-09 is never exceeded', async () => {
    const maxBytes = 200_000
    const map = await openMap<string>({ maxBytes })
    let most = 0
    for (let i = 0; i < 20_000; i++) {
      map.set(`key ${i}`, 'v'.repeat((i * 7919) % 2000))
      if (i % 10 === 0) most = Math.max(most, map.stats().bytes)
    }
    const { entries, bytes, evictions } = map.stats()
    expect(Math.max(most, bytes)).toBeLessThanOrEqual(maxBytes)
    expect(bytes).toBeGreaterThan(maxBytes / 2)
    expect(entries + evictions).toBe(20_000)
    expect([...map]).toHaveLength(entries)
  })

  it('SM-09 keeps what is being written', async () => {
    const map = await openMap<unknown>({ maxBytes: 100_000 })
    for (let i = 0; i < 2000; i++) {
      const value = 'v'.repeat((i * 31) % 40_000)
      map.set(`key ${i}`, value)
      expect(map.get(`key ${i}`)).toBe(value)
    }
    map.set('count', 0)
    const filler = new Uint8Array(60_000)
    for (let i = 1; i <= 100; i++) {
      map.set('filler', filler)
      map.set('count', i)
      expect([map.increment('count'), map.compareAndSet('count', i + 1, i + 2)]).toEqual([i + 1, true])
    }
  })

  it('SM-09 lets go what was not read lately', async () => {
    const map = await openMap<Uint8Array>({ maxBytes: 200_000 })
    const value = new Uint8Array(500)
    for (let i = 0; i < 100; i++) map.set(`hot ${i}`, value)
    for (let i = 0; i < 5000; i++) {
      map.set(`cold ${i}`, value)
      for (let j = 0; j < 100; j++) map.get(`hot ${j}`)
    }
    const hot = Array.from({ length: 100 }, (_, i) => map.has(`hot ${i}`)).filter(Boolean)
    expect(hot).toHaveLength(100)
    expect(map.stats().evictions).toBeGreaterThan(4000)
  })

  it('SM-09 refuses what cannot fit alone, and changes nothing for it', async () => {
    const map = await openMap<unknown>({ maxBytes: 10_000 })
    map.set('key', 'before').set('other', 1)
    expect(await codeOf(() => map.set('key', new Uint8Array(10_000)))).toBe('ERR_VALUE_TOO_LARGE')
    expect(await codeOf(() => map.set('key', 'v'.repeat(20_000)))).toBe('ERR_VALUE_TOO_LARGE')
    expect(await codeOf(() => map.compareAndSet('key', 'before', new Uint8Array(10_000)))).toBe(
      'ERR_VALUE_TOO_LARGE',
    )
    expect(await codeOf(() => map.getOrInsert('new', new Uint8Array(1e6)))).toBe('ERR_VALUE_TOO_LARGE')
    expect([map.get('key'), map.get('other'), map.stats().evictions]).toEqual(['before', 1, 0])
  })

  it('SM-09 is one too if nothing fits, or more than there can ever be', async () => {
    const least = await openMap<number>({ maxBytes: 1 })
    expect(await codeOf(() => least.set('key', 1))).toBe('ERR_VALUE_TOO_LARGE')
    expect(await codeOf(() => least.increment('key'))).toBe('ERR_VALUE_TOO_LARGE')
    expect(least.stats()).toMatchObject({ entries: 0, bytes: 0, evictions: 0 })
    for (const maxBytes of [2 ** 35, 2 ** 36, Number.MAX_SAFE_INTEGER]) {
      const map = await openMap<number>({ maxBytes })
      for (let i = 0; i < 1000; i++) map.set(`key ${i}`, i)
      expect(map.stats()).toMatchObject({ entries: 1000, evictions: 0 })
      map.close()
    }
  })

  it('SM-09 above a gigabyte a value is refused without a budget too', async () => {
    const map = await openMap<Uint8Array>()
    let huge: Uint8Array
    try {
      huge = new Uint8Array(2 ** 30 + 1)
    } catch {
      return expect(map.size).toBe(0)
    }
    expect(await codeOf(() => map.set('key', huge))).toBe('ERR_VALUE_TOO_LARGE')
    expect(map.size).toBe(0)
  })
})
