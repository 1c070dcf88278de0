import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { WorkerDeath } from '../../lib/jobq'
import type { WorkerHost } from '../../lib/jobq/worker-host'
import { temporaryFolder } from '../temporary-folder'
import {
  begunBefore,
  blocked,
  failure,
  failureCode,
  of,
  release,
  settled,
  sharedCells,
  withJobqs,
  workHasBegun,
} from './jobq-harness'

describe('workers that die', () => {
  it('A-TP-11 [TP-20] fail the job they run, tell of it, and are replaced', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const deaths: WorkerDeath[] = []
      jobqs.on('fatal', (death) => deaths.push(death))
      const leaving = failure(queue.run(of('leave'), 7))
      const behind = [1, 2, 3].map((n) => queue.run(of('echo'), n))
      expect(await leaving).toMatchObject({
        code: 'ERR_WORKER_DIED',
        message: 'the thread of case exited with code 7',
      })
      expect(await Promise.all(behind)).toEqual([1, 2, 3])
      await settled(() => deaths.length === 1)
      expect(deaths).toEqual([{ queue: 'case', worker: expect.any(Number), exitCode: 7, error: undefined }])
      expect(await failureCode(queue.run(of('leaveLater'), 0))).toBe('ERR_WORKER_DIED')
      await settled(() => deaths.length === 2)
      const { cause } = await failure(queue.run(of('explode')))
      expect(cause).toMatchObject({ message: 'outside of the call' })
      await settled(() => deaths.length === 3)
      expect(deaths[2]?.error).toMatchObject({ message: 'outside of the call' })
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
      expect(queue.stats()).toMatchObject({ backlog: 0, inflight: 0, concurrency: 1 })
    }))

  it.each(['listener', 'capture'])(
    'TP-20 JQ-02 JQ-08 not of an exception that a module handles, by a %s: its job goes on, and nothing beside it',
    (how) =>
      withJobqs(async (jobqs) => {
        const queue = jobqs.create('case', { memorySafety: 'cs' })
        const deaths: WorkerDeath[] = []
        jobqs.on('fatal', (death) => deaths.push(death))
        const ends = await Promise.all([1, 2, 3].map(() => queue.run(of('survive'), { how })))
        expect(ends).toEqual(Array(3).fill({ most: 1, sections: [true, true] }))
        expect(deaths).toEqual([])
        expect(queue.stats()).toMatchObject({ inflight: 0, total: 3 })
      }),
  )

  it('TP-20 of an exception whose handler fails', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      expect(await failureCode(queue.run(of('surviveBadly')))).toBe('ERR_WORKER_DIED')
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
    }))

  it('TP-20 of too much memory', () =>
    withJobqs(async (jobqs) => {
      const worker = { resourceLimits: { maxOldGenerationSizeMb: 16 } }
      const queue = jobqs.create('case', { worker })
      const deaths: WorkerDeath[] = []
      jobqs.on('fatal', (death) => deaths.push(death))
      expect(await failureCode(queue.run(of('eatMemory')))).toBe('ERR_WORKER_DIED')
      await settled(() => deaths.length === 1)
      expect(deaths[0]?.error).toMatchObject({ code: 'ERR_WORKER_OUT_OF_MEMORY' })
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
    }))

  it('TP-20 many at once lose nothing else', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { concurrency: 2 })
      const ends = await Promise.allSettled(
        Array.from({ length: 300 }, (_, n) => queue.run(of(n % 60 === 30 ? 'leave' : 'echo'), n)),
      )
      const wrong = ends.filter((end, n) =>
        n % 60 === 30
          ? end.status !== 'rejected' || end.reason.code !== 'ERR_WORKER_DIED'
          : end.status !== 'fulfilled' || end.value !== n,
      )
      expect(wrong).toEqual([])
      expect(queue.stats()).toMatchObject({ backlog: 0, inflight: 0, total: 300 })
    }))

  it('JQ-01 options that no thread can be started with end the jobs that wait for one', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { worker: { execArgv: ['--no-such-option-of-node'] } })
      const code = await failureCode(queue.run(of('echo'), 1))
      expect(['EAGAIN', 'ERR_WORKER_DIED']).toContain(code)
    }))

  it('JQ-01 threads get the options they were meant to have', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { worker: { env: { GREETING: 'hello' } } })
      expect(await queue.run(of('environment'), 'GREETING')).toBe('hello')
      expect(await queue.run(of('environment'), 'HOME')).toBe(undefined)
    }))
})

