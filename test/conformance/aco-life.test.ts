import { threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { aco, type Coroutine } from '../../lib/aco'
import { Eventer } from '../../lib/eventer'
import { backend, codeOf, failure, failureCode, withAco } from './aco-harness'

describe('starting', () => {
  it('AC-01 A-AC-1 runs at once until the first wait, before start returns', () =>
    withAco(async () => {
      const trace: string[] = ['before']
      const co = aco.start(async (self) => {
        trace.push(`inside ${self.arg}`)
        await self.sleep(0)
        trace.push('resumed')
      }, 'first')
      trace.push('after')
      await co.done
      expect(trace).toEqual(['before', 'inside first', 'after', 'resumed'])
    }))

  it('AC-01 A-AC-1 needs an eventer', async () => {
    expect(codeOf(() => aco.start(async () => {}))).toBe('ERR_NOT_INIT')
    const eventer = await Eventer.init({ backend })
    await eventer[Symbol.asyncDispose]()
    expect(codeOf(() => aco.start(async () => {}))).toBe('ERR_NOT_INIT')
    expect(codeOf(() => aco.list())).toBe('ERR_NOT_INIT')
    expect(codeOf(() => aco.stats())).toBe('ERR_NOT_INIT')
  })

  it('AC-03 AC-25 A-AC-2 argument and identity are known inside, also behind foreign awaits', () =>
    withAco(async ({ eventer }) => {
      expect(codeOf(() => aco.arg())).toBe('ERR_NOT_IN_ACO')
      expect(aco.isAco()).toBe(false)
      const arg = { some: 'thing' }
      let fromTimer: boolean | undefined
      const co = aco.start(async (self) => {
        expect([aco.arg(), aco.current(), aco.isAco()]).toEqual([arg, self, true])
        await Promise.resolve()
        await new Promise(setImmediate)
        expect(aco.arg()).toBe(arg)
        const inner = aco.start(() => aco.arg(), 'other')
        expect(await inner.done).toBe('other')
        eventer.setTimeout(() => {
          fromTimer = aco.isAco()
        }, 0)
        await self.sleep(1)
        expect(aco.arg()).toBe(arg)
        expect(aco.isAco(undefined)).toBe(false)
        expect(aco.isAco({})).toBe(false)
      }, arg)
      expect(aco.isAco()).toBe(false)
      await co.done
      expect(aco.isAco()).toBe(false)
      expect(fromTimer).toBe(false)
    }))

  it('AC-01 a function that is not async ends at once, with its result or its error', () =>
    withAco(async () => {
      const good = aco.start(() => 42)
      expect(good.state).toBe('ended')
      expect(await good.done).toBe(42)
      const bad = aco.start(() => {
        throw new Error('no')
      })
      expect((await failure(bad.done)).message).toBe('no')
    }))

  it('AC-01 misuse of start', () =>
    withAco(({ eventer }) => {
      const fn = async () => {}
      expect(codeOf(() => aco.start('fn' as never))).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => aco.start(fn, 1, 5 as never))).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => aco.start(fn, 1, { name: 5 as never }))).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => aco.start(fn, 1, { signal: {} as never }))).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => aco.start(fn, 1, { owner: eventer as never }))).toBe('ERR_INVALID_ARGUMENT')
      expect(aco.stats()).toMatchObject({ live: 0, started: 0 })
    }))
})

describe('sleeping', () => {
  it('AC-08 A-AC-3 coroutines sleep while the loop goes on, on one thread', () =>
    withAco(async ({ eventer }) => {
      let ticks = 0
      const ticking = eventer.addIn(0, (event) => {
        ticks++
        eventer.updateWhence(event, Date.now() + 2)
        return 1
      })
      const threads = new Set<number>()
      const sleeper = async (self: Coroutine) => {
        for (let turn = 0; turn < 10; turn++) {
          const before = performance.now()
          await self.sleep(20)
          expect(performance.now() - before).toBeGreaterThanOrEqual(20)
          threads.add(threadId)
        }
      }
      await Promise.all([aco.start(sleeper).done, aco.start(sleeper).done])
      expect([...threads]).toEqual([threadId])
      expect(ticks).toBeGreaterThan(10)
      ticking[Symbol.dispose]()
    }))

  it('AC-08 sleep 0 yields, and a second sleep of the same coroutine is an error', () =>
    withAco(async () => {
      const trace: string[] = []
      const co = aco.start(async (self) => {
        const first = self.sleep(0)
        trace.push((await failureCode(self.sleep(0))) as string)
        await first
        trace.push('slept')
        expect(await failureCode(self.sleep(Number.NaN))).toBe('ERR_INVALID_ARGUMENT')
        expect(await failureCode(self.sleep('1' as never))).toBe('ERR_INVALID_ARGUMENT')
        await self.sleep(-5)
      })
      trace.push('after')
      await co.done
      expect(trace).toEqual(['after', 'EBUSY', 'slept'])
      expect(await failureCode(co.sleep(1))).toBe('ECANCELED')
    }))
})
