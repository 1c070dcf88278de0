import { threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import {
  type AsyncJob,
  type Event,
  type HeddleError,
  Mask,
  Semaphore,
  type ThreadPools,
  memtypes,
} from '../../lib'
import { of, release, sharedCells, steps } from './asynch-harness'
import { codeOf } from './eventer-harness'
import { failure, withPools } from './threadpool-harness'

describe('the completion of a job', () => {
  it('TP-02 A-TP-1 none: nothing follows the work', () =>
    withPools(async (_, pools) => {
      const cells = sharedCells()
      const job = pools.job({ worker: of('poolWork'), closure: { cells, value: 5 } })
      expect([job.state, pools.queue(job), job.state]).toEqual(['idle', true, 'queued'])
      const { thread, given } = (await job.done) as { thread: number; given: number }
      expect(steps(cells)).toEqual([{ step: 'work', thread }])
      expect([given, thread === threadId, job.state]).toEqual([5, false, 'done'])
    }))

  it('TP-03 A-TP-1 event: it is called back with the mask, on its loop', () =>
    withPools(
      async (bench, pools) => {
        const { eventer } = bench
        const [ours] = bench.pair()
        const seen: unknown[] = []
        const event = eventer.fdEvent(ours, Mask.READ, (e, mask) => {
          seen.push(mask, eventer.currentLoop()?.name, e.mask)
          eventer.remove(e)
        })
        event.owner = eventer.loops[1] as never
        const job = pools.job({
          worker: of('poolWork'),
          completion: { mode: 'event', event, mask: Mask.WRITE },
        })
        expect(pools.queue(job)).toBe(true)
        await bench.until(() => seen.length > 0)
        expect(seen).toEqual([Mask.WRITE, 'default/1', Mask.WRITE])
      },
      { loops: 2 },
    ))

  it('TP-09 event-inst and callback-sched-inst go to the loop that is named', () =>
    withPools(
      async (bench, pools) => {
        const { eventer } = bench
        const [first, second] = eventer.loops as unknown as (typeof eventer.loops)[0][]
        const [ours] = bench.pair()
        const seen: unknown[] = []
        const event = eventer.fdEvent(ours, Mask.READ, () => void seen.push(eventer.currentLoop()?.name))
        event.owner = first as never
        const loop = second as never
        pools.queue(
          pools.job({
            worker: of('poolWork'),
            completion: { mode: 'event-inst', event, mask: Mask.READ, loop },
          }),
        )
        await bench.until(() => seen.length === 1)
        const fn = (): void => void seen.push(eventer.currentLoop()?.name)
        pools.queue(
          pools.job({ worker: of('poolWork'), completion: { mode: 'callback-sched-inst', fn, loop } }),
        )
        await bench.until(() => seen.length === 2)
        expect(seen).toEqual(['default/1', 'default/1'])
      },
      { loops: 2 },
    ))

  it('TP-04 A-TP-1 module: the suspended session is resumed with the context', () =>
    withPools(async (bench, pools) => {
      const { eventer } = bench
      const [ours, theirs] = bench.pair()
      const context = { verdict: 'accept' }
      const seen: unknown[] = []
      let session: ReturnType<ThreadPools['suspend']> | undefined
      const event = eventer.fdEvent(ours, Mask.READ, (e, mask) => {
        if (session !== undefined) {
          seen.push(mask, session.context === context, session.state, e === session.event)
          return 0
        }
        session = pools.suspend(e)
        expect([session.state, eventer.findFd(ours)]).toEqual(['suspended', undefined])
        const completion = { mode: 'module', event: session, mask: Mask.WRITE, context } as const
        expect(pools.queue(pools.job({ worker: of('poolWork'), completion }))).toBe(true)
        return 0
      })
      eventer.add(event)
      bench.write(theirs, 'validate me')
      await bench.until(() => seen.length > 0)
      expect(seen).toEqual([Mask.WRITE, true, 'resumed', true])
      expect(codeOf(() => session?.resume(Mask.READ))).toBe('EALREADY')
    }))

  it('TP-05 A-TP-1 callback: in the thread that ran the work, with the job and the closure', () =>
    withPools(async (_, pools) => {
      for (const worker of ['poolWork', 'poolFailing']) {
        const cells = sharedCells(16)
        const job = pools.job({
          worker: of(worker),
          closure: { cells },
          completion: { mode: 'callback', fn: of('poolTold') },
        })
        expect(pools.queue(job)).toBe(true)
        const fails = worker === 'poolFailing'
        if (fails) expect((await failure(job.done)).code).toBe('EFAIL')
        else await job.done
        const ran = steps(cells)
        expect(ran.map(({ step }) => step)).toEqual(fails ? ['cleanup'] : ['work', 'cleanup'])
        expect(new Set(ran.map(({ thread }) => thread)).has(threadId)).toBe(false)
        if (!fails) expect(ran[0]?.thread).toBe(ran[1]?.thread)
        expect(Atomics.load(cells, 6)).toBe(fails ? 2 : 1)
      }
    }))

  it("TP-06 TP-12 A-TP-1 callback-sched: on the scheduler's loop, with the closure itself", () =>
    withPools(async (bench, pools) => {
      const { eventer } = bench
      const closure = { value: 'given' }
      const mine = { mine: true }
      const seen: unknown[] = []
      for (const own of [false, true]) {
        const job = pools.job({
          worker: of('poolWork'),
          closure,
          completion: {
            mode: 'callback-sched',
            fn: (given, passed) => {
              seen.push(
                given === job,
                passed === (own ? mine : closure),
                eventer.currentLoop()?.name,
                job.state,
              )
              seen.push((job.value as { given: string }).given)
              eventer.addIn(0, () => void seen.push('scheduled'))
            },
            ...(own ? { closure: mine } : {}),
          },
        })
        pools.queue(job)
        await bench.until(() => seen.length % 6 === 0 && seen.length > 0)
        if (!own) seen.length = 0
      }
      expect(seen).toEqual([true, true, 'default/0', 'completing', 'given', 'scheduled'])
    }))

  it('TP-06 of a failed job the callback sees the error; what it throws itself is reported', () =>
    withPools(async (bench, pools) => {
      const reported: unknown[] = []
      bench.eventer.on('error', (error) => reported.push((error as HeddleError).code))
      const seen: unknown[] = []
      for (const fn of [
        (job: AsyncJob) => {
          seen.push((job.error as HeddleError).code)
          throw new Error('the callback failed')
        },
        async (job: AsyncJob) => {
          await bench.eventer.sleep(1)
          seen.push(job.state)
          throw new Error('the callback failed later')
        },
      ]) {
        const job = pools.job({
          worker: of('poolFailing'),
          completion: { mode: 'callback-sched', fn: fn as never },
        })
        pools.queue(job)
        expect((await failure(job.done)).code).toBe('EFAIL')
      }
      await bench.until(() => reported.length === 2)
      expect(seen).toEqual(['EFAIL', 'completing'])
      expect(reported).toEqual(['ERR_CALLBACK', 'ERR_CALLBACK'])
    }))

  it('TP-07 A-TP-1 semaphore: one permit is posted', () =>
    withPools(async (_, pools) => {
      const semaphore = new Semaphore(0)
      const job = pools.job({ worker: of('poolWork'), completion: { mode: 'semaphore', semaphore } })
      pools.queue(job)
      await semaphore.wait()
      expect([semaphore.available, job.state]).toEqual([0, 'done'])
      pools.queue(pools.job({ worker: of('poolFailing'), completion: { mode: 'semaphore', semaphore } }))
      await semaphore.wait()
    }))

  it('TP-08 A-TP-1 sync: work and completion here and now, with no pool, or a full one', () =>
    withPools(async (_, pools) => {
      const closure = { value: 1 }
      const order: unknown[] = []
      const job: AsyncJob<typeof closure> = pools.job({
        jobClass: 'no such pool',
        worker: (given: AsyncJob, passed: unknown) => {
          order.push('work', given === (job as AsyncJob), passed === closure, job.state)
          expect(codeOf(() => pools.queue(job as AsyncJob))).toBe('ERR_JOB_ACTIVE')
          return 'result'
        },
        closure,
        completion: {
          mode: 'sync',
          fn: (given, passed) =>
            void order.push('completion', given === (job as AsyncJob), passed === closure, given.value),
        },
      })
      expect(pools.queue(job as AsyncJob)).toBe(true)
      expect(order).toEqual(['work', true, true, 'queued', 'completion', true, true, 'result'])
      expect([job.state, job.value, await job.done]).toEqual(['done', 'result', 'result'])
      const failing = pools.job({
        worker: () => {
          throw new Error('at once')
        },
        completion: { mode: 'sync', fn: (given) => order.push((given.error as Error).message) },
      })
      expect(pools.queue(failing as AsyncJob)).toBe(true)
      expect(order.at(-1)).toBe('at once')
    }))

  it('TP-08 sync runs exports that were loaded before, and nothing that it would have to wait for', () =>
    withPools(async (_, pools) => {
      const job = pools.job({ worker: of('poolWork'), closure: { value: 3 }, completion: { mode: 'sync' } })
      expect(codeOf(() => pools.queue(job))).toBe('ERR_NOT_SUPPORTED')
      expect(job.state).toBe('idle')
      await pools.prepare(of('poolWork'))
      expect([pools.queue(job), job.value]).toEqual([true, { thread: threadId, given: 3 }])
      expect((await failure(pools.prepare(of('notAFunction')))).code).toBe('ERR_INVALID_ARGUMENT')
      const slow = pools.job({ worker: async () => 5, completion: { mode: 'sync' } })
      pools.queue(slow as AsyncJob)
      expect((slow.error as HeddleError).code).toBe('ERR_NOT_SUPPORTED')
      const permits = new Semaphore(0)
      const refused = pools.job({ worker: () => 5, concurrency: permits, completion: { mode: 'sync' } })
      expect(pools.queue(refused as AsyncJob)).toBe(false)
      permits.post()
      expect([pools.queue(refused as AsyncJob), permits.available]).toEqual([true, 1])
    }))

  it('TP-03 an event that is gone by then is told of, and the job is over', () =>
    withPools(async (bench, pools) => {
      const reported: HeddleError[] = []
      bench.eventer.on('error', (error) => reported.push(error as HeddleError))
      const cells = sharedCells()
      const event = bench.eventer.timerIn(60_000, () => {})
      const job = pools.job({
        worker: of('poolHeld'),
        closure: { cells, value: 3 },
        completion: { mode: 'event', event, mask: Mask.TIMER },
      })
      pools.queue(job)
      event[Symbol.dispose]()
      release(cells)
      expect([await job.done, job.state]).toEqual([3, 'done'])
      await bench.until(() => reported.length > 0)
      expect(reported.map(({ code, cause }) => [code, (cause as HeddleError).code])).toEqual([
        ['ERR_EVENT_FREED', 'ERR_EVENT_FREED'],
      ])
    }))

  it('TP-21 a suspended event goes on by its duplicate', () =>
    withPools(async (bench, pools) => {
      const { eventer } = bench
      const [ours, theirs] = bench.pair()
      const job = pools.job({ worker: of('poolWork') })
      const seen: unknown[] = []
      const event = eventer.fdEvent(ours, Mask.READ, (e, mask) => {
        seen.push(mask, e === event)
        if (e !== event) return 0
        const session = pools.suspend(e)
        pools.wakeEventOnCompletion(job, session.event, Mask.WRITE)
        pools.queue(job)
        return 0
      })
      eventer.add(event)
      bench.write(theirs, 'go')
      await bench.until(() => seen.length === 4)
      expect(seen).toEqual([Mask.READ, true, Mask.WRITE, false])
    }))

  it('TP-21 wakeEventOnCompletion schedules the event that it is given', () =>
    withPools(async (bench, pools) => {
      const { eventer } = bench
      const [ours] = bench.pair()
      const masks: number[] = []
      const event: Event = eventer.fdEvent(ours, Mask.READ, (_, mask) => void masks.push(mask))
      const job = pools.job({ worker: of('poolFailing') })
      pools.wakeEventOnCompletion(job, event, Mask.READ | Mask.WRITE)
      pools.queue(job)
      expect(codeOf(() => pools.wakeEventOnCompletion(job, event, Mask.READ))).toBe('ERR_JOB_ACTIVE')
      await bench.until(() => masks.length > 0)
      expect(masks).toEqual([Mask.READ | Mask.WRITE])
      expect((job.error as HeddleError).code).toBe('EFAIL')
      const timed: number[] = []
      const timer = eventer.timerIn(60_000, (_, mask) => void timed.push(mask))
      pools.wakeEventOnCompletion(job, timer, Mask.TIMER)
      pools.queue(job)
      await bench.until(() => timed.length > 0)
    }))
})

describe('job objects', () => {
  it('TP-01 TP-16 A-TP-8 one belongs to its pool until it is over: no second submission, no change', () =>
    withPools(async (bench, pools) => {
      const cells = sharedCells()
      const job = pools.job({ worker: of('poolHeld'), closure: { cells, value: 1 } })
      pools.queue(job)
      const changes: (() => unknown)[] = [
        () => pools.queue(job),
        () => (job.worker = of('poolWork')),
        () => (job.closure = { cells, value: 2 }),
        () => (job.completion = { mode: 'none' }),
        () => (job.concurrency = new Semaphore(1)),
        () => (job.jobClass = 'CPU'),
        () => (job.skipCompletion = true),
        () => (job.skipOnShutdown = true),
        () => (job.transfer = []),
        () => job[Symbol.dispose](),
        () => pools.completeTail(job),
      ]
      for (const running of [false, true]) {
        if (running) await bench.until(() => Atomics.load(cells, 1) === 1)
        expect(changes.map(codeOf)).toEqual(changes.map(() => 'ERR_JOB_ACTIVE'))
      }
      expect((await failure(pools.enqueue(job))).code).toBe('ERR_JOB_ACTIVE')
      release(cells)
      expect(await job.done).toBe(1)
      job.closure = { cells, value: 2 }
      expect(pools.queue(job)).toBe(true)
      expect(await job.done).toBe(2)
    }))

  it('TP-11 A-TP-4 a semaphore bounds how many run at once, and failing jobs give their permit back', () =>
    withPools(async (_, pools) => {
      pools.create('eight', { concurrency: 8 })
      const permits = new Semaphore(2)
      const cells = sharedCells()
      const jobs = Array.from({ length: 10 }, (__, n) =>
        pools.job({
          jobClass: 'Eight',
          worker: of('poolCrowd'),
          closure: { cells, failing: n % 3 === 0 },
          concurrency: permits,
          completion: { mode: 'callback-sched', fn: () => {} },
        }),
      )
      expect(jobs.map((job) => pools.queue(job))).toEqual(jobs.map(() => true))
      expect(jobs.map(({ state }) => state).filter((state) => state === 'waiting')).toHaveLength(8)
      expect(pools.byName('eight').stats().parked).toBe(8)
      const ends = await Promise.allSettled(jobs.map(({ done }) => done))
      expect(ends.map(({ status }) => status)).toEqual(
        jobs.map((__, n) => (n % 3 === 0 ? 'rejected' : 'fulfilled')),
      )
      expect(Atomics.load(cells, 1)).toBe(2)
      expect([permits.available, pools.byName('eight').stats().parked]).toEqual([2, 0])
      // Those that wait for a permit hold no thread.
      expect(pools.byName('eight').threads).toBeLessThanOrEqual(2)
    }))

  it('TP-11 a job whose thread dies gives its permit back', () =>
    withPools(async (_, pools) => {
      const concurrency = new Semaphore(1)
      const leaving = pools.job({ worker: of('poolLeave'), concurrency })
      const next = pools.job({ worker: of('poolWork'), closure: { value: 4 }, concurrency })
      for (const job of [leaving, next]) pools.queue(job)
      expect((await failure(leaving.done)).code).toBe('ERR_WORKER_DIED')
      expect(((await next.done) as { given: number }).given).toBe(4)
      expect(concurrency.available).toBe(1)
    }))

  it('TP-16 a completion begins when the work is over, in whatever thread', () =>
    withPools(async (_, pools) => {
      const inThread = sharedCells(16)
      const told = pools.job({
        worker: of('poolSlow'),
        closure: { cells: inThread },
        completion: { mode: 'callback', fn: of('poolTold') },
      })
      const here = sharedCells(16)
      const seen: string[] = []
      const fn = () => void seen.push(...steps(here).map(({ step }) => step))
      const sched = pools.job({
        worker: of('poolSlow'),
        closure: { cells: here },
        completion: { mode: 'callback-sched', fn },
      })
      for (const job of [told, sched]) pools.queue(job)
      await Promise.all([told.done, sched.done])
      expect(steps(inThread).map(({ step }) => step)).toEqual(['work', 'work', 'cleanup'])
      expect(seen).toEqual(['work', 'work'])
    }))

  it('TP-11 where the semaphore is closed a job is refused, or has failed if it was accepted', () =>
    withPools(async (bench, pools) => {
      const permits = new Semaphore(1)
      const cells = sharedCells()
      const told: unknown[] = []
      const make = () =>
        pools.job({
          worker: of('poolHeld'),
          closure: { cells, value: 1 },
          concurrency: permits,
          completion: { mode: 'callback-sched', fn: (job) => told.push((job.error as HeddleError)?.code) },
        })
      const [running, parked] = [make(), make()]
      for (const job of [running, parked]) pools.queue(job)
      await bench.until(() => Atomics.load(cells, 1) === 1)
      permits[Symbol.dispose]()
      expect((await failure(parked.done)).code).toBe('ERR_CLOSED')
      expect([parked.state, pools.byName('IO').stats().parked]).toEqual(['done', 0])
      expect([codeOf(() => pools.queue(parked)), parked.state]).toEqual(['ERR_CLOSED', 'done'])
      expect((await failure(pools.enqueue(parked))).code).toBe('ERR_CLOSED')
      const sync = pools.job({ worker: () => 5, concurrency: permits, completion: { mode: 'sync' } })
      expect(codeOf(() => pools.queue(sync as AsyncJob))).toBe('ERR_CLOSED')
      release(cells)
      expect(await running.done).toBe(1)
      expect(told).toEqual(['ERR_CLOSED', undefined])
    }))

  it('TP-01 TP-16 a getter of the closure cannot submit the job again, nor change it', () =>
    withPools(async (_, pools) => {
      const seen: unknown[] = []
      const closure = {
        get value(): number {
          seen.push(
            codeOf(() => pools.queue(job)),
            codeOf(() => (job.jobClass = 'CPU')),
            codeOf(() => job[Symbol.dispose]()),
          )
          return 7
        },
      }
      const job: AsyncJob = pools.job({ worker: of('poolWork'), closure: closure as unknown }) as AsyncJob
      expect(pools.queue(job)).toBe(true)
      expect(((await job.done) as { given: number }).given).toBe(7)
      expect(new Set(seen)).toEqual(new Set(['ERR_JOB_ACTIVE']))
      const trap = pools.job({
        worker: of('poolWork'),
        closure: {
          get value(): number {
            throw new Error('the getter')
          },
        },
      })
      expect(() => pools.queue(trap as AsyncJob)).toThrow('the getter')
      expect([trap.state, trap.isActive]).toEqual(['idle', false])
    }))

  it('TP-13 MT-11 A-MT-10 the memory of jobs goes with their completion', () =>
    withPools(async (_, pools) => {
      const { asyncJob } = memtypes.builtin
      const before = memtypes.stats(asyncJob).live
      const jobs = Array.from({ length: 1000 }, (__, n) =>
        pools.job({ worker: of('poolWork'), closure: { value: n }, freeOnCompletion: asyncJob }),
      )
      expect(memtypes.stats(asyncJob).live).toBe(before + 1000)
      for (const job of jobs) expect(pools.queue(job)).toBe(true)
      const values = (await Promise.all(jobs.map(({ done }) => done))) as { given: number }[]
      expect(values.map(({ given }) => given)).toEqual(jobs.map((__, n) => n))
      expect(memtypes.stats(asyncJob).live).toBe(before)
      const [job] = jobs as [AsyncJob]
      expect([job.state, codeOf(() => pools.queue(job))]).toEqual(['freed', 'ERR_STALE_HANDLE'])
    }))

  it('TP-13 a job in memory of its own: another type is a mismatch, and nothing is freed', () =>
    withPools(async (_, pools) => {
      const { asyncJob } = memtypes.builtin
      const own = memtypes.register({ description: 'test:session', kind: 'fixed', size: 128 })
      const memory = memtypes.malloc(own)
      const job = pools.job({ worker: of('poolWork'), memory, freeOnCompletion: asyncJob })
      expect(codeOf(() => pools.queue(job))).toBe('ERR_MEMTYPE_MISMATCH')
      expect([job.state, memory.isLive]).toEqual(['idle', true])
      const right = pools.job({ worker: of('poolWork'), memory, freeOnCompletion: own })
      pools.queue(right)
      await right.done
      expect([memory.isLive, memtypes.stats(own).live]).toEqual([false, 0])
      const unused = pools.job({ worker: of('poolWork'), freeOnCompletion: own })
      expect(memtypes.stats(own).live).toBe(1)
      unused[Symbol.dispose]()
      unused[Symbol.dispose]()
      expect([memtypes.stats(own).live, unused.state]).toEqual([0, 'freed'])
    }))

  it('TP-14 A-TP-5 a completion that is withheld is called by completeTail, once, and the job lives until then', () =>
    withPools(async (bench, pools) => {
      const { eventer } = bench
      const { asyncJob } = memtypes.builtin
      const before = memtypes.stats(asyncJob).live
      const seen: unknown[] = []
      const job = pools.job({
        worker: of('poolWork'),
        skipCompletion: true,
        freeOnCompletion: asyncJob,
        completion: { mode: 'callback-sched', fn: () => seen.push(eventer.currentLoop()?.name) },
      })
      pools.queue(job)
      await bench.until(() => job.state === 'withheld')
      await bench.passes(2)
      expect([seen, memtypes.stats(asyncJob).live]).toEqual([[], before + 1])
      expect(codeOf(() => pools.queue(job))).toBe('ERR_JOB_ACTIVE')
      pools.completeTail(job)
      expect([seen, job.state, memtypes.stats(asyncJob).live]).toEqual([['default/0'], 'freed', before])
      expect(codeOf(() => pools.completeTail(job))).toBe('ERR_JOB_COMPLETED')
      const plain = pools.job({ worker: of('poolWork') })
      expect(codeOf(() => pools.completeTail(plain))).toBe('ERR_JOB_COMPLETED')
      pools.queue(plain)
      await plain.done
      expect(codeOf(() => pools.completeTail(plain))).toBe('ERR_JOB_COMPLETED')
    }))

  it('TP-14 completeTail of another loop takes the completion to its own; a callback runs on the pool', () =>
    withPools(
      async (bench, pools) => {
        const { eventer } = bench
        const seen: unknown[] = []
        const job = pools.job({
          worker: of('poolWork'),
          skipCompletion: true,
          completion: { mode: 'callback-sched', fn: () => seen.push(eventer.currentLoop()?.name) },
        })
        pools.queue(job)
        await bench.until(() => job.state === 'withheld')
        eventer.nextOpportunity(
          () => {
            pools.completeTail(job)
            expect([seen, job.state]).toEqual([[], 'completing'])
          },
          undefined,
          eventer.loops[1] as never,
        )
        await bench.until(() => seen.length > 0)
        expect(seen).toEqual(['default/0'])
        const cells = sharedCells(16)
        const told = pools.job({
          worker: of('poolWork'),
          closure: { cells },
          skipCompletion: true,
          completion: { mode: 'callback', fn: of('poolTold') },
        })
        pools.queue(told)
        await bench.until(() => told.state === 'withheld')
        expect(steps(cells).map(({ step }) => step)).toEqual(['work'])
        pools.completeTail(told)
        await told.done
        // The callback is no job of its own.
        expect(pools.byName('IO').stats().total).toBe(2)
        expect(steps(cells).map(({ step }) => step)).toEqual(['work', 'cleanup'])
        expect(steps(cells)[1]?.thread).not.toBe(threadId)
      },
      { loops: 2 },
    ))

  it('TP-14 a callback that was withheld sees the error of the work', () =>
    withPools(async (bench, pools) => {
      const cells = sharedCells(16)
      const job = pools.job({
        worker: of('poolFailing'),
        closure: { cells },
        skipCompletion: true,
        completion: { mode: 'callback', fn: of('poolToldOfFailure') },
      })
      pools.queue(job)
      await bench.until(() => job.state === 'withheld')
      pools.completeTail(job)
      expect((await failure(job.done)).code).toBe('EFAIL')
      expect(Atomics.load(cells, 6)).toBe(3)
    }))

  it('TP-01 what makes no sense is refused', () =>
    withPools((_, pools) => {
      const worker = of('poolWork')
      const make = (given: unknown) => codeOf(() => pools.job(given as never))
      for (const bad of [
        ...[undefined, 5, {}, { worker: 5 }, { worker: { module: 'relative', export: 'x' } }],
        ...[
          { worker, jobClass: {} },
          { worker, concurrency: 2 },
          { worker, memory: {} },
          { worker, skipCompletion: 1 },
          { worker, freeOnCompletion: 5 },
          { worker, transfer: 5 },
          { worker, transfer: 'list' },
        ],
        ...[
          { worker, completion: 5 },
          { worker, completion: { mode: 'never' } },
          { worker, completion: { mode: 'event' } },
        ],
        ...[
          { worker, completion: { mode: 'module', event: {}, mask: 1 } },
          { worker, completion: { mode: 'semaphore' } },
        ],
        ...[
          { worker, completion: { mode: 'callback', fn: () => {} } },
          { worker, completion: { mode: 'callback-sched', fn: worker } },
        ],
        { worker, completion: { mode: 'callback-sched-inst', fn: () => {}, loop: 5 } },
      ])
        expect(make(bad), JSON.stringify(bad)).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => pools.queue(5 as never))).toBe('ERR_INVALID_ARGUMENT')
      const local = pools.job({ worker: () => 5 })
      expect(codeOf(() => pools.queue(local as AsyncJob))).toBe('ERR_NOT_SUPPORTED')
      const job = pools.job({ worker, closure: () => {} })
      expect(() => pools.queue(job as AsyncJob)).toThrow(/could not be cloned/)
      expect(job.state).toBe('idle')
    }))

  it('TP-02 an error that nobody asked for is reported', () =>
    withPools(async (bench, pools) => {
      const reported: HeddleError[] = []
      bench.eventer.on('error', (error) => reported.push(error as HeddleError))
      pools.queue(pools.job({ worker: of('poolFailing') }))
      await bench.until(() => reported.length === 1)
      expect([reported[0]?.code, (reported[0] as unknown as { callbackName: string }).callbackName]).toEqual([
        'ERR_CALLBACK',
        'poolFailing',
      ])
    }))
})
