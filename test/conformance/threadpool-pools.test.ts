import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type AsyncJob, type Eventer, type HeddleError, Semaphore, ThreadPools } from '../../lib'
import { of, release, sharedCells } from './asynch-harness'
import { type Bench, codeOf, withEventer } from './eventer-harness'
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
      expect(codeOf(() => pools.create(''))).toBe('ERR_INVALID_ARGUMENT')
    }))

  it('TP-19 have their threads at once where they are asked to', () =>
    withPools(async (bench, pools) => {
      const pool = pools.create('eager', { concurrency: 2, deferSpawn: false })
      await bench.until(() => pool.stats().idle === 2, 'two idle threads')
      expect(pool.stats()).toMatchObject({ threads: 2, active: 0, queued: 0, total: 0 })
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
      expect(pools.stats().map(({ name }) => name)).toEqual(['CPU', 'IO', 'SwapIn', 'SwapOut', 'counted'])
    }))

  it('TP-18 A-TP-2 over the backlog queue answers false, and enqueue waits, in order', () =>
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
      const cells = sharedCells()
      const jobs = Array.from({ length: 7 }, () => holding(pools, 'own', cells))
      for (const job of jobs) pools.queue(job)
      await held(bench, cells, 3)
      expect([own.threads, own.stats().active, own.stats().queued]).toEqual([3, 3, 4])
      // More at once, less when running ones are over; the backlog of a pool that has begun stays.
      const told = await warnings(() =>
        pools.configure({
          ThreadPool: { OWN: { Concurrency: 5, Backlog: 9, Stack_Size: 524_288 }, IO: { Backlog: 3 } },
        }),
      )
      expect(told).toEqual(['HEDDLE_NOT_TUNABLE'])
      expect([own.concurrency, own.maxQueue, own.stackSize, io.maxQueue]).toEqual([5, 7, 524_288, 3])
      await held(bench, cells, 5)
      expect(own.threads).toBe(5)
      pools.configure({ ThreadPool: { own: { Concurrency: 1 } } })
      release(cells)
      await Promise.all(jobs.map(({ done }) => done))
      await bench.until(() => own.threads === 1, 'one thread')
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

describe('the end of pools', () => {
  it('TP-15 A-TP-7 waits for what they have, drops what need not run, and does not wait for it where it runs', () =>
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
      release(spared)
      await sparedRunning.done
    }))

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
    withPools(async (_, pools) => {
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
