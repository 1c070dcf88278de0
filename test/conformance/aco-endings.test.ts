import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { aco, type Coroutine } from '../../lib/aco'
import { CallbackError, Eventer } from '../../lib/eventer'
import type { HeddleError } from '../../lib/errors'
import { backend, codeOf, failure, failureCode, withAco } from './aco-harness'

/** Collects what the eventer of a case reports. */
function reportsOf(eventer: Eventer): CallbackError[] {
  const reports: CallbackError[] = []
  eventer.on('error', (error) => reports.push(error as CallbackError))
  return reports
}

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

describe('exit', () => {
  it('AC-04 A-AC-9 from a nested call runs finally blocks, and nothing after it', () =>
    withAco(async () => {
      const trace: string[] = []
      const inner = async (co: Coroutine) => {
        try {
          await co.sleep(0)
          co.exit()
        } finally {
          trace.push('inner finally')
        }
      }
      const co = aco.start(async (self) => {
        try {
          await inner(self)
          trace.push('after exit')
        } finally {
          trace.push('outer finally')
        }
        trace.push('after all')
      })
      expect(aco.list()).toHaveLength(1)
      expect(await co.done).toBe(undefined)
      expect(trace).toEqual(['inner finally', 'outer finally'])
      expect(aco.list()).toEqual([])
      expect(co.state).toBe('ended')
    }))

  it('AC-04 that is swallowed comes again at the next wait', () =>
    withAco(async ({ eventer }) => {
      const reports = reportsOf(eventer)
      const trace: (string | undefined)[] = []
      const co = aco.start(async (self) => {
        try {
          self.exit()
        } catch (error) {
          trace.push((error as HeddleError).code)
        }
        trace.push(await failureCode(self.park()))
        await self.sleep(0)
        trace.push('never')
      })
      await co.done
      const swallower = aco.start(async (self) => {
        try {
          self.exit()
        } catch {
          return 'swallowed'
        }
      })
      expect(await swallower.done).toBe('swallowed')
      expect(trace).toEqual(['ERR_ACO_EXIT', 'ERR_ACO_EXIT'])
      expect(reports).toEqual([])
    }))

  it('AC-04 is for the coroutine itself', () =>
    withAco(async () => {
      const co = aco.start(async (self) => {
        await self.sleep(1)
        return 'not harmed'
      })
      expect(codeOf(() => co.exit())).toBe('ERR_NOT_IN_ACO')
      const other = aco.start(() => codeOf(() => co.exit()))
      expect(await other.done).toBe('ERR_NOT_IN_ACO')
      expect(await co.done).toBe('not harmed')
    }))

  it('AC-04 an error in a finally block is an error', () =>
    withAco(async ({ eventer }) => {
      const reports = reportsOf(eventer)
      const co = aco.start(async (self) => {
        try {
          self.exit()
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: this is the case
          throw new Error('in finally')
        }
      })
      expect((await failure(co.done)).message).toBe('in finally')
      expect(reports).toEqual([])
    }))

  it('AC-04 takes waits beside it along', () =>
    withAco(async () => {
      const co = aco.start(async (self) => {
        void self.sleep(60_000)
        void self.park({ timeout: 60_000 })
        await new Promise(setImmediate)
        self.exit()
      })
      expect(await co.done).toBe(undefined)
    }))
})

