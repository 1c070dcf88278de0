import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type AsyncJob, Eventer, type HeddleError, Semaphore, type ThreadPool, ThreadPools } from '../../lib'
import { of, release, sharedCells } from './asynch-harness'
import { backend, type Bench, codeOf, withEventer } from './eventer-harness'
import { failure, withPools } from './threadpool-harness'

/** A job that holds a thread until its cells say otherwise. */
const holding = (pools: ThreadPools, jobClass: string, cells: Int32Array, more: object = {}): AsyncJob =>
  pools.job({ worker: of('poolHeld'), jobClass, closure: { cells }, ...more }) as AsyncJob

const held = (bench: Bench, cells: Int32Array, count = 1): Promise<void> =>
  bench.until(() => Atomics.load(cells, 1) === count, `${count} held jobs`)

/** Warnings of Heddle while the body runs. */
async function warnings(body: () => void): Promise<string[]> {
  const codes: string[] = []
  const note = (warning: Error & { code?: string }) => void codes.push(warning.code ?? '')
  process.on('warning', note)
  body()
  await new Promise(setImmediate)
  process.off('warning', note)
  return codes
}

describe('job classes', () => {
  it('TP-10 A-TP-3 names stand for numbers, in any case; what there is none of is -1', () =>
    withPools((_, pools) => {
      expect(pools.classFor('IO')).toBeGreaterThanOrEqual(0)
      expect(pools.classFor('io')).toBe(pools.classFor('IO'))
      expect(pools.classFor('nope')).toBe(-1)
      expect(codeOf(() => pools.byName('nope'))).toBe('ERR_NO_POOL')
      expect(codeOf(() => pools.byName(99))).toBe('ERR_NO_POOL')
      for (const name of ['CPU', 'IO', 'SwapIn', 'SwapOut']) {
        const pool = pools.byName(name.toUpperCase())
        expect([pool.name, pools.byName(pool.jobClass)]).toEqual([name, pool])
        expect([pool.hasBegun, pool.threads]).toEqual([false, 0])
      }
    }))

  it('TP-10 a job takes either; an unknown class is refused when it is queued', () =>
    withPools(async (_, pools) => {
      const job = pools.job({ worker: of('poolWork'), jobClass: pools.classFor('swapin') })
      expect(pools.queue(job)).toBe(true)
      await job.done
      expect([pools.byName('SwapIn').stats().total, pools.byName('IO').stats().total]).toEqual([1, 0])
      job.jobClass = 'nope'
      expect([codeOf(() => pools.queue(job)), job.state]).toEqual(['ERR_NO_POOL', 'done'])
    }))

  it('TP-01 there is one object an eventer', async () => {
    let last: Eventer | undefined
    await withPools((bench, pools) => {
      expect(ThreadPools.of(bench.eventer)).toBe(pools)
      expect(ThreadPools.of()).toBe(pools)
      last = bench.eventer
    })
    expect(codeOf(() => ThreadPools.of(last as Eventer))).toBe('ERR_NOT_INIT')
    expect(codeOf(() => ThreadPools.of({} as never))).toBe('ERR_INVALID_ARGUMENT')
  })
})

