import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { JobQueue, JobQueueOptions } from '../../lib/jobq'
import { type Bench, withEventer } from './eventer-harness'

const MODULE = join(__dirname, 'jobq-scheduling-module.mjs')
const of = (name: string) => ({ module: MODULE, export: name })

/** Places in the cells, as in the module. */
const [PERMITS, RUNNING, PEAK, BEGUN, LOG] = [0, 1, 2, 3, 8] as const
const IDLE_MS = 5000

const count = (n: number) => Array.from({ length: n }, (_, at) => at)

/** A queue, and jobs that run until the case lets them. */
class Gate {
  readonly cells: Int32Array
  readonly bench: Bench
  readonly queue: JobQueue

  constructor(bench: Bench, options: JobQueueOptions = {}, name = 'gated', jobs = 64) {
    this.bench = bench
    this.queue = bench.eventer.jobqs.create(name, options)
    this.cells = new Int32Array(new SharedArrayBuffer((LOG + jobs) * 4))
  }

  /** One job that begins, logs its number, and waits for a permit. */
  turn(number: number, options: Parameters<JobQueue['run']>[2] = {}): Promise<number> {
    return this.queue.run<number>(of('turn'), { cells: this.cells, number }, options)
  }

  turns(jobs: number, options: Parameters<JobQueue['run']>[2] = {}): Promise<number>[] {
    return count(jobs).map((number) => this.turn(number, options))
  }

  permit(jobs: number): void {
    Atomics.add(this.cells, PERMITS, jobs)
    Atomics.notify(this.cells, PERMITS)
  }

  at(place: number): number {
    return Atomics.load(this.cells, place)
  }

  /** Numbers of the jobs in the order in which they began. */
  log(): number[] {
    return [...this.cells.subarray(LOG, LOG + this.at(BEGUN))]
  }

  until(done: () => boolean, what: string): Promise<void> {
    return this.bench.until(done, what)
  }

  async running(jobs: number): Promise<void> {
    await this.until(() => this.at(RUNNING) === jobs, `${jobs} running jobs`)
  }

  async begun(jobs: number): Promise<void> {
    await this.until(() => this.at(BEGUN) === jobs, `${jobs} jobs that have begun`)
  }
}

/** Runs a case with a queue of its own. */
const withGate = (
  options: JobQueueOptions,
  body: (gate: Gate) => Promise<void>,
  jobs?: number,
): Promise<void> =>
  withEventer({}, async (bench) => {
    bench.eventer.start()
    const gate = new Gate(bench, options, 'gated', jobs)
    await body(gate)
    const { backlog, inflight } = gate.queue.stats()
    expect([backlog, inflight]).toEqual([0, 0])
  })

