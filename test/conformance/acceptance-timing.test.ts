import { describe, expect, it } from 'vitest'
import { Mask } from '../../lib/eventer'
import { withEventer } from './eventer-harness'

/** Real time on a machine that others use: what a plain timer of Node manages meanwhile is the measure. */
function ticksOfNode(everyMs: number): { count: () => number; stop: () => void } {
  let count = 0
  let timer: NodeJS.Timeout
  const tick = () => {
    count++
    timer = setTimeout(tick, everyMs)
  }
  timer = setTimeout(tick, everyMs)
  return { count: () => count, stop: () => clearTimeout(timer) }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('loops in real time', () => {
  it.each([
    { watchdogTimeoutMs: 5000, everyMs: 200, least: 9 },
    { watchdogTimeoutMs: 1000, everyMs: 50, least: 35 },
  ])('EV-06 RC-01 A-EV-8 an idle loop passes every $everyMs ms', ({ watchdogTimeoutMs, everyMs, least }) =>
    withEventer({ watchdogTimeoutMs }, async ({ eventer }) => {
      let runs = 0
      const recurrent = eventer.recurrent(() => {
        runs++
        return Mask.RECURRENT
      })
      eventer.add(recurrent)
      eventer.start()
      const node = ticksOfNode(everyMs)
      await pause(2000)
      node.stop()
      expect(runs).toBeGreaterThanOrEqual(Math.min(least, node.count() - 2))
      recurrent[Symbol.dispose]()
    }),
  )

  it('EV-04 A-EV-7 a periodic timer keeps its phase over loopReturn', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const period = 20
      const first = eventer.now() + period
      const fired: number[] = []
      const periodic = eventer.addAt(first, (e) => {
        fired.push(e.whence)
        e.whence += period
        if (fired.length === 3) eventer.loopReturn()
        return Mask.TIMER
      })
      await eventer.run()
      await pause(3 * period)
      expect(fired).toHaveLength(3)
      await bench.until(() => fired.length >= 8)
      periodic[Symbol.dispose]()
      expect(fired).toEqual(fired.map((_, n) => first + n * period))
    }))

  it('EV-07 TM-09 A-EV-9 a timer added to another, idle loop does not wait for its pass', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const [one, two] = [eventer.chooseOwner(0), eventer.chooseOwner(1)]
      const rounds = 100
      const excess: number[] = []
      eventer.start()
      for (let n = 0; n < rounds; n++) {
        const delays = await new Promise<{ heddle: number; node: number }>((resolve) => {
          let heddle = 0
          let node = 0
          const adder = eventer.timerIn(0, () => {
            const start = performance.now()
            const done = () => heddle > 0 && node > 0 && resolve({ heddle, node })
            const timer = eventer.timerIn(1, () => {
              expect(eventer.currentLoop()).toBe(two)
              heddle = performance.now() - start
              done()
            })
            two.add(timer)
            setTimeout(() => {
              node = performance.now() - start
              done()
            }, 1)
          })
          one.add(adder)
        })
        excess.push(delays.heddle - delays.node)
      }
      // A loop that was not woken would sleep out its 200 ms, a quarter of them by chance no longer than this.
      const prompt = excess.filter((ms) => ms <= 50)
      expect(prompt.length).toBeGreaterThanOrEqual(0.9 * rounds)
    }))
})
