import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { Eventer, type FatalReport, Mask, type Pool, type PoolOptions, RemoteLoop } from '../../lib/eventer'
import { type Bench, backend, burn, codeOf, withEventer } from './eventer-harness'

const MODULE = join(__dirname, 'pools-module.mjs')
const of = (name: string) => ({ module: MODULE, export: name })

const web = (options: PoolOptions = {}) =>
  ({ web: { kind: 'worker', concurrency: 2, module: MODULE, ...options } }) as const

const poolOf = (eventer: Eventer, name = 'web'): Pool => eventer.pool(name) as Pool
const workersOf = (eventer: Eventer, name = 'web') => poolOf(eventer, name).threads as RemoteLoop[]
const call = <T>(loop: RemoteLoop | undefined, name: string, arg?: unknown) =>
  (loop as RemoteLoop).call(of(name), arg) as Promise<T>

interface Place {
  arg: unknown
  threadId: number
  pool: string
  index: number
  loopName: string
  loopId: number
  loops: string[]
  pools: unknown[]
  threads: [string, number][]
  sleep: number
  data: unknown
}

/** What `fatal` reports, as it comes. */
function reportsOf(eventer: Eventer): FatalReport[] {
  const reports: FatalReport[] = []
  eventer.on('fatal', (report) => reports.push(report))
  return reports
}

