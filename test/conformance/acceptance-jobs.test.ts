// What the scenarios of asynchronous events and job queues say beyond what the suites of their own show.
import { describe, expect, it } from 'vitest'
import { type AsynchEvent, type HeddleError, type JobQueue, Mask } from '../../lib'
import { heldOnes, of, release, sharedCells, steps } from './asynch-harness'
import { type Bench, withEventer } from './eventer-harness'

interface End {
  readonly timedOut: boolean
  readonly code: string | undefined
  readonly value: unknown
}

type Options = NonNullable<Parameters<Bench['eventer']['asynch']>[2]>

/** Adds an event to a queue; its ends are written down, of which there is to be one. */
function added(bench: Bench, queue: JobQueue, work: string, cells: Int32Array, options: Options = {}): End[] {
  const ends: End[] = []
  const complete = (e: AsynchEvent): void => {
    const { timedOut, error, value } = e
    ends.push({ timedOut, code: (error as HeddleError | undefined)?.code, value })
  }
  const what = { work: of(work), cleanup: of('cleanup'), complete: complete as never }
  bench.eventer.addAsynch(bench.eventer.asynch(what, { cells }, options), { queue })
  return ends
}

const past = (bench: Bench, ms: number) => bench.until(() => Date.now() > ms, 'a moment')
const names = (cells: Int32Array) => steps(cells).map(({ step }) => step)

describe('scenarios of asynchronous events', () => {
  it('AS-01 A-AS-1 the mask of a completion is 0x30', () => {
    expect(Mask.ASYNCH_COMPLETE).toBe(0x30)
    expect(Mask.ASYNCH_COMPLETE).toBe(Mask.ASYNCH_WORK | Mask.ASYNCH_CLEANUP)
  })

  it('AS-08 A-AS-5 a deadline that passes while the queue is blocked skips the work, one during the work does nothing', () =>
    withEventer({}, async (bench) => {
      bench.eventer.start()
      const queue = bench.eventer.jobqs.create('blocked')
      await queue.run(of('whereAmI'))
      const [gate, cells] = [sharedCells(16), sharedCells(16)]
      const deadline = Date.now() + 2000
      const running = added(bench, queue, 'heldBeforeCleanup', gate, { deadline })
      await bench.until(() => Atomics.load(gate, 15) === 1, 'the work')
      const waiting = added(bench, queue, 'work', cells, { deadline: Date.now() + 50 })
      await past(bench, deadline)
      expect([running, waiting]).toEqual([[], []])
      Atomics.store(gate, 14, 1)
      Atomics.notify(gate, 14)
      await bench.until(() => waiting.length > 0 && running.length > 0)
      await bench.passes(3)
      expect(running).toEqual([{ timedOut: false, code: undefined, value: 'held' }])
      expect(waiting).toEqual([{ timedOut: true, code: 'ETIME', value: undefined }])
      expect([names(gate), names(cells)]).toEqual([['cleanup'], ['cleanup']])
      expect(queue.stats().timeouts).toBe(1)
    }))

  it('AS-09 A-AS-6 terminate: the queue has as many threads as before, and its other jobs go on', () =>
    withEventer({}, async (bench) => {
      bench.eventer.start()
      const queue = bench.eventer.jobqs.create('ended', { concurrency: 2, floor: 2 })
      const gate = sharedCells()
      const other = queue.run(of('held'), { cells: gate, value: 'spared' })
      await heldOnes(bench, gate)
      await queue.run(of('whereAmI'))
      expect(queue.stats()).toMatchObject({ concurrency: 2, desired: 2 })
      const cells = sharedCells(16)
      const ends = added(bench, queue, 'forEver', cells, { runTimeout: 100, cancel: 'terminate' })
      await bench.until(() => ends.length > 0)
      expect([ends, names(cells)]).toEqual([
        [{ timedOut: true, code: 'ETIME', value: undefined }],
        ['cleanup'],
      ])
      await bench.until(() => queue.stats().idle === 1, 'another thread')
      expect(queue.stats()).toMatchObject({ concurrency: 2, desired: 2, inflight: 1 })
      release(gate)
      expect(await other).toBe('spared')
    }))

  it('AS-09 A-AS-6 when all threads are stuck the completion of what waits is told ERR_QUEUE_WEDGED', () =>
    withEventer({}, async (bench) => {
      bench.eventer.start()
      const queue = bench.eventer.jobqs.create('stuck', { max: 1 })
      await queue.run(of('whereAmI'))
      const [gate, cells] = [sharedCells(16), sharedCells(16)]
      const options = { deadline: Date.now() + 1500, cancel: 'signal' } as const
      const stuck = added(bench, queue, 'heldBeforeCleanup', gate, options)
      await bench.until(() => Atomics.load(gate, 15) === 1, 'the work')
      const waiting = added(bench, queue, 'work', cells)
      await bench.until(() => waiting.length > 0)
      expect([waiting[0]?.code, names(cells)]).toEqual(['ERR_QUEUE_WEDGED', []])
      expect(stuck).toEqual([])
      Atomics.store(gate, 14, 1)
      Atomics.notify(gate, 14)
      await bench.until(() => stuck.length > 0)
      expect(names(gate)).toEqual(['cleanup'])
    }))
})

describe('scenarios of job queues', () => {
  it('JQ-06 A-AS-8 whoever waits for room is submitted once, also where its argument has others wait', () =>
    withEventer({}, async (bench) => {
      bench.eventer.start()
      const queue = bench.eventer.jobqs.create('full', { maxBacklog: 1 })
      const cells = sharedCells()
      const held = queue.run(of('held'), { cells, value: 'held' })
      await heldOnes(bench, cells)
      const waits = queue.run(of('echo'), 1)
      let inner: Promise<unknown> | undefined
      const argument = {
        get value(): number {
          inner ??= queue.run(of('echo'), 3, { overflow: 'wait' })
          return 2
        },
      }
      const outer = queue.run(of('echo'), argument, { overflow: 'wait' })
      expect(inner).toBeUndefined()
      release(cells)
      expect(await Promise.all([held, waits, outer])).toEqual(['held', 1, { value: 2 }])
      expect(await inner).toBe(3)
      expect(queue.stats().total).toBe(4)
    }))

  it('JQ-10 A-JQ-7 the averages are those of what was injected, as it was measured from outside', () =>
    withEventer({}, async (bench) => {
      bench.eventer.start()
      const queue = bench.eventer.jobqs.create('measured')
      const rounds = async (together: boolean): Promise<number[]> => {
        const took: number[] = []
        const one = async (): Promise<void> => {
          const began = performance.now()
          await queue.run(of('burn'), 4)
          took.push(performance.now() - began)
        }
        if (together) await Promise.all(Array.from({ length: 100 }, one))
        else for (let n = 0; n < 100; n++) await one()
        return took
      }
      const alone = await rounds(false)
      const { avgRunMs } = queue.stats()
      expect(avgRunMs).toBeGreaterThanOrEqual(3.9)
      expect(avgRunMs).toBeLessThanOrEqual(Math.max(...alone))
      const most = Math.max(...(await rounds(true)))
      // The last of a hundred, which count most, have waited for nearly all of it.
      const { avgWaitMs, total } = queue.stats()
      expect(avgWaitMs).toBeGreaterThan(most / 2)
      expect(avgWaitMs).toBeLessThanOrEqual(most)
      expect(total).toBe(200)
    }))
})
