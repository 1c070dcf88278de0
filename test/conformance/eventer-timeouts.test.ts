import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { CallbackError, Mask } from '../../lib/eventer'
import { codeOf, withEventer } from './eventer-harness'

const never = () => {
  throw new Error('this callback must not run')
}

describe('timeouts', () => {
  it('TM-01 TM-02 run once with their argument and the time of the pass, whatever they return', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const runs: unknown[] = []
      const start = eventer.now()
      eventer.setTimeout(
        (arg, now) => {
          runs.push([arg, now - start >= 5, now <= eventer.now()])
          return Mask.TIMER
        },
        5,
        'five',
      )
      eventer.setDeadline((arg) => runs.push(arg), new Date(start - 1000))
      await bench.until(() => runs.length === 2)
      await bench.passes(3)
      expect(runs).toEqual([undefined, ['five', true, true]])
      expect(codeOf(() => eventer.setTimeout(never, Number.NaN))).toBe('EINVAL')
      expect(codeOf(() => eventer.setTimeout(5 as never, 5))).toBe('EINVAL')
    }))

  it('TM-03 are never early, and run in one order with the timers', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const count = 10_000
      const start = eventer.now()
      const fired: number[] = []
      const wanted: { whence: number; insertion: number }[] = []
      let early = 0
      const run = (insertion: number, now: number) => {
        const { whence } = wanted[insertion] as { whence: number }
        if (now < whence || eventer.now() < whence) early++
        fired.push(insertion)
      }
      for (let insertion = 0; insertion < count; insertion++) {
        const whence = start + Math.floor(Math.random() * 1000) * 0.3
        wanted.push({ whence, insertion })
        if (insertion % 2 === 0) eventer.setDeadline(run, whence, insertion)
        else eventer.addAt(whence, (_e, _mask, order, now) => run(order, now), insertion)
      }
      await bench.until(() => fired.length === count, 'ten thousand timeouts and timers')
      expect(early).toBe(0)
      wanted.sort((a, b) => a.whence - b.whence || a.insertion - b.insertion)
      expect(fired).toEqual(wanted.map(({ insertion }) => insertion))
    }))

  it('TM-06 are cleared once, even when due already, and not once they have run', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const far = eventer.setTimeout(never, 60_000)
      expect([eventer.clearTimeout(far), eventer.clearTimeout(far)]).toEqual([true, false])

      const cleared: boolean[] = []
      let own = 0
      let ran = false
      eventer.setDeadline(() => cleared.push(eventer.clearTimeout(due), eventer.clearTimeout(own)), 1000)
      own = eventer.setDeadline(() => {
        ran = true
        cleared.push(eventer.clearTimeout(own))
      }, 500)
      const due = eventer.setDeadline(never, 1001)
      await bench.until(() => cleared.length === 3)
      expect([cleared, ran]).toEqual([[false, true, false], true])

      for (const wrong of [0, -1, 1, 2 ** 31, 2 ** 40, -(2 ** 40), 1.5, Number.NaN, undefined as never])
        expect(eventer.clearTimeout(wrong)).toBe(false)
      const event = eventer.addIn(60_000, never)
      expect(eventer.clearTimeout(event.eventRef.handle)).toBe(false)
      event[Symbol.dispose]()
    }))

  it('TM-06 EV-18 of every loop are known by their ids, and give back what they took', () =>
    withEventer({ loops: 3 }, async (bench) => {
      const { eventer } = bench
      const baseline = eventer.allocations().current
      const ids: number[] = []
      let from = 0
      for (const owner of eventer.loops) {
        eventer.nextOpportunity(
          () => {
            from++
            for (let n = 0; n < 500; n++) ids.push(eventer.setTimeout(never, 60_000, { n }))
          },
          undefined,
          owner,
        )
      }
      await bench.until(() => from === 3)
      expect(new Set(ids).size).toBe(1500)
      expect(eventer.allocations().current - baseline).toBe(1500)
      expect(ids.every((id) => eventer.clearTimeout(id))).toBe(true)
      expect(eventer.allocations().current).toBe(baseline)
      expect(ids.some((id) => eventer.clearTimeout(id))).toBe(false)
    }))

  it('TM-08 count among the timers of a pass', () =>
    withEventer({ maxTimedEventsPerIteration: 100 }, async (bench) => {
      const { eventer } = bench
      const perPass = new Map<number, number>()
      const loop = eventer.chooseOwner(0)
      let runs = 0
      for (let n = 0; n < 1000; n++)
        eventer.setDeadline(() => {
          runs++
          perPass.set(loop.passes, (perPass.get(loop.passes) ?? 0) + 1)
        }, n)
      await bench.until(() => runs === 1000)
      expect(Math.max(...perPass.values())).toBe(100)
    }))

  it('EV-14 report what their callbacks throw, and the others run', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const errors: unknown[] = []
      eventer.on('error', (error) => errors.push(error))
      function failing() {
        throw new Error('no such luck')
      }
      eventer.nameCallback('failing', failing)
      let after = false
      eventer.setDeadline(failing, 1)
      eventer.setDeadline(() => {
        after = true
      }, 2)
      await bench.until(() => after)
      expect(errors).toHaveLength(1)
      const error = errors[0] as CallbackError
      expect(error).toBeInstanceOf(CallbackError)
      expect([error.code, error.callbackName, error.mask, error.threadName]).toEqual([
        'ERR_CALLBACK',
        'failing',
        Mask.TIMER,
        'default/0',
      ])
      expect(error.event).toBe('timeout/failing/-/TIMER/default/0/-')
      expect([eventer.currentLoop(), eventer.inLoop()]).toEqual([undefined, false])
    }))

  it('EV-11 EV-12 run on their loop, with no event of their own', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const seen: unknown[] = []
      eventer.setTimeout(() => seen.push(eventer.currentLoop(), eventer.currentEvent(), eventer.inLoop()), 0)
      await bench.until(() => seen.length > 0)
      expect(seen).toEqual([eventer.chooseOwner(0), undefined, true])
    }))

  it('EV-16 keep the async context of their making', () =>
    withEventer({ asyncContext: true }, async (bench) => {
      const { eventer } = bench
      const storage = new AsyncLocalStorage<string>()
      const seen: unknown[] = []
      storage.run('made here', () => eventer.setTimeout(() => seen.push(storage.getStore()), 1))
      eventer.setTimeout(() => seen.push(storage.getStore()), 2)
      await bench.until(() => seen.length === 2)
      expect(seen).toEqual(['made here', undefined])
    }))

  it('EV-19 are logged when they are slow', () => {
    const lines: string[] = []
    return withEventer({ showLoopCallbacksThreshold: 0, log: (line) => lines.push(line) }, async (bench) => {
      const { eventer } = bench
      let ran = false
      function quick() {
        ran = true
        expect(eventer.callbackTime()).toBeLessThanOrEqual(eventer.now())
      }
      eventer.nameCallback('quick', quick)
      eventer.setTimeout(quick, 0)
      await bench.until(() => ran)
      expect(lines.some((line) => /^callback quick took [\d.]+ ms in timeout \(TIMER\)$/.test(line))).toBe(
        true,
      )
    })
  })

  it('EV-17 are listed with their id and time until they run', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const callback = () => {}
      const ids = [1000, 2000, 3000].map((ms) => eventer.setTimeout(callback, ms))
      const listed = [...eventer.timeouts()]
      expect(listed.map(({ id }) => id).sort()).toEqual([...ids].sort())
      expect(listed.every((timeout) => timeout.callback === callback)).toBe(true)
      const times = listed.map(({ whence }) => whence).sort((a, b) => a - b)
      expect((times[2] as number) - (times[0] as number)).toBeGreaterThanOrEqual(2000)
      for (const { id } of eventer.timeouts()) eventer.clearTimeout(id)
      expect([...eventer.timeouts()]).toEqual([])
      expect([...eventer.timedEvents()]).toEqual([])
    }))

  it('keep ids of timeouts long gone from clearing those that took their place', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const stale: number[] = []
      for (let n = 0; n < 255; n++) {
        const id = eventer.setTimeout(never, 60_000)
        stale.push(id)
        eventer.clearTimeout(id)
      }
      expect(new Set(stale).size).toBe(255)
      const kept = eventer.setTimeout(never, 60_000)
      expect(stale.filter((id) => id !== kept).some((id) => eventer.clearTimeout(id))).toBe(false)
      expect(eventer.clearTimeout(kept)).toBe(true)
      await bench.passes(1)
    }))
})