describe('a pool of workers', () => {
  it('PO-01 is ready when init resolves: each worker with a thread, a loop and an eventer of its own', () =>
    withEventer(
      { pools: { ...web({ data: { a: [1] }, watchdogTimeout: 1000 }), db: { concurrency: 1 } } },
      async ({ eventer }) => {
        const workers = workersOf(eventer)
        expect(workers.every((loop) => loop instanceof RemoteLoop)).toBe(true)
        expect(poolOf(eventer)).toMatchObject({ kind: 'worker', concurrency: 2, watchdogTimeout: 1000 })
        const places = await Promise.all(workers.map((loop, n) => call<Place>(loop, 'where', n)))
        expect(places.map(({ arg, pool, index, loopName }) => ({ arg, pool, index, loopName }))).toEqual([
          { arg: 0, pool: 'web', index: 0, loopName: 'web/0' },
          { arg: 1, pool: 'web', index: 1, loopName: 'web/1' },
        ])
        expect(places.map((place) => place.threadId)).toEqual(workers.map((loop) => loop.threadId))
        expect(new Set([threadId, ...places.map((place) => place.threadId)]).size).toBe(3)
        expect(places.map((place) => place.loopId)).toEqual(workers.map((loop) => loop.loopId))
        expect(workers.map((loop) => eventer.loopIndex(loop.loopId))).toEqual([0, 1])
        expect(places[1]).toMatchObject({ sleep: 50, data: { a: [1] }, loops: ['web/1'] })
      },
    ))

  it('PO-05 every worker knows all pools and where their loops are', () =>
    withEventer({ loops: 2, pools: { db: { concurrency: 1 }, ...web() } }, async ({ eventer }) => {
      const everywhere = eventer.pools.flatMap(({ threads }) =>
        threads.map(({ name, loopId }) => [name, loopId]),
      )
      for (const worker of workersOf(eventer)) {
        const place = await call<Place>(worker, 'where')
        expect(place.pools).toEqual([
          ['web', 'worker', 2],
          ['default', 'embedded', 2],
          ['db', 'embedded', 1],
        ])
        expect(new Map(place.threads)).toEqual(new Map(everywhere as [string, number][]))
      }
    }))

  it('PO-03 PO-04 EV-11 A-PO-3 what is made in a callback there belongs to its loop', () =>
    withEventer({ pools: web() }, async ({ eventer }) => {
      expect(await call(workersOf(eventer)[1], 'insideCallback')).toEqual({
        inLoop: true,
        inPool: true,
        inDefault: false,
        loop: 'web',
        index: 1,
        owner: 'web/1',
        poolOf: 'web',
        chosen: ['web/0', 'web/1', 'web/0'],
        chosenHere: ['web/1', 'web/1', 'web/1'],
        moved: 'web/1',
      })
      expect(eventer.chooseOwner(3, poolOf(eventer))).toBe(workersOf(eventer)[1])
    }))

  it('EV-24 EV-07 EK-08 takes events, triggers and wake-ups from here, and gives them', () =>
    withEventer({ pools: web() }, async (bench) => {
      const { eventer } = bench
      const [first, second] = workersOf(eventer) as [RemoteLoop, RemoteLoop]
      second.add({ kind: 'timer', whence: Date.now(), callback: 'note', closure: { n: 1 } })
      second.scheduleAndDispatch({ kind: 'recurrent', callback: 'note', closure: { n: 2 } })
      const target = await call<{ loopId: number; handle: number }>(second, 'target')
      second.trigger(target, 8)
      expect(codeOf(() => first.trigger(target, 8))).toBe('ENOENT')
      const seen: unknown[] = []
      await pollFor(bench, async () => {
        second.wakeup()
        seen.push(...(await call<unknown[]>(second, 'taken')))
        return seen.length >= 3
      })
      expect(seen).toEqual(
        expect.arrayContaining([
          { kind: 'timer', mask: Mask.TIMER, closure: { n: 1 }, loop: 'web/1' },
          { kind: 'recurrent', mask: Mask.RECURRENT, closure: { n: 2 }, loop: 'web/1' },
          { triggered: 8 },
        ]),
      )
      const here: unknown[] = []
      eventer.nameCallback('from afar', (_, __, closure) => void here.push(closure))
      await call(first, 'reachOut', { name: 'from afar', to: 'default/0' })
      await call(first, 'reachOut', { name: 'note', to: 'web/1' })
      await bench.until(() => here.length === 1)
      expect(here).toEqual([{ from: first.threadId }])
      const there: { closure?: unknown }[] = []
      await pollFor(bench, async () => {
        there.push(...(await call<{ closure?: unknown }[]>(second, 'taken')))
        return there.length > 0
      })
      expect(there[0]?.closure).toEqual({ from: first.threadId })
    }))

  it('PO-01 A-PO-5 runs in parallel: callbacks of two loops overlap in time', () =>
    withEventer({ pools: web() }, async ({ eventer }) => {
      interface Burnt {
        began: number
        ended: number
        threadId: number
      }
      const overlaps = async () => {
        const [a, b] = await Promise.all(workersOf(eventer).map((loop) => call<Burnt>(loop, 'burn', 200)))
        expect(a?.threadId).not.toBe(b?.threadId)
        return (
          Math.max((a as Burnt).ended, (b as Burnt).ended) - Math.min((a as Burnt).began, (b as Burnt).began)
        )
      }
      // One after the other they would take 400 ms each time; a busy machine may hold one of them up now and then.
      let shortest = await overlaps()
      for (let round = 0; round < 9 && shortest >= 350; round++)
        shortest = Math.min(shortest, await overlaps())
      expect(shortest).toBeLessThan(350)
    }))

  it('PO-08 is counted where it runs and read here', () =>
    withEventer({ pools: web() }, async (bench) => {
      const { eventer } = bench
      const before = poolOf(eventer).stats()
      await call(workersOf(eventer)[1], 'burn', 1000)
      await pollFor(bench, async () => poolOf(eventer).stats().latency.maxMs >= 1000)
      const after = poolOf(eventer).stats()
      expect(after.callbacks).toBeGreaterThan(before.callbacks)
      expect(after.passes).toBeGreaterThan(0)
      const [calm, busy] = after.loops
      expect(busy?.latency.maxMs).toBeGreaterThanOrEqual(1000)
      expect(calm?.latency.maxMs).toBeLessThan(busy?.latency.maxMs as number)
      expect(busy?.waitMs).toBeGreaterThanOrEqual(0)
    }))

  it('PO-07 cannot be resized', () =>
    withEventer({ pools: web() }, ({ eventer }) => {
      expect(codeOf(() => poolOf(eventer).setConcurrency(3))).toBe('ERR_NOT_TUNABLE')
    }))

  it('PO-01 needs no module', () =>
    withEventer({ pools: { bare: { kind: 'worker', concurrency: 1 } } }, async ({ eventer }) => {
      expect(await call<Place>(workersOf(eventer, 'bare')[0], 'where')).toMatchObject({ loopName: 'bare/0' })
    }))
})

describe('calls to a worker', () => {
  it('PO-01 bring errors back as they were', () =>
    withEventer({ pools: web() }, async ({ eventer }) => {
      const [worker] = workersOf(eventer)
      const error = await call(worker, 'fail').then(String, (reason: unknown) => reason)
      expect(error).toBeInstanceOf(Error)
      expect(error).toMatchObject({
        name: 'SyntaxError',
        message: 'not woven',
        code: 'EWEFT',
        thread: 'blue',
      })
      expect((error as Error).stack).toContain('pools-module.mjs')
      await expect(call(worker, 'failTyped')).rejects.toMatchObject({ name: 'HeddleError', code: 'EINVAL' })
      await expect(call(worker, 'failStrangely', 'string')).rejects.toBe('just text')
      await expect(call(worker, 'failStrangely', 'abort')).rejects.toMatchObject({ name: 'AbortError' })
      await expect(call(worker, 'failStrangely')).rejects.toMatchObject({
        message: 'with a function',
        code: 'EFN',
      })
      await expect(call(worker, 'uncloneable')).rejects.toMatchObject({ name: 'DataCloneError' })
      await expect(call(worker, 'no such export')).rejects.toMatchObject({ name: 'TypeError' })
      await expect(
        (worker as RemoteLoop).call({ module: '/no/such.mjs', export: 'x' }),
      ).rejects.toMatchObject({
        code: 'ERR_MODULE_NOT_FOUND',
      })
      await expect(
        (worker as RemoteLoop).call({ module: 'relative.mjs', export: 'x' }),
      ).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      })
      await expect(call(worker, 'where', () => {})).rejects.toMatchObject({ name: 'DataCloneError' })
      expect(await call<Place>(worker, 'where', 'still there')).toMatchObject({ arg: 'still there' })
    }))

  it('PO-01 are for the isolate that made the pool', async () => {
    const far = new RemoteLoop(backend, 'web', 0)
    await expect(far.call(of('where'))).rejects.toMatchObject({ code: 'ERR_WRONG_THREAD' })
  })
})

