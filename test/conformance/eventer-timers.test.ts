import { describe, expect, it } from 'vitest'
import { Mask, type TimedEvent, compareWhence } from '../../lib/eventer'
import { codeOf, withEventer } from './eventer-harness'

/** For how long other work on the machine may hold the process up. */
const STANDSTILL_MS = 400

const never = () => {
  throw new Error('this callback must not run')
}

describe('timers', () => {
  it('TM-01 are made from a delay or a point in time, and wait to be added', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const before = eventer.now()
      const made: TimedEvent[] = [
        eventer.timerIn(0, never),
        eventer.timerIn(1500.25, never),
        eventer.timerIn(-1000, never),
        eventer.timerIn(50 * 365 * 86_400_000, never),
        eventer.timerAt(new Date(5000), never),
        eventer.timerAt({ sec: 12, usec: 345_678 }, never),
        eventer.timerAt(before + 0.25, never),
      ]
      const after = eventer.now()
      expect(made.every((event) => !event.isScheduled && event.mask === Mask.TIMER)).toBe(true)
      const whence = made.map((event) => event.whence)
      expect((whence[1] as number) - before).toBeGreaterThanOrEqual(1500.25)
      expect((whence[1] as number) - after).toBeLessThanOrEqual(1500.25)
      expect(whence[2]).toBeLessThan(before)
      expect([whence[4], whence[6]]).toEqual([5000, before + 0.25])
      expect(whence[5]).toBeCloseTo(12_345.678, 3)
      expect(codeOf(() => eventer.timerIn(Number.NaN, never))).toBe('EINVAL')
      for (const event of made) event.free()

      const order: string[] = []
      const far = eventer.addIn(50 * 365 * 86_400_000, never)
      const never2 = eventer.addIn(Number.POSITIVE_INFINITY, never)
      eventer.addIn(0, () => void order.push('zero'))
      eventer.addIn(-5000, () => void order.push('negative'))
      await bench.until(() => order.length === 2)
      expect(order).toEqual(['negative', 'zero'])
      far[Symbol.dispose]()
      never2[Symbol.dispose]()
    }))

  it('TM-02 fire once; non-zero adds them again at the whence they then have', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const masks: number[] = []
      const once = eventer.addIn(1, (_e, mask) => {
        masks.push(mask)
        return 0
      })
      await bench.until(() => once.isFreed)
      expect(masks).toEqual([Mask.TIMER])

      const times: number[] = []
      const again = eventer.addIn(1, (e, _mask, _closure, now) => {
        times.push(now)
        expect(now).toBeGreaterThanOrEqual(e.whence)
        e.whence = now + 5
        return times.length < 4 ? 1 : 0
      })
      await bench.until(() => again.isFreed)
      expect(times).toHaveLength(4)
      for (let n = 1; n < 4; n++)
        expect((times[n] as number) - (times[n - 1] as number)).toBeGreaterThanOrEqual(5)
    }))

  it('TM-02 A-TM-3 repeat by making a new one each time', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const events = new Set<TimedEvent>()
      const [runs, periodMs] = [10, 50]
      const start = eventer.now()
      let end = 0
      let latency = 0
      let making = 0
      const tick = (event: TimedEvent<unknown>, _mask: number, left: unknown): number => {
        events.add(event)
        end = eventer.now()
        latency = Math.max(latency, end - event.whence)
        if ((left as number) > 1) eventer.addIn(periodMs, tick, (left as number) - 1)
        making += eventer.now() - end
        return 0
      }
      eventer.addIn(periodMs, tick, runs)
      await bench.until(() => events.size === runs)
      expect(end - start).toBeGreaterThanOrEqual(runs * periodMs)
      // Making the next timer takes a moment as well, in which a busy machine may turn to others.
      const allowed = runs * (latency + 1) + making + STANDSTILL_MS
      expect(end - start - runs * periodMs).toBeLessThanOrEqual(allowed)
    }))

  it('TM-03 A-TM-1 are never early, and run in the order of whence, then of insertion', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const count = 10_000
      const start = eventer.now()
      const fired: { whence: number; insertion: number }[] = []
      const insertions = new Map<number, number>()
      let early = 0
      for (let insertion = 0; insertion < count; insertion++) {
        const whence = start + Math.floor(Math.random() * 4000) * 0.5
        eventer.addAt(
          whence,
          (e, _mask, order, now) => {
            if (now < e.whence || eventer.now() < e.whence) early++
            fired.push({ whence: e.whence, insertion: order })
          },
          insertion,
        )
        insertions.set(insertion, whence)
      }
      await bench.until(() => fired.length === count, 'ten thousand timers')
      expect(early).toBe(0)
      const sorted = [...fired].sort((a, b) => a.whence - b.whence || a.insertion - b.insertion)
      expect(fired).toEqual(sorted)
    }))

  it('TM-03 compare by whence', () =>
    withEventer({}, ({ eventer }) => {
      using late = eventer.timerAt(2000, never)
      using early = eventer.timerAt(1000, never)
      using same = eventer.timerAt(1000, never)
      expect([late, early].sort(compareWhence)).toEqual([early, late])
      expect(compareWhence(early, same)).toBe(0)
    }))

  it('TM-04 at the next opportunity run in the next pass and end the wait for it', () =>
    withEventer({ loops: 2, maxSleepMs: 60_000, watchdogTimeoutMs: 3_600_000 }, async (bench) => {
      const { eventer } = bench
      await bench.passes(2)
      const second = eventer.chooseOwner(1)
      let loop: unknown
      const event = eventer.nextOpportunity(
        () => {
          loop = eventer.currentLoop()
        },
        undefined,
        second,
      )
      expect([event.whence, event.owner]).toEqual([0, second])
      await bench.until(() => loop !== undefined)
      expect(loop).toBe(second)
    }))

  it('TM-05 are moved by updateWhence, earlier and later', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const order: string[] = []
      const soon = eventer.addIn(60_000, () => void order.push('soon'))
      const late = eventer.addIn(1, () => void order.push('late'))
      const idle = eventer.timerIn(60_000, never)
      expect(eventer.updateWhence(soon, eventer.now() + 5)).toBe(true)
      expect(eventer.updateWhence(late, eventer.now() + 25)).toBe(true)
      expect(eventer.updateWhence(idle, 4000)).toBe(false)
      expect(idle.whence).toBe(4000)
      idle.free()
      await bench.until(() => order.length === 2)
      expect(order).toEqual(['soon', 'late'])

      let runs = 0
      const self = eventer.addIn(0, (e, _mask, _closure, now) => {
        runs++
        expect(eventer.updateWhence(e, now + 3)).toBe(false)
        return runs < 2 ? Mask.TIMER : 0
      })
      await bench.until(() => self.isFreed)
      expect(runs).toBe(2)
    }))

  it('TM-05 moved away in the pass in which they are due, do not fire in it', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const fired: string[] = []
      eventer.addAt(1000, () => {
        fired.push('first')
        eventer.updateWhence(second, eventer.now() + 20)
        eventer.remove(third)
      })
      const second = eventer.addAt(1001, (e, _mask, _closure, now) => {
        expect(now).toBeGreaterThanOrEqual(e.whence)
        fired.push('second')
      })
      const third = eventer.addAt(1002, never)
      await bench.until(() => fired.length === 2)
      expect(fired).toEqual(['first', 'second'])
      third.free()
    }))

  it('TM-07 removeTimed gives the timer back, or nothing', () =>
    withEventer({}, ({ eventer }) => {
      const timer = eventer.addIn(60_000, never)
      expect(eventer.removeTimed(timer)).toBe(timer)
      expect(eventer.removeTimed(timer)).toBeUndefined()
      timer.free()
    }))

  it('TM-08 A-TM-7 do not starve descriptors: so many a pass', () =>
    withEventer({ maxTimedEventsPerIteration: 1024 }, async (bench) => {
      const { eventer } = bench
      const [a, b] = bench.pair()
      bench.write(b, 'x')
      let timers = 0
      let timersBefore = -1
      for (let n = 0; n < 50_000; n++) eventer.addAt(n, () => void timers++)
      eventer.add(
        eventer.fdEvent(a, Mask.READ, () => {
          timersBefore = timers
        }),
      )
      await bench.until(() => timers === 50_000)
      expect(timersBefore).toBeGreaterThanOrEqual(0)
      expect(timersBefore).toBeLessThanOrEqual(2 * 1024)
    }))

  it('TM-10 are awaited as sleep, which an abort ends without a trace', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      eventer.start()
      const before = eventer.now()
      await eventer.sleep(20)
      expect(eventer.now() - before).toBeGreaterThanOrEqual(20)

      const controller = new AbortController()
      const reason = new Error('enough')
      const sleeping = eventer.sleep(60_000, { signal: controller.signal })
      setTimeout(() => controller.abort(reason), 5)
      await expect(sleeping).rejects.toBe(reason)
      expect(eventer.allocations().current).toBe(0)
      await expect(eventer.sleep(1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    }))

  it('are cancelled in any number, and their slots are used again without mistake', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      let fired = 0
      let expected = 0
      const trigger = eventer.addAt(0, () => {
        // Many lives of few slots within one batch of records.
        for (let n = 0; n < 3000; n++) eventer.addIn(60_000, never)[Symbol.dispose]()
      })
      for (let n = 0; n < 500; n++) {
        const keep = n % 3 === 0
        const timer = eventer.addAt(n + 1, keep ? () => void fired++ : never)
        if (keep) expected++
        else timer[Symbol.dispose]()
      }
      await bench.until(() => fired === expected)
      expect(trigger.isFreed).toBe(true)
      await bench.passes(3)
      expect(fired).toBe(expected)
    }))
})