describe('A-AS-6 [AS-09] cancelling', () => {
  it('signal: the work sees it at the deadline, whether or not it lets anything else run', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      for (const [name, result] of [
        ['untilSignalled', 'AbortError true'],
        ['untilAborted', 'heard'],
      ] as const) {
        // Not before the thread is there, lest the deadline pass while it starts.
        await queue.run(of('nothing'))
        const { job, deadline } = await begunBefore((deadline, cells) =>
          queue.run(of(name), { cells }, { deadline, cancel: 'signal' }),
        )
        expect(await job).toBe(result)
        expect(Date.now()).toBeGreaterThanOrEqual(deadline - 1)
      }
    }))

  it('signal: an abort tells the work, and the job rejects when that is over', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      for (const name of ['untilSignalled', 'untilAborted', 'untilThrown']) {
        const cells = sharedCells()
        const controller = new AbortController()
        const job = queue.run(of(name), { cells }, { signal: controller.signal, cancel: 'signal' })
        await settled(() => cells[1] === 1)
        controller.abort(new Error('enough'))
        await expect(job).rejects.toThrow('enough')
      }
      expect(queue.stats()).toMatchObject({ inflight: 0, concurrency: 1 })
    }))

  it('terminate: the worker dies, the cleanup runs, the queue keeps its concurrency', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const deaths: WorkerDeath[] = []
      jobqs.on('fatal', (death) => deaths.push(death))
      await queue.run(of('nothing'))
      const options = { cancel: 'terminate', cleanup: of('cleanup') } as const
      const { job, cells } = await begunBefore(
        (deadline, cells) => queue.run(of('foreverWork'), { cells }, { ...options, deadline }),
        workHasBegun,
      )
      const code = await failureCode(job)
      expect(['ETIME', 'ERR_WORKER_DIED']).toContain(code)
      expect(cells[2], 'the work').toBe(1)
      expect([2, 3], 'the cleanup').toContain(cells[4])
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
      expect(deaths, 'it was asked to').toEqual([])
    }))

  it('terminate: the cleanup gets undefined where the argument had moved to the thread that died', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      await queue.run(of('nothing'))
      const options = { cancel: 'terminate', cleanup: of('keep') } as const
      const { job, cells } = await begunBefore((deadline, cells) => {
        const { port1, port2 } = new MessageChannel()
        const transfer = [port2 as never]
        return queue
          .run(of('forever'), { cells, port2 }, { ...options, deadline, transfer })
          .finally(() => port1.close())
      })
      expect(await failureCode(job)).toBe('ETIME')
      expect(cells[1], 'the work').toBe(1)
      expect(await queue.run(of('kept')), 'by the thread that has taken its place').toEqual([undefined])
    }))

  it('terminate: an abort ends an endless loop', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const cells = sharedCells()
      const controller = new AbortController()
      const job = queue.run(of('forever'), { cells }, { signal: controller.signal, cancel: 'terminate' })
      await settled(() => cells[1] === 1)
      controller.abort(new Error('enough'))
      await expect(job).rejects.toThrow('enough')
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
    }))

  it('without a mode nothing interrupts: a deadline that passes during the work is no matter', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      await queue.run(of('nothing'))
      let timeouts = 0
      const { job } = await begunBefore(async (deadline, cells) => {
        timeouts = queue.stats().timeouts
        const ended = Promise.allSettled([queue.run(of('held'), { cells, value: 'done' }, { deadline })])
        await settled(() => Date.now() > deadline + 50)
        release(cells)
        return (await ended)[0]
      })
      expect(await job).toEqual({ status: 'fulfilled', value: 'done' })
      expect(queue.stats().timeouts).toBe(timeouts)
    }))

  it('JQ-17 a run time-out counts from the start of the work, and tells the caller at once', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      await queue.run(of('nothing'))
      const cells = sharedCells()
      expect(await failureCode(queue.run(of('held'), { cells }, { runTimeout: 200 }))).toBe('ETIME')
      expect(cells[1]).toBe(1)
      const waiting = queue.run(of('echo'), 1, { runTimeout: 5000 })
      release(cells)
      expect(await waiting).toBe(1)
      const hard = failureCode(queue.run(of('forever'), {}, { runTimeout: 50, cancel: 'terminate' }))
      expect(await hard).toBe('ETIME')
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
    }))

  it('JQ-17 a run time-out does not count what keeps the thread from a job that it was handed', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      let took = 0
      // Should the second job be taken in the turn of the first, before what the first leaves behind: once more.
      for (let round = 0; round < 10 && took < 4400; round++) {
        await queue.run(of('nothing'))
        const began = performance.now()
        await queue.run(of('burnBehind'), 3000)
        // Both times together are longer than it may run.
        expect(await queue.run(of('burn'), 1500, { runTimeout: 4000 })).toBe(undefined)
        took = performance.now() - began
      }
      expect(took).toBeGreaterThanOrEqual(4400)
    }))

  it('JQ-17 what a job that took too long gives back at last is not kept', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { concurrency: 2 })
      const host = queue.mail as WorkerHost
      const cells = sharedCells()
      const other = sharedCells()
      await Promise.all([queue.run(of('nothing')), queue.run(of('nothing'))])
      // A result that is shared memory comes over a MessagePort, with or without the record of the job.
      const late = (n: number) => ({ cells, value: { n, cells } })
      const wanted = queue.run(of('laterHeld'), { cells: other, value: { n: 'wanted', cells } })
      expect(await failureCode(queue.run(of('laterHeld'), late(1), { runTimeout: 50 }))).toBe('ETIME')
      release(cells)
      await settled(() => host.unclaimed === 1)
      release(other)
      expect(await wanted).toMatchObject({ n: 'wanted' })
      await queue.run(of('nothing'))
      expect(host.unclaimed).toBe(0)
      expect(await queue.run(of('laterHeld'), late(2))).toMatchObject({ n: 2 })
    }))

  it('JQ-17 AS-09 without a mode a run time-out leaves its job and the others alone', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      await queue.run(of('nothing'))
      const cells = sharedCells(3)
      expect(await failureCode(queue.run(of('heldUnasked'), { cells }, { runTimeout: 50 }))).toBe('ETIME')
      const next = queue.run(of('echo'), 'next')
      // For longer than a thread has to answer a signal.
      const passed = Date.now() + 700
      await settled(() => Date.now() > passed)
      expect(queue.stats()).toMatchObject({ backlog: 1, inflight: 1 })
      release(cells)
      expect(await next).toBe('next')
      expect(cells[2]).toBe(1)
    }))

  it('A-AS-6 [TP-20] a thread that is to be ended takes no other job along', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      for (let n = 0; n < 8; n++) {
        await queue.run(of('nothing'))
        // Over about when its time is, so that the thread may be free again before it is ended.
        const limited = queue.run(of('burn'), 20 + n / 5, { runTimeout: 20, cancel: 'terminate' })
        const innocent = queue.run(of('laterEcho'), n)
        await limited.catch((error) => expect(error.code).toBe('ETIME'))
        expect(await innocent).toBe(n)
      }
    }))

  it.each(['workAndLeave', 'workAndExplode'])(
    'AS-01 [AS-11] the cleanup is run by another thread where the work ends its own: %s',
    (work) =>
      withJobqs(async (jobqs) => {
        const queue = jobqs.create('case')
        const cells = sharedCells(8)
        const job = queue.run(of(work), { cells }, { cleanup: of('cleanup') })
        expect(await failureCode(job)).toBe('ERR_WORKER_DIED')
        expect([cells[1], cells[2]]).toEqual([2, 1])
        expect(cells[3]).not.toBe(cells[5])
      }),
  )

  it('AS-01 where the cleanup ends its thread it is not run again', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      const cells = sharedCells(8)
      const job = queue.run(of('work'), { cells }, { cleanup: of('workAndLeave') })
      expect(await failureCode(job)).toBe('ERR_WORKER_DIED')
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
      expect(cells[1]).toBe(2)
    }))

  it('AS-01 JQ-17 the cleanup is run as well where the thread ends behind a time-out that was told', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      await queue.run(of('nothing'))
      const arg = { path: join(temporaryFolder(), 'leave') }
      const job = queue.run(of('leaveWhenThere'), arg, { runTimeout: 50, cleanup: of('keep') })
      expect(await failureCode(job)).toBe('ETIME')
      writeFileSync(arg.path, '')
      await settled(() => queue.stats().total === 2)
      expect(await queue.run(of('kept'))).toEqual([arg])
    }))

  it.each(['signal', 'terminate'] as const)(
    'AS-12 an abort leaves a cleanup alone whose work was skipped: %s',
    (cancel) =>
      withJobqs(async (jobqs) => {
        const queue = jobqs.create('case')
        const cells = sharedCells(8)
        const abort = new AbortController()
        const options = { deadline: Date.now() - 1, cancel, cleanup: of('heldCleanup') }
        const job = failure(queue.run(of('work'), { cells }, { ...options, signal: abort.signal }))
        await settled(() => cells[1] === 1)
        abort.abort()
        // With what this loop has said.
        expect(queue.stats().inflight).toBe(1)
        release(cells)
        expect((await job).name).toBe('AbortError')
        expect([cells[1], cells[2], cells[4]]).toEqual([2, 2, 3])
      }),
  )

  it('A-AS-6 [AS-01] the cleanup behind a thread that was ended has what only messages carry', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case')
      for (const limit of ['runTimeout', 'deadline'] as const) {
        await queue.run(of('nothing'))
        const { job, cells } = await begunBefore((deadline, cells) => {
          const at = limit === 'deadline' ? { deadline } : { runTimeout: 300 }
          const options = { ...at, cancel: 'terminate', cleanup: of('cleanup') } as const
          return queue.run(of('foreverWork'), { cells }, options)
        }, workHasBegun)
        expect(await failureCode(job)).toBe('ETIME')
        // Which is over when the job is.
        expect([cells[1], cells[2], [2, 3].includes(cells[4] as number)]).toEqual([2, 1, true])
      }
    }))

  it('JQ-17 AS-09 a job that comes back late leaves the time-out of the next alone', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { concurrency: 2 })
      const [late, next] = [sharedCells(), sharedCells()]
      await Promise.all([queue.run(of('nothing')), queue.run(of('nothing'))])
      expect(await failureCode(queue.run(of('held'), { cells: late }, { runTimeout: 100 }))).toBe('ETIME')
      // It gets the place that the first has left, and runs on the other thread when that comes back.
      const job = failureCode(queue.run(of('held'), { cells: next }, { runTimeout: 1500 }))
      await settled(() => Atomics.load(next, 1) === 1)
      release(late)
      await settled(() => queue.stats().total === 3)
      expect(await job).toBe('ETIME')
      release(next)
    }))

  it('when every thread ignores its signal what waits ends with ERR_QUEUE_WEDGED', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { concurrency: 2, max: 2 })
      const cells = sharedCells()
      const controller = new AbortController()
      const options = { signal: controller.signal, cancel: 'signal' } as const
      const stuck = [1, 2].map((n) => queue.run(of('held'), { cells, value: n }, options))
      const settlements = Promise.allSettled(stuck)
      await settled(() => cells[1] === 2)
      controller.abort(new Error('stop'))
      expect(await failureCode(queue.run(of('echo'), 1))).toBe('ERR_QUEUE_WEDGED')
      release(cells)
      for (const end of await settlements) expect(end).toMatchObject({ reason: { message: 'stop' } })
      expect(await queue.run(of('echo'), 'goes on')).toBe('goes on')
    }))
})

