import { describe, expect, it } from 'vitest'
import { SharedCounter } from '../../lib'
import { codeOf, freshName, inWorker, openCounter, openMap, TestWorker, until } from './shared-harness'

describe('a shared counter', () => {
  it('SM-09 adds, and tells the sum and its own part', async () => {
    const counter = await openCounter()
    expect([counter.value, counter.local]).toEqual([0, 0])
    counter.add()
    counter.add(4)
    counter.add(-2)
    counter.add(0.5)
    expect([counter.value, counter.local]).toEqual([3.5, 3.5])
    const other = await openCounter(counter.name)
    other.add(10)
    expect([counter.value, counter.local, other.value, other.local]).toEqual([13.5, 3.5, 13.5, 10])
  })

  it('SM-09 keeps what holds have added that are closed', async () => {
    const counter = await openCounter()
    for (let i = 1; i <= 20; i++) {
      const hold = await openCounter(counter.name)
      expect(hold.local).toBe(0)
      hold.add(i)
      expect(hold.local).toBe(i)
      hold.close()
    }
    expect([counter.value, counter.local]).toEqual([210, 0])
  })

  it('SM-09 counts in four threads without losing one', async () => {
    const counter = await openCounter()
    const locals = await Promise.all(
      [1, 2, 3, 4].map(() =>
        inWorker(
          `const counter = await heddle.SharedCounter.open(data)
           let back = 0, last = 0
           for (let i = 0; i < 200000; i++) {
             counter.add()
             if (i % 1000 === 0) { const sum = counter.value; if (sum < last) back++; last = sum }
           }
           return [counter.local, back]`,
          counter.name,
        ),
      ),
    )
    expect(locals).toEqual([1, 2, 3, 4].map(() => [200_000, 0]))
    await until(() => counter.value === 800_000)
  })

  it('SM-09 keeps what a terminated worker has added', async () => {
    const counter = await openCounter()
    let told = 0
    for (let round = 0; round < 5; round++) {
      const worker = new TestWorker(
        `const counter = await heddle.SharedCounter.open(data)
         counter.add(1000)
         say('added')
         for (;;) counter.add(2)`,
        counter.name,
      )
      await worker.next()
      told += 1000
      await worker.terminate()
      expect(counter.value).toBeGreaterThanOrEqual(told)
      const after = counter.value
      expect(counter.value).toBe(after)
      told = after
    }
  })

  it('SM-09 is new after the last close, and no map of that name', async () => {
    const name = freshName()
    const counter = await openCounter(name)
    const map = await openMap({}, name)
    counter.add(5)
    expect(map.size).toBe(0)
    counter.close()
    const again = await openCounter(name)
    expect(again.value).toBe(0)
  })

  it('SM-09 checks its arguments and its life', async () => {
    for (const name of ['', undefined, 5]) {
      expect(await codeOf(() => SharedCounter.open(name as never))).toBe('ERR_INVALID_ARGUMENT')
    }
    const counter = await openCounter()
    for (const n of ['1', null, 1n]) {
      expect(await codeOf(() => counter.add(n as never))).toBe('ERR_INVALID_ARGUMENT')
    }
    counter.close()
    counter.close()
    counter[Symbol.dispose]()
    for (const call of [() => counter.add(), () => counter.value, () => counter.local]) {
      expect(await codeOf(call)).toBe('ERR_CLOSED')
    }
  })
})
