import { describe, expect, it } from 'vitest'
import { capabilities, memtypes } from '../../lib'
import { codeOf, openCounter, openMap, TestWorker, until } from './shared-harness'

const isNative = capabilities().backend === 'native'

/** Live blocks of everything that shared structures have of the native core. */
const live = (): number => memtypes.report('shared').reduce((sum, row) => sum + row.live, 0)

describe('memory of shared structures', () => {
  it('SM-09 is back at its baseline after the last close, whoever stored and removed', async () => {
    if (!isNative) {
      // What the js backend has lies in shared memory of JavaScript, and in no memtype.
      expect(await codeOf(() => memtypes.report('shared'))).toBe('ERR_MEMTYPE_UNKNOWN')
      return
    }
    await openMap()
    const before = live()
    const map = await openMap<unknown>({ maxBytes: 2_000_000 })
    const counter = await openCounter()
    const crew = [1, 2].map(
      (seed) =>
        new TestWorker(
          `const map = await heddle.SharedMap.open(data.name, { maxBytes: 2000000 })
           const counter = await heddle.SharedCounter.open(data.counter)
           for (let i = 0; i < 20000; i++) {
             map.set('key ' + (i * data.seed) % 5000, 'v'.repeat(i % 500))
             map.delete('key ' + (i * 31) % 5000)
             counter.add()
           }
           say('stored')
           for (;;) map.set('key ' + Math.random(), { some: ['clone'] })`,
          { name: map.name, counter: counter.name, seed },
        ),
    )
    await Promise.all(crew.map((worker) => worker.next()))
    expect(live()).toBeGreaterThan(before)
    await Promise.all(crew.map((worker) => worker.terminate()))
    expect(counter.value).toBe(40_000)
    map.close()
    counter.close()
    await until(() => live() === before)
  })
})