describe('pools', () => {
  it('TP-19 are made with what they are to have, and found by name', () =>
    withPools(async (_, pools) => {
      const before = pools.count
      const pool = pools.create('Mail', { owner: 'mailer', concurrency: 2, maxQueue: 3, autoShrink: true })
      expect([pools.count, pool.jobClass, pools.classFor('MAIL')]).toEqual([before + 1, before, before])
      expect([pool.owner, pool.concurrency, pool.maxQueue, pool.stackSize, pool.kind]).toEqual([
        ...['mailer', 2, 3, 0],
        'worker',
      ])
      expect(pools.list().at(-1)).toBe(pool)
      pool.maxQueue = 5
      const job = pools.job({ worker: of('poolWork'), jobClass: 'mail' })
      pools.queue(job)
      await job.done
      expect(codeOf(() => (pool.maxQueue = 6))).toBe('ERR_NOT_TUNABLE')
      expect(codeOf(() => pools.create('mail'))).toBe('EEXIST')
      for (const bad of [
        { concurrency: 0 },
        { concurrency: 1.5 },
        { maxQueue: -1 },
        { stackSize: 'big' },
        { kind: 'fibre' },
        { owner: 5 },
        5,
      ])
        expect(codeOf(() => pools.create('bad', bad as never))).toBe('ERR_INVALID_ARGUMENT')
      for (const bad of ['', 'a\0b', 'x'.repeat(300), 5])
        expect(codeOf(() => pools.create(bad as never))).toBe('ERR_INVALID_ARGUMENT')
    }))

  it('TP-19 let idle threads go after a while where they are to shrink, and keep them otherwise', () =>
    withPools(async (bench, pools) => {
      const made = [true, false].map((autoShrink) =>
        pools.create(`shrinks ${autoShrink}`, { concurrency: 2, autoShrink, deferSpawn: false }),
      ) as [ThreadPool, ThreadPool]
      await bench.until(() => made.every((pool) => pool.stats().idle === 2), 'idle threads')
      await bench.until(() => made[0].threads === 0, 'no thread')
      expect(made[1].threads).toBe(2)
    }))

  it('TP-19 have their threads at once where they are asked to', () =>
    withPools(async (bench, pools) => {
      const pool = pools.create('eager', { concurrency: 2, deferSpawn: false })
      await bench.until(() => pool.stats().idle === 2, 'two idle threads')
      expect(pool.stats()).toMatchObject({ threads: 2, active: 0, queued: 0, total: 0 })
      pool.concurrency = 3
      await bench.until(() => pool.stats().idle === 3, 'three idle threads')
    }))

  it('TP-18 TP-19 threads on their way take no place in the backlog', () =>
    withPools(async (_, pools) => {
      pools.create('eager', { concurrency: 2, deferSpawn: false, maxQueue: 1 })
      const job = pools.job({ worker: of('poolWork'), jobClass: 'eager' })
      await pools.enqueue(job)
      await job.done
      expect(pools.byName('eager').stats()).toMatchObject({ active: 0, queued: 0, total: 1 })
    }))

  it('TP-17 TP-19 a pool that is made smaller while its threads are started runs jobs all the same', () =>
    withPools(async (bench, pools) => {
      const pool = pools.create('eager', { concurrency: 4, deferSpawn: false })
      pools.configure({ ThreadPool: { eager: { Concurrency: 1 } } })
      const job = pools.job({ worker: of('poolWork'), jobClass: 'eager' })
      pools.queue(job)
      // By the thread itself: it is not held for others that will not come.
      await job.done
      await bench.until(() => pool.stats().idle === 1 && pool.threads === 1, 'one thread')
      expect(pool.stats().total).toBe(1)
    }))

  it('TP-22 count their jobs', () =>
    withPools(async (bench, pools) => {
      const pool = pools.create('counted', { concurrency: 1, maxQueue: 10 })
      expect(pool.stats()).toMatchObject({
        name: 'counted',
        concurrency: 1,
        threads: 0,
        active: 0,
        idle: 0,
        total: 0,
      })
      const cells = sharedCells()
      const permits = new Semaphore(1)
      const jobs = [0, 1].map(() => holding(pools, 'counted', cells))
      for (const job of jobs) pools.queue(job)
      const limited = [0, 1].map(() => holding(pools, 'counted', cells, { concurrency: permits }))
      for (const job of limited) pools.queue(job)
      await held(bench, cells)
      expect(pool.stats()).toMatchObject({
        threads: 1,
        active: 1,
        idle: 0,
        queued: 2,
        parked: 1,
        maxQueue: 10,
      })
      release(cells)
      await Promise.all([...jobs, ...limited].map(({ done }) => done))
      expect(pool.stats()).toMatchObject({ active: 0, queued: 0, parked: 0, total: 4 })
      // What waited did so while another was held.
      expect(pool.stats().avgWaitMs).toBeGreaterThan(0)
      expect(pool.stats().avgRunMs).toBeGreaterThan(0)
      expect(pools.stats().map(({ name }) => name)).toEqual(['CPU', 'IO', 'SwapIn', 'SwapOut', 'counted'])
    }))

  it('TP-18 over the backlog queue answers false, and enqueue waits, in order', () =>
    withPools(async (bench, pools) => {
      pools.create('narrow', { concurrency: 1, maxQueue: 1 })
      const [first, second] = [sharedCells(), sharedCells()]
      const [running, waiting] = [holding(pools, 'narrow', first), holding(pools, 'narrow', second)]
      await pools.enqueue(running)
      await held(bench, first)
      expect(pools.queue(waiting)).toBe(true)
      const order: string[] = []
      const make = (name: string) => {
        const fn = () => void order.push(name)
        return pools.job({
          worker: of('poolWork'),
          jobClass: 'narrow',
          completion: { mode: 'callback-sched', fn },
        }) as AsyncJob
      }
      const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(make) as [AsyncJob, AsyncJob, AsyncJob, AsyncJob]
      expect([pools.queue(a), a.state]).toEqual([false, 'idle'])
      const abort = new AbortController()
      const reason = new Error('no more')
      const waits = [pools.enqueue(a), pools.enqueue(b, { signal: abort.signal }), pools.enqueue(c)]
      expect([a, b, c].map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting'])
      expect(codeOf(() => pools.queue(a))).toBe('ERR_JOB_ACTIVE')
      abort.abort(reason)
      expect(await failure(waits[1] as Promise<void>)).toBe(reason)
      expect(b.state).toBe('idle')
      // Nobody goes ahead of those who wait.
      release(first)
      await running.done
      expect(pools.queue(d)).toBe(false)
      release(second)
      await Promise.all([waits[0], waits[2]])
      await Promise.all([a.done, c.done])
      await pools.enqueue(b)
      await b.done
      expect(order).toEqual(['a', 'c', 'b'])
      const sync = pools.job({
        worker: () => order.push('sync'),
        jobClass: 'narrow',
        completion: { mode: 'sync' },
      })
      expect(pools.queue(sync as AsyncJob)).toBe(true)
      expect(await failure(pools.enqueue(a, { signal: AbortSignal.abort(reason) }))).toBe(reason)
      expect((await failure(pools.enqueue(a, { signal: {} as never }))).code).toBe('ERR_INVALID_ARGUMENT')
    }))

  it('TP-18 TP-11 there is a place when a job begins, when a parked one leaves, when threads are added', () =>
    withPools(async (bench, pools) => {
      const pool = pools.create('roomy', { concurrency: 2, maxQueue: 1 })
      const cells = sharedCells()
      const running = holding(pools, 'roomy', cells)
      pools.queue(running)
      // The first goes on until the second has ended: its place is free as soon as it has a thread.
      const second = pools.job({ worker: of('poolWork'), jobClass: 'roomy' })
      await pools.enqueue(second)
      await second.done
      expect(running.state).toBe('queued')
      const next = holding(pools, 'roomy', cells)
      await pools.enqueue(next)
      await held(bench, cells, 2)
      // What waits for a permit takes a place, for jobs with a semaphore and for those without.
      const permits = new Semaphore(0)
      const parked = holding(pools, 'roomy', cells, { concurrency: permits })
      expect([pools.queue(parked), pool.stats().parked]).toEqual([true, 1])
      const [third, fourth] = [0, 1].map(() => holding(pools, 'roomy', cells)) as [AsyncJob, AsyncJob]
      expect([pools.queue(third), third.state]).toEqual([false, 'idle'])
      const entered = pools.enqueue(third)
      const closed = failure(parked.done)
      permits[Symbol.dispose]()
      await entered
      expect((await closed).code).toBe('ERR_CLOSED')
      const late = pools.enqueue(fourth)
      expect([fourth.state, pool.stats().queued]).toEqual(['waiting', 1])
      pool.concurrency = 4
      await late
      await held(bench, cells, 4)
      release(cells)
      await Promise.all([running, next, third, fourth].map(({ done }) => done))
    }))

  it('TP-17 A-TP-9 A-TP-12 a configuration makes pools and keeps them in step', () =>
    withPools(async (bench, pools) => {
      expect(
        await warnings(() =>
          pools.configure({
            ThreadPool: { IO: { Concurrency: 2 }, Own: { Concurrency: 3, Backlog: 7, Stack_Size: 262_144 } },
          }),
        ),
      ).toEqual([])
      const [io, own] = [pools.byName('IO'), pools.byName('own')]
      expect([io.concurrency, own.concurrency, own.maxQueue, own.stackSize]).toEqual([2, 3, 7, 262_144])
      // Threads are there without a job; of a pool that no stanza names they are not.
      await bench.until(() => own.stats().idle === 3 && io.stats().idle === 2, 'idle threads')
      expect([own.threads, io.threads, pools.byName('CPU').threads]).toEqual([3, 2, 0])
      const cells = sharedCells()
      const jobs = Array.from({ length: 7 }, () => holding(pools, 'own', cells))
      for (const job of jobs) pools.queue(job)
      await held(bench, cells, 3)
      expect([own.threads, own.stats().active, own.stats().queued]).toEqual([3, 3, 4])
      // More at once, less when running ones are over; the backlog of a pool that has begun stays.
      const told = await warnings(() =>
        pools.configure({
          ThreadPool: { OWN: { Concurrency: 5, Backlog: 9, Stack_Size: 524_288 }, SwapIn: { Backlog: 3 } },
        }),
      )
      expect(told).toEqual(['HEDDLE_NOT_TUNABLE'])
      expect([own.concurrency, own.maxQueue, own.stackSize]).toEqual([5, 7, 524_288])
      expect(pools.byName('SwapIn').maxQueue).toBe(3)
      await held(bench, cells, 5)
      expect(own.threads).toBe(5)
      pools.configure({ ThreadPool: { own: { Concurrency: 1 } } })
      release(cells)
      await Promise.all(jobs.map(({ done }) => done))
      await bench.until(() => own.threads === 1, 'one thread')
      pools.configure({ ThreadPool: { own: { Concurrency: 4 } } })
      await bench.until(() => own.stats().idle === 4, 'four threads')
      pools.configure({ ThreadPool: { own: { Concurrency: 1 } } })
      await bench.until(() => own.threads === 1, 'one thread again')
      expect(await warnings(() => pools.configure({ ThreadPool: { IO: { Speed: 5 } as never } }))).toEqual([
        'HEDDLE_UNKNOWN_OPTION',
      ])
      for (const bad of [
        undefined,
        {},
        { ThreadPool: 5 },
        { ThreadPool: { IO: 5 } },
        { ThreadPool: { own: { Concurrency: 4 }, New: { Concurrency: 0 } } },
      ])
        expect(codeOf(() => pools.configure(bad as never))).toBe('ERR_INVALID_ARGUMENT')
      expect([own.concurrency, pools.classFor('New')]).toEqual([1, -1])
    }))
})

describe('stacks', () => {
  it('TP-17 TP-19 A-TP-9 Stack_Size is that of threads to come, not of those that are there', () =>
    withPools(async (bench, pools) => {
      const depths = async (jobClass: string, count: number) => {
        const jobs = Array.from({ length: count }, () => pools.job({ worker: of('poolDepth'), jobClass }))
        for (const job of jobs) pools.queue(job)
        const seen = (await Promise.all(jobs.map(({ done }) => done))) as { thread: number; depth: number }[]
        return new Map(seen.map(({ thread, depth }) => [thread, depth]))
      }
      const MiB = 1024 * 1024
      const pool = pools.create('deep', { concurrency: 1, stackSize: 2 * MiB })
      const [[old, shallow]] = (await depths('deep', 1)) as unknown as [[number, number]]
      pools.configure({ ThreadPool: { deep: { Stack_Size: 32 * MiB } } })
      expect(pool.stackSize).toBe(32 * MiB)
      // The thread that is there keeps what it has.
      const [[same, still]] = (await depths('deep', 1)) as unknown as [[number, number]]
      expect([same, still < 2 * shallow]).toEqual([old, true])
      const cells = sharedCells()
      pool.concurrency = 2
      const both = [0, 1].map(() => holding(pools, 'deep', cells))
      for (const job of both) pools.queue(job)
      await held(bench, cells, 2)
      release(cells)
      await Promise.all(both.map(({ done }) => done))
      const seen = new Map<number, number>()
      while (seen.size < 2) for (const [thread, depth] of await depths('deep', 8)) seen.set(thread, depth)
      const young = [...seen.keys()].find((thread) => thread !== old) as number
      expect(seen.get(old)).toBeLessThan(2 * shallow)
      expect(seen.get(young)).toBeGreaterThan(8 * shallow)
      // As good as none: still a thread that can start.
      pools.create('tiny', { concurrency: 1, stackSize: 1 })
      expect([...(await depths('tiny', 1)).values()][0]).toBeGreaterThan(1000)
    }))
})

describe('the end of pools', () => {
  it('TP-15 waits for what they have, drops what need not run, and does not wait for it where it runs', () =>
    withPools(async (bench, pools) => {
      const { eventer } = bench
      pools.create('two', { concurrency: 2 })
      const [needed, spared, late] = [sharedCells(), sharedCells(), sharedCells()]
      const permits = new Semaphore(0)
      const running = holding(pools, 'two', needed)
      const sparedRunning = holding(pools, 'two', spared, { skipOnShutdown: true })
      pools.queue(running)
      pools.queue(sparedRunning)
      await held(bench, needed)
      await held(bench, spared)
      release(late)
      const queued = holding(pools, 'two', late)
      const told: unknown[] = []
      const completion = { mode: 'callback-sched', fn: () => told.push('completed') }
      const dropped = holding(pools, 'two', late, { skipOnShutdown: true, completion })
      const parked = holding(pools, 'two', late, { skipOnShutdown: true, concurrency: permits })
      for (const job of [queued, dropped, parked]) expect(pools.queue(job)).toBe(true)
      let over = false
      const ended = pools.shutdown().then(() => {
        over = true
      })
      expect((await failure(dropped.done)).code).toBe('ERR_SHUTDOWN')
      expect((await failure(parked.done)).code).toBe('ERR_SHUTDOWN')
      expect([dropped.state, told, permits.waiting]).toEqual(['done', [], 0])
      expect(codeOf(() => pools.queue(dropped))).toBe('ERR_SHUTDOWN')
      expect((await failure(pools.enqueue(dropped))).code).toBe('ERR_SHUTDOWN')
      expect(codeOf(() => pools.create('late'))).toBe('ERR_SHUTDOWN')
      await bench.passes(3)
      expect([over, queued.state]).toEqual([false, 'queued'])
      release(needed)
      await ended
      expect([running.state, queued.state, sparedRunning.state]).toEqual(['done', 'done', 'queued'])
      expect(eventer.isRunning).toBe(true)
      expect(codeOf(() => pools.configure({ ThreadPool: { two: { Concurrency: 3 } } }))).toBe('ERR_SHUTDOWN')
      release(spared)
      await sparedRunning.done
      const two = pools.byName('two')
      await bench.until(() => two.threads === 0, 'no thread')
      expect(two.stats()).toMatchObject({ active: 0, idle: 0, queued: 0, total: 3 })
    }))

  it.each(['pools', 'job queues'])(
    'TP-15 the end of the eventer, whose %s were used first, ends what waits, for a thread or a permit, and what runs',
    (first) =>
      withEventer({}, async (bench) => {
        bench.eventer.start()
        if (first === 'job queues') bench.eventer.jobqs.list()
        const pools = ThreadPools.of(bench.eventer)
        pools.create('one', { concurrency: 1 })
        const cells = sharedCells()
        const told: string[] = []
        const completion = { mode: 'callback-sched', fn: () => told.push('completed') }
        const permits = new Semaphore(1)
        const make = (concurrency?: Semaphore) => holding(pools, 'one', cells, { completion, concurrency })
        const jobs = [make(permits), make(permits), make(), make(new Semaphore(0))]
        for (const job of jobs) expect(pools.queue(job)).toBe(true)
        await held(bench, cells)
        const ends = jobs.map(({ done }) => failure(done))
        await bench.eventer[Symbol.asyncDispose]()
        expect((await Promise.all(ends)).map(({ code }) => code)).toEqual(jobs.map(() => 'ERR_SHUTDOWN'))
        expect(told).toEqual([])
      }).catch((error: HeddleError) => expect(error.code).toBe('ERR_NOT_INIT')),
  )

  it('TP-15 an eventer that ends before its pools are over has nothing to report', async () => {
    const eventer = await Eventer.init({ backend })
    const reported: unknown[] = []
    eventer.on('error', (error) => reported.push(error))
    const pools = ThreadPools.of(eventer)
    pools.create('eager', { deferSpawn: false })
    // Not started, so nobody hears that the threads are gone.
    await pools.shutdown()
    await eventer[Symbol.asyncDispose]()
    await new Promise(setImmediate)
    expect(reported).toEqual([])
    expect(pools.byName('eager').stats()).toMatchObject({ threads: 0, idle: 0 })
  })

  it('TP-14 TP-15 an eventer that ends before a callback that was withheld has nothing to report', async () => {
    const eventer = await Eventer.init({ backend })
    eventer.start()
    const reported: unknown[] = []
    eventer.on('error', (error) => reported.push(error))
    const pools = ThreadPools.of(eventer)
    pools.create('one', { concurrency: 1 })
    const completion = { mode: 'callback', fn: of('poolTold') } as const
    const job = pools.job({
      ...{ worker: of('poolWork'), closure: { value: 1 }, jobClass: 'one', completion },
      skipCompletion: true,
    })
    pools.queue(job)
    while (job.state !== 'withheld') await new Promise(setImmediate)
    const cells = sharedCells()
    pools.queue(holding(pools, 'one', cells))
    while (Atomics.load(cells, 1) === 0) await new Promise(setImmediate)
    pools.completeTail(job)
    await eventer[Symbol.asyncDispose]()
    expect(reported).toEqual([])
    expect([job.state, (await job.done) !== undefined]).toEqual(['done', true])
  })

  it('TP-15 TP-18 whoever waits for a place is told', () =>
    withPools(async (bench, pools) => {
      pools.create('full', { concurrency: 1, maxQueue: 1 })
      const cells = sharedCells()
      const jobs = [0, 1, 2].map(() => holding(pools, 'full', cells)) as [AsyncJob, AsyncJob, AsyncJob]
      pools.queue(jobs[0])
      await held(bench, cells)
      pools.queue(jobs[1])
      const waiting = pools.enqueue(jobs[2])
      const ended = pools.shutdown()
      expect((await failure(waiting)).code).toBe('ERR_SHUTDOWN')
      expect(jobs[2].state).toBe('idle')
      release(cells)
      await ended
    }))

  it('TP-20 A-TP-11 a thread that dies fails its job, and the others go on', () =>
    withPools(async (bench, pools) => {
      const deaths: number[] = []
      bench.eventer.jobqs.on('fatal', ({ exitCode }) => deaths.push(exitCode))
      pools.create('frail', { concurrency: 1 })
      const make = (name: string): AsyncJob =>
        pools.job({
          worker: of(name),
          jobClass: 'frail',
          completion: { mode: 'callback-sched', fn: () => {} },
        }) as AsyncJob
      const jobs = ['poolWork', 'poolLeave', 'poolWork', 'poolWork'].map(make)
      const [, leaving] = jobs as [AsyncJob, AsyncJob]
      for (const job of jobs) pools.queue(job)
      const ends = await Promise.allSettled(jobs.map(({ done }) => done))
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
      expect((leaving.error as HeddleError).code).toBe('ERR_WORKER_DIED')
      await bench.until(() => deaths.length > 0)
      expect(deaths).toEqual([7])
    }))

  it('TP-20 A-TP-11 with the policy exit the process ends, after fatal', async () => {
    const program = `
      const { Eventer, ThreadPools } = require(${JSON.stringify(join(__dirname, '../../dist/index.js'))})
      Eventer.init().then((eventer) => {
        eventer.start()
        eventer.jobqs.on('fatal', ({ exitCode }) => console.log('fatal', exitCode))
        const pools = ThreadPools.of(eventer)
        pools.create('frail', { concurrency: 1, onWorkerDeath: 'exit' })
        pools.queue(pools.job({ worker: ${JSON.stringify(of('poolLeave'))}, jobClass: 'frail', completion: { mode: 'callback-sched', fn() {} } }))
        setTimeout(() => {}, 60_000)
      })`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    const [code] = (await once(child, 'close')) as [number]
    expect([output, code === 0]).toEqual(['fatal 7\n', false])
  })

  it('TP-01 an eventer that ends takes its pools along', async () => {
    await withEventer({}, async (bench) => {
      bench.eventer.start()
      const pools = ThreadPools.of(bench.eventer)
      pools.create('full', { concurrency: 1, maxQueue: 1 })
      const cells = sharedCells()
      const jobs = [0, 1, 2].map(() => holding(pools, 'full', cells)) as [AsyncJob, AsyncJob, AsyncJob]
      pools.queue(jobs[0])
      await held(bench, cells)
      pools.queue(jobs[1])
      const waiting = failure(pools.enqueue(jobs[2]))
      await bench.eventer[Symbol.asyncDispose]()
      expect((await waiting).code).toBe('ERR_SHUTDOWN')
      expect(codeOf(() => pools.queue(jobs[2]))).toBe('ERR_NOT_INIT')
      release(cells)
    }).catch((error: HeddleError) => expect(error.code).toBe('ERR_NOT_INIT'))
  })
})