describe('errors', () => {
  it('AC-01 that nobody asked for are reported like those of callbacks', () =>
    withAco(async (bench) => {
      const { eventer } = bench
      const reports = reportsOf(eventer)
      const early = new Error('early')
      const late = new Error('late')
      aco.start(async () => {
        throw early
      })
      aco.start(
        async (co) => {
          await co.sleep(0)
          throw late
        },
        undefined,
        { name: 'tardy' },
      )
      await bench.until(() => reports.length === 2)
      expect(reports.map(({ cause }) => cause)).toEqual([early, late])
      expect(reports[1]).toBeInstanceOf(CallbackError)
      expect(reports[1]).toMatchObject({ code: 'ERR_CALLBACK', callbackName: 'tardy' })
      expect(reports[1]?.event).toMatch(/^aco\/tardy\/#2\/default\/0$/)
    }))

  it('AC-01 without a listener they are uncaught exceptions, and the loop goes on', () =>
    withAco(async (bench) => {
      const before = process.listeners('uncaughtException')
      const uncaught: unknown[] = []
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', (error) => uncaught.push(error))
      try {
        const error = new Error('nobody listens')
        aco.start(async (co) => {
          await co.sleep(0)
          throw error
        })
        await bench.until(() => uncaught.length === 1)
        expect(uncaught).toEqual([error])
        await aco.start((co) => co.sleep(0)).done
      } finally {
        process.removeAllListeners('uncaughtException')
        for (const listener of before) process.on('uncaughtException', listener)
      }
    }))

  it('AC-01 go to whoever asked for done, once', () =>
    withAco(async ({ eventer }) => {
      const reports = reportsOf(eventer)
      const co = aco.start(async (self) => {
        await self.sleep(0)
        throw new RangeError('mine')
      })
      expect(await failure(co.done)).toBeInstanceOf(RangeError)
      expect(await failure(co.done)).toBeInstanceOf(RangeError)
      expect(reports).toEqual([])
    }))
})

describe('cancellation', () => {
  it('AC-32 A-AC-22 the signal of a wait ends that wait, and leaves nothing behind', () =>
    withAco(async ({ eventer }) => {
      const reason = new Error('enough')
      const co = aco.start(async (self) => {
        for (const wait of [
          (signal: AbortSignal) => self.sleep(60_000, { signal }),
          (signal: AbortSignal) => self.park({ signal, timeout: 60_000 }),
        ]) {
          const controller = new AbortController()
          eventer.setTimeout(() => controller.abort(reason), 1)
          expect(await failure(wait(controller.signal))).toBe(reason)
          expect(listeners(controller.signal)).toBe(0)
          expect([...eventer.timeouts()]).toEqual([])
          expect(self.state).toBe('running')
          expect(await failure(wait(controller.signal))).toBe(reason)
        }
        await self.sleep(0)
        const unused = new AbortController()
        await self.sleep(0, { signal: unused.signal })
        expect(listeners(unused.signal)).toBe(0)
        return 'goes on'
      })
      expect(await co.done).toBe('goes on')
    }))

  it('AC-32 the signal given to start ends the pending wait and all later ones, without a report', () =>
    withAco(async ({ eventer }) => {
      const reports = reportsOf(eventer)
      const controller = new AbortController()
      const trace: unknown[] = []
      const reason = new Error('cancelled')
      const body = async (self: Coroutine) => {
        try {
          await self.sleep(60_000)
        } finally {
          trace.push(self.signal.aborted, self.signal.reason)
          trace.push(await failure(self.sleep(0)))
        }
      }
      const options = { signal: controller.signal }
      const co = aco.start(body, undefined, options)
      aco.start(body, undefined, options)
      expect(co.signal.aborted).toBe(false)
      expect(listeners(controller.signal)).toBe(2)
      controller.abort(reason)
      expect(await failure(co.done)).toBe(reason)
      expect(trace).toEqual([true, reason, true, reason, reason, reason])
      expect(listeners(controller.signal)).toBe(0)
      const late = aco.start(body, undefined, options)
      expect(await failure(late.done)).toBe(reason)
      expect(reports).toEqual([])
    }))

  it('AC-32 the signal of a coroutine is not aborted by its own end', () =>
    withAco(async () => {
      const controller = new AbortController()
      const co = aco.start(
        async (self) => {
          void self.park()
          const { signal } = self
          await self.sleep(0)
          self.exit()
          return signal
        },
        undefined,
        { signal: controller.signal },
      )
      await co.done
      controller.abort(new Error('too late'))
      expect(co.signal.aborted).toBe(false)
      expect(listeners(controller.signal)).toBe(0)
      expect(await failureCode(co.park())).toBe('ECANCELED')
    }))

  it('AC-32 a signal that is none', () =>
    withAco(async () => {
      const co = aco.start(async (self) => [
        await failureCode(self.sleep(1, { signal: {} as never })),
        await failureCode(self.park({ signal: 'now' as never })),
      ])
      expect(await co.done).toEqual(['ERR_INVALID_ARGUMENT', 'ERR_INVALID_ARGUMENT'])
    }))

  it('AC-32 the end of the eventer fails pending waits, so that finally blocks run', async () => {
    const eventer = await Eventer.init({ backend })
    const reports = reportsOf(eventer)
    eventer.start()
    const trace: unknown[] = []
    const sleeper = aco.start(async (self) => {
      try {
        await self.sleep(60_000)
      } finally {
        trace.push(await failureCode(self.sleep(1)))
        trace.push('sleeper')
      }
    })
    const parked = aco.start(async (self) => {
      try {
        await self.park()
      } catch {
        return 'graceful'
      }
    })
    const elsewhere = aco.start(() => new Promise<void>(() => {}))
    await eventer[Symbol.asyncDispose]()
    expect(trace).toEqual(['ECANCELED', 'sleeper'])
    expect(await failureCode(sleeper.done)).toBe('ECANCELED')
    expect(await parked.done).toBe('graceful')
    expect(await failureCode(elsewhere.sleep(1))).toBe('ECANCELED')
    expect(reports).toEqual([])
    await withAco(() => expect(aco.list()).toEqual([]))
  })
})
