import { describe, expect, it } from 'vitest'
import { Mask, type RecurrentEvent } from '../../lib/eventer'
import { codeOf, withEventer } from './eventer-harness'

describe('recurrent events', () => {
  it('RC-01 run once in every pass of their loop, until they return 0', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const loop = eventer.chooseOwner(0)
      const passes: number[] = []
      const event = eventer.recurrent((_e, mask, closure, now) => {
        expect([mask, closure, now]).toEqual([Mask.RECURRENT, 'closure', loop.now])
        passes.push(loop.passes)
        return passes.length < 10 ? Mask.RECURRENT : 0
      }, 'closure')
      expect(event.isScheduled).toBe(false)
      eventer.addRecurrent(event)
      await bench.until(() => {
        loop.wakeup()
        return event.isFreed
      })
      expect(new Set(passes).size).toBe(10)
      expect((passes[9] as number) - (passes[0] as number)).toBe(9)
      await bench.passes(3)
      expect(passes).toHaveLength(10)
    }))

  it('RC-01 do not keep the loop from sleeping', () =>
    withEventer({ maxSleepMs: 50 }, async (bench) => {
      const { eventer } = bench
      let runs = 0
      const event = eventer.recurrent(() => {
        runs++
        return Mask.RECURRENT
      })
      eventer.add(event)
      const start = performance.now()
      eventer.start()
      await new Promise((resolve) => setTimeout(resolve, 500))
      await bench.until(() => runs >= 3)
      // Whatever the machine made of the half second: twice what the time since allows, and a few at the start.
      expect(runs).toBeLessThanOrEqual(5 + (2 * (performance.now() - start)) / 50)
      event[Symbol.dispose]()
    }))

  it('RC-04 remove themselves or others, which do not run any more in that pass', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const runs = [0, 0, 0, 0]
      const events: RecurrentEvent[] = []
      const add = (n: number, body: (e: RecurrentEvent) => void) => {
        const event = eventer.recurrent((e) => {
          runs[n] = (runs[n] as number) + 1
          body(e)
          return Mask.RECURRENT
        })
        events.push(event)
        eventer.add(event)
      }
      add(0, () => {
        if (runs[0] === 3) expect(eventer.removeRecurrent(events[1] as RecurrentEvent)).toBe(events[1])
      })
      add(1, () => {})
      add(2, (e) => {
        if (runs[2] === 2) eventer.removeRecurrent(e)
      })
      add(3, () => {})
      await bench.until(() => {
        eventer.chooseOwner(0).wakeup()
        return (runs[3] as number) >= 6
      })
      expect(runs[1]).toBe(2)
      // Non-zero after removing itself puts it back: the return value has the last word.
      expect(runs[2]).toBeGreaterThanOrEqual(5)
      expect(eventer.removeRecurrent(events[1] as RecurrentEvent)).toBeUndefined()
      events[1]?.free()
      for (const event of events) event[Symbol.dispose]()
    }))

  it('RC-03 functions are registered by name before the start, and replaced under the same', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const seen: string[] = []
      const { scheduler } = eventer
      scheduler.register('a', () => seen.push('old a'))
      scheduler.register('b', () => seen.push('b'))
      scheduler.register('a', () => seen.push('a'))
      await bench.passes(3)
      expect(new Set(seen)).toEqual(new Set(['a', 'b']))
      expect(codeOf(() => scheduler.register('c', () => {}))).toBe('ERR_TOO_LATE')
      expect(scheduler.unregister('a')).toBe(true)
      expect(scheduler.unregister('b')).toBe(true)
      expect(scheduler.unregister('c')).toBe(false)
    }))
})