describe('a worker that does not start', () => {
  const failing = (pools: NonNullable<Parameters<typeof Eventer.init>[0]>['pools']) =>
    Eventer.init({ backend, pools: pools as Record<string, PoolOptions> })

  it('PO-01 makes init fail with what its module failed with, and leaves nothing behind', async () => {
    const error = await failing(web({ data: { fails: 1 } })).then(String, (reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'RangeError', message: 'will not start', code: 'EWEAVE', loom: 3 })
    expect(Eventer.find(backend)).toBeUndefined()
  })

  it('PO-01 or exits', async () => {
    await expect(failing(web({ data: { exitsAtStart: 0 } }))).rejects.toMatchObject({
      code: 'ERR_WORKER_DIED',
    })
    expect(Eventer.find(backend)).toBeUndefined()
  })

  it('PO-01 or has a module that is none', async () => {
    const gone = pathToFileURL('/no/such/module.mjs')
    await expect(failing(web({ module: gone }))).rejects.toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' })
    await expect(failing(web({ module: 'node:path' }))).rejects.toMatchObject({ name: 'TypeError' })
    await expect(failing(web({ module: 'relative.mjs' }))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    })
    expect(Eventer.find(backend)).toBeUndefined()
  })

  it('PO-01 or is given what cannot be cloned', async () => {
    await expect(failing(web({ data: { call: () => {} } }))).rejects.toMatchObject({
      code: 'EINVAL',
      message: 'pools.web.data cannot be cloned',
      cause: { name: 'DataCloneError' },
    })
    const throwing = {
      get thread() {
        throw new RangeError('broken')
      },
    }
    await expect(failing(web({ data: throwing }))).rejects.toMatchObject({
      code: 'EINVAL',
      cause: { message: 'broken' },
    })
    expect(Eventer.find(backend)).toBeUndefined()
  })
})