describe('A-JQ-9 [JQ-13] drain resolves when the last job has settled', () => {
  it.each(['native', 'worker'] as const)('of a %s queue', (kind) =>
    withJobqs(async (jobqs) => {
      const target = kind === 'native' ? { native: 'heddle:nothing' } : of('nothing')
      const rounds = kind === 'native' ? 500 : 4
      let early = 0
      for (let round = 0; round < rounds; round++) {
        const queue = jobqs.create(`case ${round}`, { kind })
        let over = 0
        const count = 1 + (round % 8)
        for (let n = 0; n < count; n++) void queue.run(target).then(() => over++)
        await queue.drain()
        if (over < count) early++
        queue.destroy()
      }
      expect(early).toBe(0)
    }),
  )

  it('also where its result comes over a MessagePort', () =>
    withJobqs(async (jobqs) => {
      for (let round = 0; round < 4; round++) {
        const queue = jobqs.create(`case ${round}`)
        const cells = sharedCells()
        release(cells)
        let over = 0
        for (let n = 0; n < 20; n++) void queue.run(of('held'), { cells, value: cells }).then(() => over++)
        await queue.drain()
        expect(over).toBe(20)
        queue.destroy()
      }
    }))

  it('also where its thread has died', () =>
    withJobqs(async (jobqs) => {
      for (let round = 0; round < 4; round++) {
        const queue = jobqs.create(`case ${round}`)
        let code: string | undefined
        queue.run(of('leave'), 0).catch((error) => {
          code = error.code
        })
        await queue.drain()
        expect(code).toBe('ERR_WORKER_DIED')
        queue.destroy()
      }
    }))

  it('AS-06 also where it waits for a dependent', () =>
    withJobqs(async (jobqs) => {
      for (let round = 0; round < 4; round++) {
        const queue = jobqs.create(`case ${round}`)
        let isOver = false
        const parent = queue.run(of('addBurn'), 5).then(() => {
          isOver = true
        })
        await settled(() => queue.stats().total >= 1)
        await queue.drain()
        expect(isOver).toBe(true)
        await parent
        queue.destroy()
      }
    }))
})

