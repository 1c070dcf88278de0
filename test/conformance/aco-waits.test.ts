import { describe, expect, it } from 'vitest'
import { aco, type Coroutine, type ResumeReport, WaitPoint } from '../../lib/aco'
import type { Eventer } from '../../lib/eventer'
import { codeOf, failure, failureCode, withAco } from './aco-harness'

const timeoutsOf = (eventer: Eventer) => [...eventer.timeouts()].length

describe('between two waits', () => {
  it('AC-07 A-AC-25 nothing else of the loop runs', () =>
    withAco(async ({ eventer }) => {
      let shared = 0
      let ticks = 0
      const tick = () => {
        ticks++
        eventer.setTimeout(tick, 0)
      }
      tick()
      const body = async (co: Coroutine) => {
        for (let turn = 0; turn < 50; turn++) {
          const before = [shared++, ticks]
          const after = [shared++, ticks]
          expect(after).toEqual([(before[0] as number) + 1, before[1]])
          await co.sleep(0)
        }
      }
      await Promise.all([aco.start(body).done, aco.start(body).done])
      expect(shared).toBe(200)
      expect(ticks).toBeGreaterThan(1)
      for (const { id } of eventer.timeouts()) eventer.clearTimeout(id)
    }))

  it('AC-07 A-AC-25 assertNoYield catches a hidden await', () =>
    withAco(async () => {
      const co = aco.start(async (self) => {
        expect(aco.assertNoYield(() => 42)).toBe(42)
        expect(codeOf(() => aco.assertNoYield(async () => 42))).toBe('ERR_ACO_YIELD')
        expect(codeOf(() => aco.assertNoYield(() => self.sleep(0)))).toBe('ERR_ACO_YIELD')
        let hidden: Promise<unknown> | undefined
        aco.assertNoYield(() => {
          hidden = self.sleep(0)
        })
        expect(await failureCode(hidden as Promise<unknown>)).toBe('ERR_ACO_YIELD')
        expect(
          codeOf(() =>
            aco.assertNoYield(async () => {
              throw new Error('swallowed')
            }),
          ),
        ).toBe('ERR_ACO_YIELD')
        const thrown = new Error('mine')
        expect(
          await failure(
            new Promise(() =>
              aco.assertNoYield(() => {
                throw thrown
              }),
            ),
          ),
        ).toBe(thrown)
        expect(codeOf(() => aco.assertNoYield(5 as never))).toBe('ERR_INVALID_ARGUMENT')
        await self.sleep(0)
        return 'waits again'
      })
      expect(await co.done).toBe('waits again')
      expect(aco.assertNoYield(() => 'outside')).toBe('outside')
      expect(codeOf(() => aco.assertNoYield(async () => {}))).toBe('ERR_ACO_YIELD')
    }))
})

describe('parking', () => {
  it('AC-31 hands values over', () =>
    withAco(async () => {
      const co = aco.start(async (self) => [
        await self.park<number>(),
        await self.park<string>(),
        await self.park(),
      ])
      expect(co.state).toBe('park')
      const got: unknown[] = []
      for (const value of [1, 'two', { three: 3 }]) {
        got.push(aco.unpark(co, value))
        await new Promise(setImmediate)
      }
      expect(got).toEqual([true, true, true])
      expect(await co.done).toEqual([1, 'two', { three: 3 }])
      expect(aco.unpark(co, 'late')).toBe(false)
    }))

  it('AC-31 a value that comes first is kept, one of them', () =>
    withAco(async () => {
      const co = aco.start(async (self) => {
        await self.sleep(1)
        const first = await self.park()
        return [first, await failureCode(self.park({ timeout: 0 }))]
      })
      expect([aco.unpark(co, 'first'), aco.unpark(co, 'second')]).toEqual([true, false])
      expect(await co.done).toEqual(['first', 'ETIME'])
      expect(codeOf(() => aco.unpark({} as never))).toBe('ERR_INVALID_ARGUMENT')
    }))

  it('AC-31 two coroutines play to each other', () =>
    withAco(async () => {
      const first = aco.start(async (self) => {
        let value = await self.park<number>()
        while (value < 100) {
          aco.unpark(second, value + 1)
          value = await self.park<number>()
        }
        return value
      })
      const second = aco.start(async (self) => {
        let value = 0
        while (value < 99) {
          aco.unpark(first, value + 1)
          value = await self.park<number>()
        }
        aco.unpark(first, 100)
        return value
      })
      expect([await first.done, await second.done]).toEqual([100, 100])
    }))
})

