import { describe, expect, it } from 'vitest'
import { openMap, TestWorker } from './shared-harness'

describe('walks over a shared map', () => {
  it('SM-09 give every entry once, in every form', async () => {
    const map = await openMap<unknown>()
    expect([...map]).toEqual([])
    const model = new Map<unknown, unknown>()
    for (let i = 0; i < 3000; i++) {
      const value = [i, `text ${i}`, { i }, undefined, null][i % 5]
      map.set(`key ${i}`, value)
      model.set(`key ${i}`, value)
    }
    expect([...map]).toHaveLength(3000)
    expect(new Map(map)).toEqual(model)
    expect(new Map(map.entries())).toEqual(model)
    expect(new Set(map.keys())).toEqual(new Set(model.keys()))
    expect([...map.values()]).toEqual([...map].map(([, value]) => value))
    const seen = new Map<unknown, unknown>()
    map.forEach((value, key, self) => {
      expect(self).toBe(map)
      seen.set(key, value)
    })
    expect(seen).toEqual(model)
  })

  it('SM-09 go on while this isolate changes the map under them', async () => {
    const map = await openMap<number>()
    for (let i = 0; i < 2000; i++) map.set(`stays ${i}`, i).set(`goes ${i}`, i)
    const seen = new Map<string, number>()
    let step = 0
    for (const [key] of map) {
      seen.set(key as string, (seen.get(key as string) ?? 0) + 1)
      map.delete(`goes ${step}`)
      map.set(`stays ${step % 2000}`, -1)
      for (let i = 0; i < 5; i++) map.set(`comes ${step} ${i}`, 1)
      if (++step > 5000) break
    }
    const often = [...seen.values()].filter((times) => times > 1)
    expect(often).toEqual([])
    if (step <= 5000) for (let i = 0; i < 2000; i++) expect(seen.get(`stays ${i}`)).toBe(1)
  })

  it('SM-09 give each entry that stays exactly once while others write', async () => {
    const map = await openMap<number>()
    for (let i = 0; i < 3000; i++) map.set(`stays ${i}`, i)
    const writers = [1, 2].map(
      (seed) =>
        new TestWorker(
          `const map = await heddle.SharedMap.open(data.name)
           say('ready')
           for (let i = 0; map.get('stop') !== true; i++) {
             const key = (i * 7919 + data.seed) % 20000
             map.set('comes ' + key, i)
             map.delete('comes ' + ((key + 10000) % 20000))
             map.set('stays ' + (i % 3000), i)
           }
           map.close()
           return 'done'`,
          { name: map.name, seed },
        ),
    )
    await Promise.all(writers.map((writer) => writer.next()))
    const wrong: string[] = []
    for (let round = 0; round < 30; round++) {
      const seen = new Set<string>()
      for (const [key] of map) {
        if (seen.has(key as string)) wrong.push(`${round}: twice ${key}`)
        seen.add(key as string)
      }
      for (let i = 0; i < 3000; i++) if (!seen.has(`stays ${i}`)) wrong.push(`${round}: missed ${i}`)
    }
    ;(map as unknown as typeof map & { set(key: string, value: unknown): void }).set('stop', true)
    expect(await Promise.all(writers.map((writer) => writer.next()))).toEqual(['done', 'done'])
    expect(wrong).toEqual([])
  })

  it('SM-09 may be left, and may stand side by side', async () => {
    const map = await openMap<number>()
    for (let i = 0; i < 1000; i++) map.set(`key ${i}`, i)
    for (let round = 0; round < 50; round++) for (const _ of map) break
    const pairs = [map.keys(), map.keys(), map.keys()]
    const found = pairs.map((walk) => [walk.next().value])
    for (let i = 1; i < 1000; i++) pairs.forEach((walk, at) => void found[at]!.push(walk.next().value))
    expect(pairs.map((walk) => walk.next().done)).toEqual([true, true, true])
    for (const keys of found) expect(new Set(keys).size).toBe(1000)
  })
})