describe('A-AS-5 [AS-08] deadlines', () => {
  it('that have passed when a worker is free skip the work, not the cleanup', () =>
    withJobqs(async (jobqs) => {
      for (const deadline of [Date.now() + 20.25, Math.ceil(Date.now() / 1000) * 1000]) {
        const { queue, letGo } = await blocked(jobqs, 'case')
        const cells = sharedCells(8)
        const before = queue.stats().timeouts
        const phased = failureCode(queue.run(of('work'), { cells }, { deadline, cleanup: of('cleanup') }))
        const plain = failureCode(queue.run(of('order'), { cells, value: 9 }, { deadline }))
        await settled(() => Date.now() > deadline + 1)
        await letGo()
        expect(await Promise.all([phased, plain])).toEqual(['ETIME', 'ETIME'])
        expect([...cells.subarray(1, 5)], 'one step, the cleanup, which knows').toEqual([1, 3, cells[3], 0])
        expect(queue.stats().timeouts).toBe(before + 2)
        await queue[Symbol.asyncDispose]()
      }
    }))
})

describe('cleanups', () => {
  it('A-AS-4 [AS-11] run on the thread of the work, whatever has become of that', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { concurrency: 2 })
      const run = async (arg: object, work = 'work') => {
        const cells = sharedCells(8)
        const end = await queue
          .run(of(work), { cells, ...arg }, { cleanup: of('cleanup') })
          .catch((error) => error)
        expect([cells[1], cells[2], cells[4]]).toEqual([2, 1, 2])
        expect(cells[3]).toBe(cells[5])
        return end
      }
      expect(await run({})).toBe('worked')
      expect(await run({}, 'laterWork')).toBe('worked')
      expect(await run({ failing: ['work'] })).toMatchObject({ message: 'work failed' })
      expect(await run({ failing: ['cleanup'] })).toMatchObject({ message: 'cleanup failed' })
      expect(await run({ failing: ['work', 'cleanup'] })).toMatchObject({ message: 'work failed' })
    }))
})

