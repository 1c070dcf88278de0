import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Eventer } from '../../lib/eventer'
import { controlJobq, type JobQueueOptions, jobqsFromConfig } from '../../lib/jobq'
import {
  backend,
  blocked,
  codeOf,
  failureCode,
  isNative,
  of,
  release,
  settled,
  sharedCells,
  withJobqs,
} from './jobq-harness'

/** What is warned of meanwhile. */
async function warningsOf(body: () => void): Promise<string[]> {
  const warnings: string[] = []
  const heard = (warning: Error) => warnings.push(warning.message)
  process.on('warning', heard)
  body()
  await new Promise((resolve) => setTimeout(resolve, 5))
  process.off('warning', heard)
  return warnings
}

/** Of this process, as the system shows them. */
function threadNames(): string[] {
  return readdirSync('/proc/self/task').map((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim()
    } catch {
      return 'it has ended'
    }
  })
}

describe('queues', () => {
  it('A-JQ-1 [JQ-01] creating a queue twice gives the same one, as it was', () =>
    withJobqs((jobqs) => {
      const queue = jobqs.create('case', { concurrency: 3 })
      expect(jobqs.create('case', { concurrency: 9 })).toBe(queue)
      expect(queue.desired).toBe(3)
      expect(jobqs.get('case')).toBe(queue)
      expect(jobqs.get('Case')).toBe(undefined)
      expect(jobqs.get('nothing')).toBe(undefined)
      expect(jobqs.list()).toContain(queue)
      expect(codeOf(() => jobqs.create('case', { kind: 'native' }))).toBe('EINVAL')
    }))

  it('A-JQ-1 [JQ-08] another memory-safety mode of a queue with threads is ERR_JOBQ_SAFETY', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { memorySafety: 'gc' })
      await queue.run(of('nothing'))
      expect(queue.concurrency).toBe(1)
      expect(codeOf(() => jobqs.create('case', { memorySafety: 'cs' }))).toBe('ERR_JOBQ_SAFETY')
      expect(jobqs.create('case', { memorySafety: 'gc' })).toBe(queue)
      expect(jobqs.create('case').memorySafety).toBe('gc')
    }))

  it('JQ-01 need a name and options that mean something', () =>
    withJobqs((jobqs) => {
      for (const name of ['', 5, undefined, 'a\0b', 'x'.repeat(300)])
        expect(codeOf(() => jobqs.create(name as never))).toBe('ERR_INVALID_ARGUMENT')
      const wrong: [object, string][] = [
        [{ kind: 'other' }, 'ERR_INVALID_ARGUMENT'],
        [{ memorySafety: 'all' }, 'ERR_INVALID_ARGUMENT'],
        [{ onWorkerDeath: 'ignore' }, 'ERR_INVALID_ARGUMENT'],
        [{ worker: 5 }, 'ERR_INVALID_ARGUMENT'],
        [{ maxBacklog: -1 }, 'ERR_INVALID_ARGUMENT'],
        [{ lifo: 1 }, 'ERR_INVALID_ARGUMENT'],
        [{ concurrency: 0 }, 'EINVAL'],
        [{ concurrency: 2.5 }, 'EINVAL'],
        [{ min: 5, max: 2 }, 'EINVAL'],
        [{ concurrency: 9, min: 1, max: 2 }, 'EINVAL'],
      ]
      for (const [options, code] of wrong)
        expect(
          codeOf(() => jobqs.create('case', options as JobQueueOptions)),
          JSON.stringify(options),
        ).toBe(code)
      expect(jobqs.get('case')).toBe(undefined)
    }))

  it('JQ-01 belong to an eventer: ERR_NOT_INIT without one', async () => {
    const eventer = await Eventer.init({ backend })
    const { jobqs } = eventer
    await eventer[Symbol.asyncDispose]()
    expect(codeOf(() => eventer.jobqs)).toBe('ERR_NOT_INIT')
    for (const use of [() => jobqs.create('case'), () => jobqs.get('case'), () => jobqs.list()])
      expect(codeOf(use)).toBe('ERR_NOT_INIT')
  })

  it('JQ-01 end with an eventer that never ran', async () => {
    const eventer = await Eventer.init({ backend })
    const queue = eventer.jobqs.create('case')
    const never = failureCode(queue.run(of('nothing')))
    await eventer[Symbol.asyncDispose]()
    expect(await never).toBe('ERR_JOBQ_SHUTDOWN')
  })

  it('A-JQ-4 [JQ-04, JQ-05] limits, as they are seen', () =>
    withJobqs((jobqs) => {
      const queue = jobqs.create('case', { concurrency: 3, min: 2, max: 5 })
      queue.setConcurrency(1)
      expect(queue.desired).toBe(2)
      queue.setConcurrency(9)
      expect(queue.desired).toBe(5)
      expect(codeOf(() => queue.setMinMax(6, 3))).toBe('EINVAL')
      expect(queue.minMax).toEqual([2, 5])
      queue.setMinMax(2, 3)
      queue.setFloor(4)
      expect([queue.minMax, queue.floor, queue.desired]).toEqual([[4, 4], 4, 4])
      queue.setMinMax(1, 2)
      expect([queue.floor, queue.desired]).toEqual([1, 2])
      const unbounded = jobqs.create('unbounded')
      unbounded.setMinMax(2, 0)
      expect([unbounded.minMax, unbounded.desired]).toEqual([[2, 0], 2])
      unbounded.setFloor(3)
      expect([unbounded.minMax[1], unbounded.floor]).toEqual([0, 3])
    }))

  it('A-JQ-5 [JQ-09] are configured by text; what is wrong warns and changes nothing', () =>
    withJobqs(async (jobqs) => {
      const first = jobqsFromConfig(jobqs, {
        jobq_one: '4',
        jobq_two: '4,2,8,gc,100,lifo',
        default_queue_threads: '3',
        loop_db: '7',
      })
      expect(first.map(({ name }) => name)).toEqual(['one', 'two', 'default'])
      expect(jobqs.default.desired).toBe(3)
      expect(jobqs.get('one')?.stats()).toMatchObject({ desired: 4, min: 0, max: 0, lifo: false })
      const two = { desired: 4, min: 2, max: 8, memorySafety: 'gc', maxBacklog: 100, lifo: true } as const
      expect(jobqs.get('two')?.stats()).toMatchObject(two)
      const wrong = { jobq_two: '4,2', jobq_one: '0', jobq_three: '4,5,3', default_queue_threads: '0' }
      const warnings = await warningsOf(() => {
        expect(jobqsFromConfig(jobqs, { ...wrong, default_jobq_ordering: 'random' })).toEqual([])
        expect(jobqsFromConfig(jobqs, { jobq_two: '5,2,8,cs' })).toEqual([])
      })
      expect(warnings.length).toBe(6)
      expect(jobqs.get('two')?.stats()).toMatchObject(two)
      expect(jobqs.get('one')?.desired).toBe(4)
      expect(jobqs.get('three')).toBe(undefined)
      expect(jobqs.default.desired).toBe(3)
    }))

  it('A-JQ-6 [JQ-07] take their order from the configuration unless they say another', () =>
    withJobqs((jobqs) => {
      jobqsFromConfig(jobqs, { default_jobq_ordering: 'lifo', jobq_a: '1', jobq_b: '1,,,,,fifo' })
      expect([jobqs.get('a')?.lifo, jobqs.get('b')?.lifo]).toEqual([true, false])
    }))

  it('A-JQ-7 [JQ-10] count what waits, runs and has ended, and how long that took', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case')
      const waiting = [1, 2, 3].map((n) => queue.run(of('echo'), n))
      expect(queue.stats()).toMatchObject({ backlog: 3, inflight: 1, total: 0, concurrency: 1 })
      await letGo()
      await Promise.all(waiting)
      expect(queue.stats()).toMatchObject({ backlog: 0, inflight: 0, total: 4 })
      for (let n = 0; n < 100; n++) await queue.run(of('burn'), 4)
      const { avgRunMs, total } = queue.stats()
      expect(total).toBe(104)
      expect(avgRunMs).toBeGreaterThan(2)
      expect(avgRunMs).toBeLessThan(8 * PATIENCE)
      // Each of a hundred at once waits for those before it.
      await Promise.all(Array.from({ length: 100 }, () => queue.run(of('burn'), 2)))
      expect(queue.stats().avgWaitMs).toBeGreaterThan(90)
    }))

  it('JQ-11 show their jobs', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case')
      const job = queue.run(of('echo'), 1, { priority: 3, subqueue: 9n })
      const seen: object[] = []
      queue.forEach((one) => void seen.push(one))
      expect(seen).toHaveLength(2)
      expect(seen).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ export: 'held', state: 'running', priority: 0, subqueue: 0n }),
          expect.objectContaining({ export: 'echo', state: 'waiting', priority: 3, subqueue: 9n }),
        ]),
      )
      expect(queue.subqueues()).toEqual(
        expect.arrayContaining([
          { id: 0n, backlog: 0, inflight: 1 },
          { id: 9n, backlog: 1, inflight: 0 },
        ]),
      )
      await letGo()
      await job
      expect(queue.subqueues()).toEqual([])
    }))

  it.runIf(isNative && process.platform === 'linux')(
    'A-JQ-13 [JQ-11] A-AS-1 the names of their threads begin with the short name',
    () =>
      withJobqs(async (jobqs) => {
        const queue = jobqs.create('a-rather-long-name', { onWorkerDeath: 'respawn' })
        expect(await queue.run(of('threadName'))).toBe('a-rather-long/1')
        expect(threadNames()).toContain('a-rather-long/1')
        expect(await jobqs.default.run(of('threadName'))).toMatch(/^default\/\d+$/)
        // The number needs the place of the stroke.
        for (let n = 0; n < 10; n++) await failureCode(queue.run(of('leave'), 0))
        expect(await queue.run(of('threadName'))).toBe('a-rather-long11')
      }),
  )

  it('A-AS-8 [AS-05, JQ-06] with a full backlog refuse what does not insist', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case', { maxBacklog: 2 })
      const taken = [1, 2].map((n) => queue.run(of('echo'), n, { overflow: 'reject' }))
      expect(await failureCode(queue.run(of('echo'), 3, { overflow: 'reject' }))).toBe('EAGAIN')
      const insisting = queue.run(of('echo'), 4)
      expect(queue.stats().backlog).toBe(3)
      const patient = queue.run(of('echo'), 5, { overflow: 'wait' })
      const controller = new AbortController()
      const givenUp = queue.run(of('echo'), 6, { overflow: 'wait', signal: controller.signal })
      controller.abort(new Error('no patience'))
      await expect(givenUp).rejects.toThrow('no patience')
      expect(queue.stats().backlog).toBe(3)
      await letGo()
      expect(await Promise.all([...taken, insisting, patient])).toEqual([1, 2, 4, 5])
    }))

  it('JQ-06 those who wait for room get it in the order of their coming', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case', { maxBacklog: 1 })
      const cells = sharedCells(12)
      const jobs = Array.from({ length: 8 }, (_, n) =>
        queue.run(of('order'), { cells, value: n + 1 }, { overflow: 'wait' }),
      )
      expect(queue.stats().backlog).toBe(1)
      await letGo()
      await Promise.all(jobs)
      expect([...cells.subarray(2, 10)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    }))

  it('JQ-06 who waits for room of a queue that shuts down is told', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case', { maxBacklog: 1 })
      const waiting = queue.run(of('echo'), 1)
      const patient = failureCode(queue.run(of('echo'), 2, { overflow: 'wait' }))
      const drained = queue.drain()
      expect(await failureCode(queue.run(of('echo'), 3, { overflow: 'reject' }))).toBe('ERR_JOBQ_SHUTDOWN')
      await letGo()
      expect(await waiting).toBe(1)
      await drained
      expect(await patient).toBe('ERR_JOBQ_SHUTDOWN')
    }))

  it('A-JQ-9 [JQ-13, JQ-14] drain once, and are destroyed only then', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case')
      const waiting = queue.run(of('echo'), 1)
      expect(codeOf(() => queue.destroy())).toBe('ERR_JOBQ_BUSY')
      const drained = queue.drain()
      expect(queue.drain()).toBe(drained)
      await expect(queue.drain({ signal: AbortSignal.abort(new Error('given up')) })).rejects.toThrow(
        'given up',
      )
      expect(await failureCode(queue.run(of('echo'), 2))).toBe('ERR_JOBQ_SHUTDOWN')
      expect(codeOf(() => queue.destroy())).toBe('ERR_JOBQ_BUSY')
      await letGo()
      await drained
      expect(await waiting).toBe(1)
      expect(queue.stats()).toMatchObject({ backlog: 0, inflight: 0, concurrency: 0, state: 'drained' })
      queue.destroy()
      expect(jobqs.get('case')).toBe(undefined)
      for (const use of [() => queue.stats(), () => queue.setConcurrency(2), () => queue.pause()])
        expect(codeOf(use)).toBe('ERR_CLOSED')
      expect(await failureCode(queue.run(of('echo'), 3))).toBe('ERR_JOBQ_SHUTDOWN')
      await using again = jobqs.create('case')
      expect(again).not.toBe(queue)
      expect(await again.run(of('echo'), 4)).toBe(4)
    }))

  it('JQ-15 the loops have queues of their own for what comes back', () =>
    withJobqs(async (jobqs) => {
      await jobqs.default.run(of('nothing'))
      const own = jobqs.list({ includeInternal: true }).filter((one) => 'internal' in one)
      expect(own.length).toBeGreaterThanOrEqual(1)
      for (const { name } of own) expect(name).toMatch(/^default_back_queue\//)
      const backs = own.map((one) => one.stats()?.total ?? 0)
      expect(Math.max(...backs)).toBeGreaterThanOrEqual(1)
      expect(jobqs.list().some(({ name }) => name.startsWith('default_back_queue'))).toBe(false)
    }))

  it('JQ-03 the default queue is there when it is asked for', () =>
    withJobqs(async (jobqs) => {
      expect(jobqs.get('default')).toBe(undefined)
      expect(await jobqs.default.run(of('echo'), 'x')).toBe('x')
      expect(jobqs.default).toBe(jobqs.get('default'))
    }))

  it('AS-12 native functions have a queue as well', () =>
    withJobqs(async (jobqs) => {
      const { native } = jobqs
      expect(native.kind).toBe('native')
      expect(await native.run({ native: 'heddle:nothing' })).toEqual({ number: 0, bytes: new Uint8Array() })
      expect(await failureCode(native.run({ native: 'no:such' }))).toBe('ENOENT')
      expect(await failureCode(native.run(of('echo')))).toBe('EINVAL')
      expect(await failureCode(native.run({ native: 'heddle:nothing' }, { x: 1 }))).toBe(
        'ERR_INVALID_ARGUMENT',
      )
      await Promise.all(Array.from({ length: 1000 }, () => native.run({ native: 'heddle:nothing' })))
    }))

  it('JQ-16 are changed by the words of a console', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const say = (...args: string[]) => controlJobq(jobqs, args)
      expect(await say('case', 'max', '5')).toContain('[0, 5]')
      expect(await say('case', 'min', '2')).toContain('[2, 5]')
      expect(await say('case', 'concurrency', '9')).toContain('of 5')
      expect(await say('case', 'floor', '3')).toContain('floor 3')
      expect(await say('case', 'mode', 'lifo')).toContain('lifo')
      expect(queue.stats()).toMatchObject({ min: 3, max: 5, desired: 5, floor: 3, lifo: true })
      expect(await say('case', 'ping')).toMatch(/^case answered in/)
      expect(await say('case', 'post')).toBe('posted to case')
      // Counted when the thread is done with it, which is before this loop hears of it.
      await settled(() => queue.stats().total === 2 && jobqs.desk.pending === 0)
      const before = queue.stats()
      for (const bad of [
        ['case', 'max', '1'],
        ['case', 'max'],
        ['case', 'min', 'x'],
        ['case', 'concurrency', '-1'],
        ['case', 'concurrency', '0'],
        ['case', 'floor', '99999'],
        ['case', 'mode', 'random'],
        ['case', 'other', '1'],
        ['case', 'constructor'],
        ['case', 'max', '5', '6'],
        ['nothing', 'max', '5'],
      ])
        expect(await say(...bad), bad.join(' ')).toMatch(/^error: /)
      expect(queue.stats()).toEqual(before)
      expect(await say()).toContain('case: ')
      expect(await say('case')).toContain('2 ended')
    }))

  it('JQ-17 drop what waits', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case')
      const waiting = [1, 2, 3].map((n) => failureCode(queue.run(of('echo'), n)))
      expect(queue.dropWaiting()).toBe(3)
      expect(await Promise.all(waiting)).toEqual(Array(3).fill('ERR_JOBQ_SHUTDOWN'))
      await letGo()
      expect(await queue.run(of('echo'), 4)).toBe(4)
    }))
})