describe('threads of a job queue', () => {
  it('JQ-02 A-JQ-2 are never more than it may have, whenever that is changed, and lose no job', () =>
    withGate({ concurrency: 4 }, async (gate) => {
      const { queue } = gate
      const jobs = gate.turns(20)
      await gate.running(4)
      expect(gate.at(PEAK)).toBe(4)
      expect(queue.stats()).toMatchObject({ concurrency: 4, inflight: 4, backlog: 16 })
      queue.setConcurrency(8)
      await gate.running(8)
      expect(gate.at(PEAK)).toBe(8)
      queue.setConcurrency(1)
      Atomics.store(gate.cells, PEAK, 0)
      gate.permit(8)
      await gate.begun(9)
      await gate.running(1)
      expect(queue.stats()).toMatchObject({ inflight: 1, backlog: 11, desired: 1 })
      gate.permit(12)
      await Promise.all(jobs)
      expect(gate.at(PEAK)).toBe(1)
      expect(gate.log().toSorted((a, b) => a - b)).toEqual(count(20))
      await gate.until(() => queue.concurrency === 1, 'one thread')
      expect(queue.stats().total).toBe(20)
    }))

  it('JQ-02 A-JQ-2 run twenty jobs of 100 ms on four threads in five turns', () =>
    withGate({ concurrency: 4, floor: 4 }, async (gate) => {
      const warm = gate.turns(4)
      await gate.running(4)
      gate.permit(4)
      await Promise.all(warm)
      Atomics.store(gate.cells, PEAK, 0)
      const began = performance.now()
      await Promise.all(count(20).map(() => gate.queue.run(of('pause'), { cells: gate.cells, ms: 100 })))
      expect(performance.now() - began).toBeGreaterThanOrEqual(495)
      expect(gate.at(PEAK)).toBe(4)
    }))

  it('JQ-03 A-JQ-3 are none before the first job, and one unless more are wanted', () =>
    withGate({}, async ({ queue }) => {
      expect(queue.stats()).toMatchObject({ desired: 1, concurrency: 0 })
      const threads = await Promise.all(count(10).map(() => queue.run(of('where'))))
      expect(new Set(threads).size).toBe(1)
      expect(queue.concurrency).toBe(1)
    }))

  it('JQ-05 A-JQ-3 leave when they were idle for five seconds, but for the floor', () =>
    withEventer({}, async (bench) => {
      const [none, two] = [
        new Gate(bench, { concurrency: 2 }, 'none'),
        new Gate(bench, { concurrency: 3 }, 'two'),
      ]
      two.queue.setFloor(2)
      expect(two.queue.concurrency).toBe(0)
      bench.eventer.start()
      const jobs = [...none.turns(2), ...two.turns(3)]
      await none.running(2)
      await two.running(3)
      const before = performance.now()
      none.permit(2)
      two.permit(3)
      await Promise.all(jobs)
      expect([none.queue.concurrency, two.queue.concurrency]).toEqual([2, 3])
      await bench.until(() => none.queue.concurrency < 2 || two.queue.concurrency < 3, 'the first to leave')
      expect(performance.now() - before).toBeGreaterThanOrEqual(IDLE_MS)
      await bench.until(() => none.queue.concurrency === 0 && two.queue.concurrency === 2, 'all to leave')
      expect(await two.queue.run(of('where'))).toBeGreaterThan(0)
      expect(await none.queue.run(of('where'))).toBeGreaterThan(0)
      expect([none.queue.concurrency, two.queue.concurrency]).toEqual([1, 2])
    }))
})

describe('the order of jobs', () => {
  it('JQ-07 A-JQ-6 is the newest first in a LIFO queue', () =>
    withGate({ lifo: true }, async (gate) => {
      const jobs = [gate.turn(0)]
      await gate.running(1)
      for (const number of [1, 2, 3, 4, 5]) jobs.push(gate.turn(number))
      gate.permit(6)
      await Promise.all(jobs)
      expect(gate.log()).toEqual([0, 5, 4, 3, 2, 1])
    }))

  it('JQ-07 A-JQ-6 is that of the mode when a job is taken, and a switch loses none', () =>
    withGate({}, async (gate) => {
      const { queue } = gate
      const jobs = [gate.turn(0)]
      await gate.running(1)
      const expected = [0]
      const waiting: number[] = []
      for (let number = 1; number <= 40; number++) {
        jobs.push(gate.turn(number))
        waiting.push(number)
        // Three come for each that goes, in stretches of four.
        if (number % 3 > 0) continue
        queue.lifo = number % 24 >= 12
        expected.push((queue.lifo ? waiting.pop() : waiting.shift()) as number)
        gate.permit(1)
        await gate.begun(expected.length)
      }
      queue.lifo = true
      queue.lifo = false
      expected.push(...waiting)
      gate.permit(41)
      await Promise.all(jobs)
      expect(gate.log()).toEqual(expected)
      expect(gate.log().toSorted((a, b) => a - b)).toEqual(count(41))
    }))

  it('JQ-17 is by priority, and among equals by age', () =>
    withGate({}, async (gate) => {
      const jobs = [gate.turn(0)]
      await gate.running(1)
      const priorities = [0, 5, -3, 5, 0, 7]
      for (const [at, priority] of priorities.entries()) jobs.push(gate.turn(at + 1, { priority }))
      gate.permit(7)
      await Promise.all(jobs)
      expect(gate.log()).toEqual([0, 6, 2, 4, 1, 5, 3])
    }))
})