describe('A-JQ-10 [JQ-08] memory safety', () => {
  it('cs: each job is a section, from its start to its end', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { memorySafety: 'cs' })
      expect(await queue.run(of('inSection'))).toBe(true)
      expect(await queue.run(of('laterInSection'))).toEqual([true, true])
      expect(await failureCode(queue.run(of('fail'), { code: 'EX' }))).toBe('EX')
      expect(await queue.run(of('inSection'))).toBe(true)
    }))

  it('none and gc: no job is', () =>
    withJobqs(async (jobqs) => {
      for (const memorySafety of ['none', 'gc'] as const) {
        const queue = jobqs.create(memorySafety, { memorySafety })
        expect(await queue.run(of('inSection'))).toBe(false)
        expect(await queue.run(of('laterInSection'))).toEqual([false, false])
      }
    }))

  it('gc: what was freed goes away between jobs', () =>
    withJobqs(async (jobqs) => {
      const queue = jobqs.create('case', { memorySafety: 'gc' })
      await queue.run(of('freeSome'), 50)
      await queue.run(of('nothing'))
      await queue.run(of('nothing'))
      const { freesRequested, freesCompleted } = await queue.run<Record<string, number>>(of('safeStats'))
      expect(freesRequested).toBeGreaterThanOrEqual(50)
      expect(freesCompleted).toBe(freesRequested)
    }))
})