describe('a worker that dies', () => {
  it.each([
    ['exits', 'exit', undefined],
    ['has an uncaught exception', 'throw', 'a worker broke'],
  ])('TP-20 and %s is reported and replaced; its calls fail and the others go on', (_, how, cause) =>
    withEventer({ pools: web() }, async (bench) => {
      const { eventer } = bench
      const reports = reportsOf(eventer)
      const [first, second] = workersOf(eventer) as [RemoteLoop, RemoteLoop]
      const old = { loopId: first.loopId, threadId: first.threadId }
      const replaced = new Promise<void>((resolve) => first.replaced.add(resolve))
      const lost = call(first, 'die', how)
      await expect(lost).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
      expect(reports).toMatchObject([
        { pool: 'web', index: 0, respawns: true, error: { code: 'ERR_WORKER_DIED' } },
      ])
      const { cause: found } = (reports[0] as FatalReport).error
      expect((found as Error | undefined)?.message).toBe(cause)
      expect(await call<Place>(second, 'where', 'alive')).toMatchObject({ arg: 'alive' })
      await replaced
      expect(first.loopId).not.toBe(old.loopId)
      expect(first.threadId).not.toBe(old.threadId)
      const anew = await call<Place>(first, 'where')
      expect(anew).toMatchObject({ loopName: 'web/0', threadId: first.threadId, loopId: first.loopId })
      // The other one has been told where it is now.
      await call(second, 'reachOut', { name: 'note', to: 'web/0' })
      await pollFor(bench, async () => (await call<unknown[]>(first, 'taken')).length > 0)
    }),
  )

  it.each(['exits', 'throws'])(
    'TP-20 four times running before it is ready (it %s) leaves its place empty',
    (how) => {
      const starts = new Int32Array(new SharedArrayBuffer(4))
      return withEventer({ pools: web({ data: { starts, how } }) }, async (bench) => {
        const { eventer } = bench
        const reports = reportsOf(eventer)
        const [first, second] = workersOf(eventer) as [RemoteLoop, RemoteLoop]
        await expect(call(first, 'die', 'exit')).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
        await bench.until(() => reports.length === 4)
        expect(reports.map(({ respawns }) => respawns)).toEqual([true, true, true, false])
        const message = how === 'throws' ? 'not a third time' : undefined
        expect((reports[3]?.error.cause as Error | undefined)?.message).toBe(message)
        await expect(call(first, 'where')).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
        expect(codeOf(() => first.wakeup())).toBe('ENOENT')
        expect(await call<Place>(second, 'where')).toMatchObject({ loopName: 'web/1' })
        expect(starts[0]).toBe(5)
      })
    },
  )

  it('TP-20 leaves what it has answered before, and calls wait for the module of the next one', () => {
    const rounds = 4
    return withEventer({ pools: web({ concurrency: 1 }) }, async ({ eventer }) => {
      const reports = reportsOf(eventer)
      const [worker] = workersOf(eventer) as [RemoteLoop]
      for (let n = 0; n < rounds; n++) {
        const replaced = new Promise<void>((resolve) => worker.replaced.add(resolve))
        // This thread sees the answer and the exit in one turn of Node's loop, and the exit first.
        const answer = call(worker, 'answerAndExit', n)
        await new Promise((resolve) => setImmediate(resolve))
        burn(300)
        expect(await answer).toBe(n)
        await expect.poll(() => reports.length, { timeout: 60_000, interval: 1 }).toBe(n + 1)
        await expect.poll(() => worker.loopId, { timeout: 60_000, interval: 1 }).not.toBe(0)
        expect(await call(worker, 'hasStarted')).toBe(true)
        await replaced
        worker.replaced.clear()
      }
    })
  })

  it('TP-20 is not replaced once its data can no longer be cloned, and that is reported', () => {
    const data: { call?: () => void } = {}
    return withEventer({ pools: web({ data }) }, async (bench) => {
      const { eventer } = bench
      const reports = reportsOf(eventer)
      const [first, second] = workersOf(eventer) as [RemoteLoop, RemoteLoop]
      data.call = () => {}
      await expect(call(first, 'die', 'exit')).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
      await bench.until(() => reports.length === 4)
      expect(reports.map(({ respawns }) => respawns)).toEqual([true, true, true, false])
      expect(reports[3]?.error).toMatchObject({ code: 'ERR_WORKER_DIED', cause: { code: 'EINVAL' } })
      await expect(call(first, 'where')).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
      expect(await call<Place>(second, 'where')).toMatchObject({ loopName: 'web/1' })
    })
  })

  it('TP-20 is a warning where nobody listens', () =>
    withEventer({ pools: web() }, async ({ eventer }) => {
      const [first] = workersOf(eventer) as [RemoteLoop]
      const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
      await expect(call(first, 'die', 'exit')).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
      expect(await warned).toMatchObject({ code: 'HEDDLE_WORKER_DIED', name: 'HeddleWarning' })
    }))
})

describe('the end of a pool of workers', () => {
  it('PO-01 aborts the signal of each, and ends the threads, also those that linger or never return', async () => {
    const cells = new Int32Array(new SharedArrayBuffer(4))
    await withEventer({ pools: web({ concurrency: 3 }) }, async ({ eventer }) => {
      const [first, second, third] = workersOf(eventer) as [RemoteLoop, RemoteLoop, RemoteLoop]
      await call(first, 'untilEnd', cells)
      await call(second, 'untilEnd', cells)
      await call(second, 'linger')
      const reports = reportsOf(eventer)
      const stuck = call(third, 'stick').then(String, (error: { code: string }) => error.code)
      await eventer[Symbol.asyncDispose]()
      expect(await stuck).toBe('ERR_WORKER_DIED')
      expect(reports).toEqual([])
      expect([first.loopId, second.loopId, third.loopId]).toEqual([0, 0, 0])
      expect(codeOf(() => first.wakeup())).toBe('ENOENT')
      await expect(call(first, 'where')).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
    })
    expect(cells[0]).toBe(2)
  })

  it('EV-01 may come while it starts, and again and again', async () => {
    for (let round = 0; round < 3; round++) {
      const starting = Eventer.init({ backend, pools: web() })
      await Eventer.current(backend)[Symbol.asyncDispose]()
      await expect(starting).rejects.toMatchObject({ code: 'ERR_WORKER_DIED' })
      expect(Eventer.find(backend)).toBeUndefined()
    }
  })
})

/** Asks until the answer is yes. */
async function pollFor(_: Bench, ask: () => Promise<boolean>): Promise<void> {
  await expect.poll(ask, { timeout: 60_000, interval: 5 }).toBe(true)
}