describe('A-AS-10 [AS-12] aborting a job', () => {
  it('that waits removes it and rejects with the reason; its work never runs', () =>
    withJobqs(async (jobqs) => {
      const { queue, letGo } = await blocked(jobqs, 'case')
      const cells = sharedCells(4)
      const controller = new AbortController()
      const job = queue.run(of('order'), { cells, value: 1 }, { signal: controller.signal })
      const began = performance.now()
      controller.abort(new Error('changed my mind'))
      await expect(job).rejects.toThrow('changed my mind')
      expect(performance.now() - began).toBeLessThan(50 * PATIENCE)
      expect(queue.stats()).toMatchObject({ backlog: 0, inflight: 1 })
      await letGo()
      await queue.run(of('nothing'))
      expect(cells[1]).toBe(0)
    }))

  it('before it is submitted submits nothing', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const signal = AbortSignal.abort(new Error('too late'))
      await expect(queue.run(of('echo'), 1, { signal })).rejects.toThrow('too late')
      expect(queue.stats()).toMatchObject({ concurrency: 0, total: 0 })
    }))

  it('that runs rejects behind its cleanup', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const cells = sharedCells(8)
      const controller = new AbortController()
      const options = { signal: controller.signal, cleanup: of('cleanup') }
      const job = queue.run(of('heldWork'), { cells }, options)
      await settled(() => cells[1] === 1)
      controller.abort(new Error('in the middle'))
      let isOver = false
      const rejected = failureOf(job).then((error) => {
        isOver = true
        return [error.message, cells[1], cells[4]]
      })
      queue.desk.port.engine.flush()
      expect(isOver).toBe(false)
      release(cells)
      expect(await rejected).toEqual(['in the middle', 2, 2])
    }))

  it('leaves nothing behind on a signal that lives on', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const { signal } = new AbortController()
      let listeners = 0
      const { addEventListener, removeEventListener } = signal
      signal.addEventListener = (...args: never[]) => {
        listeners++
        Reflect.apply(addEventListener, signal, args)
      }
      signal.removeEventListener = (...args: never[]) => {
        listeners--
        Reflect.apply(removeEventListener, signal, args)
      }
      await Promise.all([1, 2, 3].map((n) => queue.run(of('echo'), n, { signal })))
      expect(listeners).toBe(0)
    }))
})

/** Scenarios state limits of time for a machine that is not busy. */
const PATIENCE = 10

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => new Error('it did not fail'),
    (error) => error,
  )
}