describe('limits of waits', () => {
  it('AC-09 a time-out is never early, and the place can be used again', () =>
    withAco(async (bench) => {
      let isLast = false
      const co = aco.start(async (self) => {
        for (const timeout of [0, 1, 7, 20]) {
          const before = performance.now()
          const error = await failure(self.park({ timeout }))
          expect(error).toMatchObject({ code: 'ETIME', isTimeout: true, message: 'park timed out' })
          expect(performance.now() - before).toBeGreaterThanOrEqual(timeout)
        }
        isLast = true
        return self.park()
      })
      await bench.until(() => isLast)
      aco.unpark(co, 'at last')
      expect(await co.done).toBe('at last')
    }))

  it('AC-09 a limit that is none', () =>
    withAco(async () => {
      const co = aco.start(async (self) => {
        for (const timeout of [-1, Number.NaN, '5', null, {}]) {
          expect(await failureCode(self.park({ timeout: timeout as never }))).toBe('ERR_INVALID_ARGUMENT')
        }
        const parked = self.park({ timeout: Number.POSITIVE_INFINITY })
        aco.unpark(self, 'parked')
        return parked
      })
      expect(await co.done).toBe('parked')
    }))

  it('AC-09 costs one timeout of the loop, however many waits there are', () =>
    withAco(async ({ eventer }) => {
      const before = eventer.allocations().total
      const co = aco.start(async (self) => {
        for (let turn = 0; turn < 1000; turn++) {
          const parked = self.park<number>({ timeout: 60_000 + turn })
          aco.unpark(self, turn)
          expect(await parked).toBe(turn)
        }
        expect(timeoutsOf(eventer)).toBe(1)
        return eventer.allocations().total - before
      })
      expect(await co.done).toBe(1n)
      expect(timeoutsOf(eventer)).toBe(0)
    }))

  it('AC-09 one that becomes shorter or longer counts from its own wait', () =>
    withAco(async (bench) => {
      let isLast = false
      const co = aco.start(async (self) => {
        const quick = self.park({ timeout: 60_000 })
        aco.unpark(self)
        await quick
        expect(await failureCode(self.park({ timeout: 5 }))).toBe('ETIME')
        const armed = self.park({ timeout: 10 })
        aco.unpark(self)
        await armed
        const before = performance.now()
        expect(await failureCode(self.park({ timeout: 40 }))).toBe('ETIME')
        expect(performance.now() - before).toBeGreaterThanOrEqual(40)
        const unlimited = self.park({ timeout: 5 })
        aco.unpark(self)
        await unlimited
        isLast = true
        return self.park()
      })
      await bench.until(() => isLast)
      // The limit of the park before it wakes nobody.
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(co.state).toBe('park')
      aco.unpark(co, 'no limit any more')
      expect(await co.done).toBe('no limit any more')
    }))

  it('AC-09 a place that several coroutines use in turn keeps the limit of the one that waits', () =>
    withAco(async ({ eventer }) => {
      let dropped = 0
      const place = new WaitPoint<string>(() => dropped++)
      const begin = (timeout: number) => aco.start((self) => place.begin(self, 'read', timeout))
      const first = begin(60_000)
      expect([place.busy, place.state, first.state]).toEqual([true, 'read', 'read'])
      const refused = aco.start((self) => place.begin(self, 'read'))
      expect(await failureCode(refused.done)).toBe('EBUSY')
      place.resolve('one')
      place.resolve('nobody hears')
      place.reject(new Error('nor this'))
      const second = begin(5)
      expect(await first.done).toBe('one')
      expect(await failureCode(second.done)).toBe('ETIME')
      expect([dropped, timeoutsOf(eventer)]).toEqual([1, 0])
      const third = begin(60_000)
      place.reject(new Error('broken'))
      expect((await failure(third.done)).message).toBe('broken')
      expect([dropped, place.busy]).toEqual([1, false])
    }))
})

describe('several waits at once', () => {
  it('AC-33 of one coroutine do not disturb each other, and end with it', () =>
    withAco(async ({ eventer }) => {
      const co = aco.start(async (self) => {
        const winner = await Promise.race([self.sleep(1).then(() => 'sleep'), self.park({ timeout: 60_000 })])
        expect(self.state).toBe('park')
        return winner
      })
      expect(co.state).toBe('sleep')
      expect(await co.done).toBe('sleep')
      expect(timeoutsOf(eventer)).toBe(0)
      const both = aco.start(async (self) => {
        const waits = Promise.all([self.park(), self.sleep(0)])
        aco.unpark(self, 'value')
        return (await waits)[0]
      })
      expect(await both.done).toBe('value')
    }))
})