describe('subqueues', () => {
  const GREEDY = 1000

  it('JQ-12 A-JQ-8 share the threads: one greedy id cannot starve another', () =>
    withGate(
      { concurrency: 4 },
      async (gate) => {
        const { queue } = gate
        const jobs = count(GREEDY).map(() => gate.turn(1, { subqueue: 1n }))
        await gate.running(4)
        jobs.push(...count(4).map(() => gate.turn(2, { subqueue: 2n })))
        // A loop with a thread of its own takes them to the queue when it comes to it.
        await gate.until(() => queue.stats().backlog === 1000, 'all that were submitted')
        expect(queue.subqueues().find(({ id }) => id === 1n)).toMatchObject({ backlog: 996, inflight: 4 })
        expect(queue.subqueues().find(({ id }) => id === 2n)).toMatchObject({ backlog: 4, inflight: 0 })
        const shares: number[] = []
        for (let step = 1; step <= 24; step++) {
          gate.permit(1)
          await gate.begun(4 + step)
          await gate.until(() => queue.stats().inflight === 4, 'four running jobs')
          const [one, two] = [1n, 2n].map((id) => queue.subqueues().find((sub) => sub.id === id))
          if (two !== undefined && two.backlog > 0) shares.push(one?.inflight ?? 0)
        }
        // Whichever takes the permit, the greedy one gets no more than it has, nor more than two.
        const wrong = shares.filter((inflight, at) => inflight > Math.max(2, shares[at - 1] ?? 4))
        expect(wrong).toEqual([])
        const starts = gate.log().slice(4)
        expect(starts.filter((id) => id === 2).length).toBeGreaterThanOrEqual(2)
        expect(starts.indexOf(2)).toBeLessThan(2)
        gate.permit(GREEDY)
        await gate.until(() => queue.subqueues().every(({ id }) => id !== 2n), 'the other to be over')
        await Promise.all(jobs)
        expect(queue.subqueues()).toEqual([])
      },
      GREEDY + 8,
    ))

  it('JQ-12 A-JQ-8 leave all threads to the only one that has work', () =>
    withGate({ concurrency: 4 }, async (gate) => {
      const jobs = [gate.turn(2, { subqueue: 2n }), ...gate.turns(8, { subqueue: 1n })]
      await gate.running(4)
      gate.permit(1)
      await gate.begun(5)
      gate.permit(1)
      await gate.begun(6)
      gate.permit(7)
      await Promise.all(jobs)
      const later = gate.turns(4, { subqueue: 1n })
      await gate.running(4)
      expect(gate.queue.subqueues()).toEqual([{ id: 1n, backlog: 0, inflight: 4 }])
      gate.permit(4)
      await Promise.all(later)
    }))

  it('AS-07 A-JQ-8 are inherited by jobs that are created within a job', () =>
    withGate({ concurrency: 2 }, async ({ queue }) => {
      const target = of('dependentSubqueue')
      const arg = { module: MODULE }
      expect(await queue.run(target, arg, { subqueue: 7n })).toEqual([7n, 7n])
      expect(await queue.run(target, { ...arg, subqueue: 9n }, { subqueue: 7n })).toEqual([7n, 9n])
      expect(await queue.run(target, arg)).toEqual([0n, 0n])
      const largest = 2n ** 64n - 1n
      expect(await queue.run(target, arg, { subqueue: largest })).toEqual([largest, largest])
    }))
})

describe('the end of a job queue', () => {
  it('JQ-13 JQ-14 A-JQ-9 drains what was taken, and takes nothing more', () =>
    withEventer({}, async (bench) => {
      bench.eventer.start()
      const { jobqs } = bench.eventer
      const gate = new Gate(bench)
      const { queue } = gate
      const jobs = gate.turns(3)
      await gate.running(1)
      expect(() => queue.destroy()).toThrow(expect.objectContaining({ code: 'ERR_JOBQ_BUSY' }))
      const drained = queue.drain()
      expect(queue.drain()).toBe(drained)
      expect(queue.stats().state).toBe('draining')
      const shut = { code: 'ERR_JOBQ_SHUTDOWN' }
      await expect(gate.turn(9)).rejects.toMatchObject(shut)
      await expect(gate.turn(9, { overflow: 'reject' })).rejects.toMatchObject(shut)
      expect(queue.desk.trySubmit(queue, { target: of('where'), arg: undefined }, () => {})).toBe(undefined)
      let isDrained = false
      void drained.then(() => {
        isDrained = true
      })
      gate.permit(2)
      await Promise.all(jobs.slice(0, 2))
      await gate.running(1)
      expect(isDrained).toBe(false)
      expect(() => queue.destroy()).toThrow(expect.objectContaining({ code: 'ERR_JOBQ_BUSY' }))
      gate.permit(1)
      await drained
      expect(queue.stats()).toMatchObject({
        state: 'drained',
        backlog: 0,
        inflight: 0,
        concurrency: 0,
        total: 3,
      })
      expect(queue.drain()).toBe(drained)
      await Promise.all(jobs)
      queue.destroy()
      expect(() => queue.concurrency).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
      expect(jobqs.get('gated')).toBe(undefined)
      const again = jobqs.create('gated', { concurrency: 3 })
      expect(again).not.toBe(queue)
      expect(again.desired).toBe(3)
      expect(await again.run(of('where'))).toBeGreaterThan(0)
    }))
})

