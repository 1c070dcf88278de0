import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { SharedMap, type SharedMapOptions } from '../../lib'
import { openMap, TestWorker } from './shared-harness'

/** Two holds of one map, each of which remembers for itself. */
const open: SharedMap[] = []

async function pair(name: string, options: SharedMapOptions = {}): Promise<[SharedMap, SharedMap]> {
  const a = await SharedMap.open(name, options)
  const b = await SharedMap.open(name, options)
  open.push(a, b)
  return [a, b]
}

afterEach(() => {
  for (const map of open.splice(0)) map.close()
})

describe('what an isolate remembers of a shared map (SM-09)', () => {
  it('is given up when another hold changes the entry, whatever the change', async () => {
    const [a, b] = await pair('remembered-changes')
    const seen = (): unknown[] => [b.get('k'), b.get('k')]
    expect(seen()).toEqual([undefined, undefined])
    a.set('k', 1)
    expect(seen()).toEqual([1, 1])
    a.set('k', 'text')
    expect(seen()).toEqual(['text', 'text'])
    a.set('k', null)
    expect(seen()).toEqual([null, null])
    expect(a.compareAndSet('k', null, 5)).toBe(true)
    expect(seen()).toEqual([5, 5])
    a.increment('k', 2)
    expect(seen()).toEqual([7, 7])
    a.set('k', { deep: [1] })
    expect(seen()).toEqual([{ deep: [1] }, { deep: [1] }])
    a.set('k', 8)
    expect(seen()).toEqual([8, 8])
    a.delete('k')
    expect(seen()).toEqual([undefined, undefined])
    a.set('k', true)
    expect(seen()).toEqual([true, true])
    a.clear()
    expect(seen()).toEqual([undefined, undefined])
  })

  it('does not hide what getOrInsert finds missing or stored undefined', async () => {
    const [a, b] = await pair('remembered-insert')
    expect(b.get('k')).toBeUndefined()
    expect(b.getOrInsert('k', 1)).toBe(1)
    a.set('u', undefined)
    expect(b.get('u')).toBeUndefined()
    expect(b.get('u')).toBeUndefined()
    expect(b.getOrInsert('u', 2)).toBeUndefined()
    a.delete('u')
    expect(b.getOrInsert('u', 3)).toBe(3)
  })

  it('is never an entry that expires', async () => {
    const [a, b] = await pair('remembered-ttl', { ttl: 20 })
    a.set('k', 1)
    while (b.get('k') === 1) await sleep(5)
    expect(b.get('k')).toBeUndefined()
  })

  it('is never bytes or a clone, which belong to whoever reads them', async () => {
    const [, b] = await pair('remembered-bytes')
    b.set('bytes', new Uint8Array([1, 2]))
    b.set('object', { n: 1 })
    ;(b.get('bytes') as Uint8Array)[0] = 9
    ;(b.get('object') as { n: number }).n = 9
    expect(b.get('bytes')).toEqual(new Uint8Array([1, 2]))
    expect(b.get('object')).toEqual({ n: 1 })
  })

  it.each([0, 1, 7, 16_384])('agrees with the map with room for %i keys', async (remember) => {
    const [a, b] = await pair('remembered-room', { remember })
    const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`)
    let n = 0
    for (let round = 0; round < 200; round++) {
      const changed = keys[(round * 37) % 100] as string
      a.set(changed, ++n)
      for (const key of keys) expect(b.get(key)).toBe(a.get(key))
    }
  })

  it('stays right where keys hardly ever come again and remembering is given up', async () => {
    const [a, b] = await pair('remembered-once', { remember: 16 })
    const keys = Array.from({ length: 20_000 }, (_, i) => `key ${i}`)
    for (const [i, key] of keys.entries()) a.set(key, i)
    for (let round = 0; round < 3; round++) {
      for (const [i, key] of keys.entries()) if (b.get(key) !== i + round) expect(b.get(key)).toBe(i + round)
      for (const key of keys) a.increment(key)
    }
    expect(b.size).toBe(keys.length)
  })

  it('keeps hot entries in a map with a budget, though they are answered without a look-up', async () => {
    const [a, b] = await pair('remembered-budget', { maxBytes: 65_536 })
    a.set('hot', 1)
    a.set('cold', 1)
    for (let i = 0; i < 20_000; i++) {
      a.set(`filler ${i}`, i)
      expect(b.get('hot')).toBe(1)
    }
    expect(b.get('cold')).toBeUndefined()
    expect(b.stats().bytes).toBeLessThanOrEqual(65_536)
  })

  it('is asked anew each time, also by a loop that does nothing else', async () => {
    const map = await openMap()
    map.set('flag', 0)
    const worker = new TestWorker(
      `const map = await heddle.SharedMap.open(data)
      for (let i = 0; i < 1e6; i++) map.get('flag')
      say('spinning')
      while (map.get('flag') !== 1);
      return 'seen'`,
      map.name,
    )
    expect(await worker.next()).toBe('spinning')
    map.set('flag', 1)
    expect(await worker.next()).toBe('seen')
  })

  it('goes with the hold', async () => {
    const [a, b] = await pair('remembered-close')
    a.set('k', 1)
    expect(b.get('k')).toBe(1)
    b.close()
    expect(() => b.get('k')).toThrowError(expect.objectContaining({ code: 'ERR_CLOSED' }))
    expect(a.get('k')).toBe(1)
  })
})