describe('watching', () => {
  it('AC-33 the list shows name, state, age and loop, oldest first', () =>
    withAco(
      async ({ eventer }) => {
        const owner = eventer.loops[1]
        const parked = aco.start((co) => co.park(), undefined, { name: 'parker', ...(owner && { owner }) })
        const sleeping = aco.start(async function dozer(co) {
          await co.sleep(60_000)
        })
        const list = aco.list()
        expect(list).toMatchObject([
          { name: 'parker', state: 'park', loop: 'default/1' },
          { name: 'dozer', state: 'sleep', loop: 'default/0' },
        ])
        expect(list.map(({ id }) => id)).toEqual([parked.id, sleeping.id])
        for (const { age } of list) expect(age).toBeGreaterThanOrEqual(0)
        aco.unpark(parked)
        await parked.done
        expect(aco.list()).toHaveLength(1)
        sleeping.done.catch(() => {})
        sleeping.stop(new Error('over'))
        await sleeping.done.catch(() => {})
      },
      { loops: 2 },
    ))

  it('AC-01 EV-11 events made in a coroutine belong to its loop', () =>
    withAco(
      async ({ eventer }) => {
        const owner = eventer.loops[1] as (typeof eventer.loops)[0]
        const co = aco.start(
          async (self) => {
            const places: unknown[] = []
            for (let turn = 0; turn < 2; turn++) {
              const timer = eventer.timerIn(1000, () => 0)
              places.push(timer.owner === owner, eventer.inLoop(), eventer.currentLoop() === owner)
              timer.free()
              places.push(aco.start((inner) => inner.loop).done)
              await self.sleep(0)
            }
            return Promise.all(places)
          },
          undefined,
          { owner },
        )
        expect(await co.done).toEqual([true, true, true, owner, true, true, true, owner])
        expect(eventer.inLoop()).toBe(false)
      },
      { loops: 2 },
    ))

  it('AC-05 AC-06 resumes are counted, and told to listeners and the log', () => {
    const lines: string[] = []
    return withAco(
      async ({ eventer }) => {
        const resumed: ResumeReport[] = []
        const listener = (report: ResumeReport) => resumed.push(report)
        const before = aco.stats()
        const body = async (self: Coroutine) => {
          await self.sleep(0)
          const parked = self.park()
          aco.unpark(self)
          await parked
        }
        aco.on('resume', listener)
        eventer.debugging = true
        const co = aco.start(body, undefined, { name: 'watched' })
        await co.done
        aco.off('resume', listener)
        eventer.debugging = false
        await aco.start(body).done
        expect(resumed).toEqual([
          { co, stackBytes: 0, large: false },
          { co, stackBytes: 0, large: false },
        ])
        expect(lines.filter((line) => line.startsWith('aco'))).toEqual([
          `aco resume watched #${co.id} after sleep`,
          `aco resume watched #${co.id} after park`,
        ])
        const after = aco.stats()
        expect(after.started - before.started).toBe(2)
        expect(after.switches - before.switches).toBe(4)
        expect(after.live).toBe(0)
        expect(codeOf(() => aco.on('other' as never, listener))).toBe('ERR_INVALID_ARGUMENT')
        expect(codeOf(() => aco.on('resume', 5 as never))).toBe('ERR_INVALID_ARGUMENT')
        expect(codeOf(() => aco.off('resume', 5 as never))).toBe('ERR_INVALID_ARGUMENT')
      },
      { log: (line) => lines.push(line) },
    )
  })

  it('AC-06 a listener that fails is reported and harms no coroutine', () =>
    withAco(async ({ eventer }) => {
      const reports: unknown[] = []
      eventer.on('error', (error) => reports.push(error))
      const error = new Error('listener')
      const listener = () => {
        throw error
      }
      aco.on('resume', listener)
      await aco.start((co) => co.sleep(0)).done
      aco.off('resume', listener)
      expect(reports).toEqual([error])
    }))
})

describe('classic events', () => {
  it('AC-27 RC-02 A-AC-26 made in a coroutine work as ever, and are not adopted', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      const trace: string[] = []
      const co = aco.start(async (self) => {
        const timer = eventer.addIn(0, () => {
          trace.push(`timer ${aco.isAco()}`)
          return 0
        })
        let passes = 0
        const recurrent = eventer.recurrent((event) => {
          if (++passes < 2) return event.mask
          trace.push('recurrent')
          return 0
        })
        eventer.addRecurrent(recurrent)
        expect(codeOf(() => aco.adopt(timer as never))).toBe('EINVAL')
        expect(codeOf(() => aco.adopt(recurrent as never))).toBe('ERR_NOT_SUPPORTED')
        expect(aco.isAco(timer)).toBe(false)
        await self.sleep(5)
        await bench.until(() => trace.length === 2)
      })
      await co.done
      expect(trace.sort()).toEqual(['recurrent', 'timer false'])
    }))

  it('AC-14 AC-27 misuse of adopt and release', () =>
    withAco(() => {
      expect(codeOf(() => aco.adopt({} as never))).toBe('ERR_NOT_IN_ACO')
      expect(codeOf(() => aco.adopt({} as never, {} as never))).toBe('ERR_INVALID_ARGUMENT')
      const ended = aco.start(() => {
        expect(codeOf(() => aco.adopt({} as never))).toBe('ERR_INVALID_ARGUMENT')
        expect(codeOf(() => aco.adopt(undefined as never))).toBe('ERR_INVALID_ARGUMENT')
      })
      expect(ended.state).toBe('ended')
      expect(codeOf(() => aco.release({} as never))).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => aco.release(null as never))).toBe('ERR_INVALID_ARGUMENT')
    }))
})