describe('jobs that wait', () => {
  it('JQ-17 A-JQ-12 are held by pause, while those that run go on', () =>
    withGate({ concurrency: 2 }, async (gate) => {
      const { queue } = gate
      const jobs = gate.turns(6)
      await gate.running(2)
      queue.pause()
      expect(queue.isPaused).toBe(true)
      gate.permit(6)
      await Promise.all(jobs.slice(0, 2))
      await gate.bench.passes(3)
      expect(gate.log().toSorted((a, b) => a - b)).toEqual([0, 1])
      expect(queue.stats()).toMatchObject({ backlog: 4, inflight: 0, paused: true })
      queue.resume()
      await Promise.all(jobs)
      expect(gate.at(BEGUN)).toBe(6)
    }))

  it('JQ-17 AS-12 A-JQ-12 are removed by abort, which frees their place', () =>
    withGate({ maxBacklog: 1 }, async (gate) => {
      const { queue } = gate
      const first = gate.turn(0)
      await gate.running(1)
      const controller = new AbortController()
      const aborted = gate.turn(1, { signal: controller.signal })
      await expect(gate.turn(2, { overflow: 'reject' })).rejects.toMatchObject({ code: 'EAGAIN' })
      controller.abort(new Error('not any more'))
      await expect(aborted).rejects.toThrow('not any more')
      expect(queue.stats().backlog).toBe(0)
      const taken = gate.turn(3, { overflow: 'reject' })
      gate.permit(2)
      await Promise.all([first, taken])
      expect(gate.log()).toEqual([0, 3])
    }))
})

describe('deadlines of jobs', () => {
  const DEADLINES: readonly [name: string, deadline: () => number][] = [
    ['in a moment', () => Date.now() + 50],
    ['on a whole second', () => Math.floor(Date.now() / 1000) * 1000],
  ]

  it.each(DEADLINES)('AS-08 A-AS-5 that pass before a worker is free skip the work: %s', (_, deadlineOf) =>
    withGate({}, async (gate) => {
      const { queue, cells } = gate
      const first = gate.turn(0)
      await gate.running(1)
      Atomics.store(cells, LOG, 0)
      const before = queue.stats().timeouts
      const deadline = deadlineOf()
      const late = queue.run(of('work'), { cells }, { deadline, cleanup: of('cleanup') })
      const plain = queue.run(of('work'), { cells }, { deadline })
      const future = queue.run(of('where'), undefined, { deadline: deadline + 1e7 })
      await gate.until(() => Date.now() > deadline, 'the deadline')
      gate.permit(1)
      await expect(late).rejects.toMatchObject({ code: 'ETIME' })
      await expect(plain).rejects.toMatchObject({ code: 'ETIME' })
      expect(await future).toBe(await first)
      // The cleanup alone, told so, once.
      expect([gate.at(LOG), gate.at(LOG + 1)]).toEqual([4, 1])
      expect(queue.stats().timeouts).toBe(before + 2)
    }),
  )

  it('AS-08 A-AS-5 that pass while the work runs change nothing', () =>
    withGate({}, async (gate) => {
      // Not before the thread is there, lest the deadline pass while it starts.
      await gate.queue.run(of('where'))
      const deadline = Date.now() + 3000
      const job = gate.turn(5, { deadline })
      await gate.running(1)
      await gate.until(() => Date.now() > deadline, 'the deadline')
      gate.permit(1)
      expect(await job).toBeGreaterThan(0)
      expect(gate.queue.stats().timeouts).toBe(0)
    }))
})

describe('jobs that depend on jobs', () => {
  it('AS-06 A-AS-7 hold back the end of theirs until they are complete, and those that depend on them', () =>
    withGate({}, async (gate) => {
      const { queue, cells } = gate
      for (let round = 0; round < 20; round++) {
        cells.fill(0)
        expect(await queue.run(of('parent'), { cells, module: MODULE })).toBe('parent')
        expect([...cells.subarray(LOG, LOG + 4)].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4])
        // The one that was waited for by another comes before it.
        expect(gate.at(LOG + 3)).toBeLessThan(gate.at(LOG + 1))
      }
    }))
})
