import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { aco, type Coroutine } from '../../lib/aco'
import { type AsynchEvent, Eventer } from '../../lib/eventer'
import type { JobQueue, JobQueueOptions } from '../../lib'
import { type Bench, backend, failure, failureCode, withAco } from './aco-harness'

const PATH = join(__dirname, 'aco-asynch-module.mjs')
const of = (name: string) => ({ module: pathToFileURL(PATH), export: name })

/** Words that threads share: the first releases who is `held`, the second counts them. */
const sharedCells = (words = 2) => new Int32Array(new SharedArrayBuffer(words * 4))

function release(cells: Int32Array): void {
  Atomics.store(cells, 0, 1)
  Atomics.notify(cells, 0)
}

/** A queue of the eventer of the case. */
const queueOf = (name: string, options: JobQueueOptions = {}): JobQueue =>
  Eventer.current().jobqs.create(name, options)

/** Jobs that run, and that wait. */
const counts = (queue: JobQueue): number[] => {
  const { inflight, backlog } = queue.stats()
  return [inflight, backlog]
}

/** Subqueues with something that waits, and how much. */
const waiting = (queue: JobQueue): [bigint, number][] =>
  queue
    .subqueues()
    .filter(({ backlog }) => backlog > 0)
    .map(({ id, backlog }): [bigint, number] => [id, backlog])
    .sort(([a], [b]) => Number(a - b))

const settledAs = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => `resolved with ${value}`,
    (error) => `rejected with ${error}`,
  )

/** Until somebody is `held`. */
const begun = (bench: Bench, cells: Int32Array): Promise<void> =>
  bench.until(() => Atomics.load(cells, 1) > 0, 'the call that holds the thread')

/** Runs a case as a coroutine. */
const inCoroutine = (body: (co: Coroutine, bench: Bench) => Promise<void>) =>
  withAco(async (bench) => {
    await aco.start((co) => body(co as Coroutine, bench)).done
  })

describe('asynchronous calls', () => {
  it('AC-19 run on another thread and give back what they return', () =>
    inCoroutine(async (co) => {
      expect(await co.asynch(of('add'), { a: 2, b: 3 })).toBe(5)
      expect(await co.asynch({ module: PATH, export: 'add' }, { a: 'x', b: 'y' })).toBe('xy')
      expect(await co.asynch({ module: of('add').module.href, export: 'add' }, { a: 1n, b: 2n })).toBe(3n)
      const there = await co.asynch<number>(of('whereAmI'))
      expect(there).not.toBe(threadId)
      expect(aco.current()).toBe(co)
    }))

  it('AC-19 other work of the loop goes on meanwhile', () =>
    inCoroutine(async (co, { eventer }) => {
      const cells = sharedCells()
      let ticks = 0
      const tick = () => {
        if (++ticks < 5) eventer.setTimeout(tick, 0)
        else release(cells)
      }
      eventer.setTimeout(tick, 0)
      expect(await co.asynch(of('held'), { cells, value: 'let go' })).toBe('let go')
      expect(ticks).toBe(5)
    }))

  it('AC-19 errors come back with stack, code and properties', () =>
    inCoroutine(async (co) => {
      const error = await failure(co.asynch(of('fail'), { text: 'over there', code: 'EMINE' }))
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ message: 'over there', code: 'EMINE', extra: { deep: [1] } })
      expect(error.stack).toContain('aco-asynch-module.mjs')
      expect(await failure(co.asynch(of('failOddly'), 'text'))).toBe('just text')
      expect(await failure(co.asynch(of('failOddly'), 'function'))).toMatchObject({
        message: 'odd',
        code: 'EODD',
      })
    }))

  it('AC-19 what cannot be cloned, found or called', () =>
    inCoroutine(async (co) => {
      expect((await failure(co.asynch(of('add'), () => {}))).name).toBe('DataCloneError')
      expect((await failure(co.asynch(of('unclonable')))).name).toBe('DataCloneError')
      expect((await failure(co.asynch(of('noSuchThing')))).message).toMatch(
        /^noSuchThing of .* is an exported function/,
      )
      expect((await failure(co.asynch(of('notAFunction')))).message).toMatch(
        /^notAFunction of .* is an exported function/,
      )
      expect(await failureCode(co.asynch({ module: `${PATH}.js`, export: 'x' }))).toBe('ERR_MODULE_NOT_FOUND')
      for (const target of [
        () => {},
        undefined,
        'add',
        { module: PATH },
        { export: 'add' },
        { module: './here.mjs', export: 'add' },
        { module: PATH, export: '' },
      ]) {
        expect(await failureCode(co.asynch(target as never))).toBe('ERR_INVALID_ARGUMENT')
      }
      for (const options of [5, { queue: {} }, { subqueue: 7 }, { try: 1 }, { gate: {} }, { timeout: -1 }]) {
        const code = await failureCode(co.asynch(of('add'), {}, options as never))
        expect(code, JSON.stringify(options)).toBe('ERR_INVALID_ARGUMENT')
      }
      expect(await failureCode(co.asynch(of('add'), {}, { deadline: Number.NaN }))).toBe('EINVAL')
      expect(await co.asynch(of('add'), { a: 1, b: 1 })).toBe(2)
    }))

  it('AC-19 a thread that dies fails its call, and the queue goes on', () =>
    inCoroutine(async (co) => {
      const gone = await failure(co.asynch(of('leave')))
      expect(gone.code).toBe('ERR_WORKER_DIED')
      expect(gone.message).toMatch('exited with code 7')
      const exploded = await failure(co.asynch(of('explode')))
      expect(exploded.code).toBe('ERR_WORKER_DIED')
      expect((exploded.cause as Error).message).toBe('outside of the call')
      expect(await co.asynch(of('add'), { a: 1, b: 1 })).toBe(2)
    }))

  it('AC-19 AC-32 a wait that ends early leaves the call alone, or takes it out of the queue', () =>
    inCoroutine(async (co, bench) => {
      const queue = queueOf('narrow', { concurrency: 1 })
      const cells = sharedCells()
      const impatience = new AbortController()
      const running = co.asynch(of('held'), { cells }, { queue, signal: impatience.signal })
      await begun(bench, cells)
      impatience.abort(new Error('no patience'))
      expect((await failure(running)).message).toBe('no patience')
      expect(counts(queue)).toEqual([1, 0])
      expect(await failureCode(co.asynch(of('held'), { cells }, { queue, timeout: 1 }))).toBe('ETIME')
      expect(counts(queue)).toEqual([1, 0])
      const reason = new Error('no more')
      const waiting = co.asynch(of('held'), { cells }, { queue, signal: AbortSignal.timeout(60_000) })
      const controller = new AbortController()
      const aborted = co.asynch(of('held'), { cells }, { queue, signal: controller.signal })
      expect(counts(queue)).toEqual([1, 2])
      expect(co.state).toBe('asynch')
      controller.abort(reason)
      expect(await failure(aborted)).toBe(reason)
      expect(counts(queue)).toEqual([1, 1])
      release(cells)
      await waiting
      expect(counts(queue)).toEqual([0, 0])
    }))

  it('AC-19 the end of the eventer ends waits and threads', async () => {
    const eventer = await Eventer.init({ backend })
    eventer.start()
    const cells = sharedCells()
    const trace: unknown[] = []
    const co = aco.start(async (self) => {
      const gate = aco.gate()
      void gate.asynch(of('held'), { cells })
      try {
        await self.asynch(of('held'), { cells })
      } finally {
        trace.push('finally', await failureCode(self.asynch(of('add'), { a: 1, b: 1 })))
      }
    })
    await eventer[Symbol.asyncDispose]()
    expect(trace).toEqual(['finally', 'ECANCELED'])
    expect(await failureCode(co.done)).toBe('ECANCELED')
  })
})

describe('phased calls', () => {
  const steps = (cells: Int32Array) => [...cells.subarray(1, 1 + 2 * (cells[0] as number))]

  it('AC-22 work and cleanup run there, complete runs here', () =>
    inCoroutine(async (co) => {
      const cells = sharedCells(16)
      expect(await co.asynchPhased(of('phased'), { cells })).toBe('work')
      const [first, there, second, alsoThere, third, here] = steps(cells)
      expect([first, second, third]).toEqual([1, 2, 3])
      expect(there).toBe(alsoThere)
      expect(there).not.toBe(threadId)
      expect(here).toBe(threadId)
    }))

  const failures = [
    ['work'],
    ['cleanup'],
    ['complete'],
    ['work', 'complete'],
    ['cleanup', 'complete'],
    ['work', 'cleanup'],
  ]

  it.each(failures.map((failing) => ({ failing })))(
    'AC-22 failing ($failing) keeps no step from running, the first error counts',
    ({ failing }) =>
      inCoroutine(async (co) => {
        const cells = sharedCells(16)
        const error = await failure(co.asynchPhased(of('phased'), { cells, failing }))
        expect(error.message).toBe(`${failing[0]} failed`)
        expect(steps(cells).filter((_, at) => at % 2 === 0)).toEqual([1, 2, 3])
      }),
  )
})

describe('options of asynchronous calls', () => {
  // Without gate and without try a call waits; with a gate the gate does; a deadline that is past runs nothing.
  const bits = [0, 1]
  const matrix = bits.flatMap((q) =>
    bits.flatMap((s) => bits.flatMap((d) => bits.flatMap((g) => bits.map((t) => [q, s, d, g, t] as const)))),
  )

  it.each(matrix)('AC-23 A-AC-15 queue %i, subqueue %i, deadline %i, gate %i, try %i', (q, s, d, g, t) =>
    inCoroutine(async (co, bench) => {
      const named = queueOf('named', { concurrency: 1, maxBacklog: 10 })
      const used = q === 1 ? named : queueOf('default', { concurrency: 1, maxBacklog: 10 })
      const cells = sharedCells()
      const blocker = aco.gate()
      void blocker.asynch(of('held'), { cells }, { queue: used })
      await begun(bench, cells)
      const gate = g === 1 ? aco.gate() : undefined
      const call = co.asynch(
        of('add'),
        { a: 1, b: 1 },
        {
          queue: q === 1 ? named : undefined,
          subqueue: s === 1 ? 7n : undefined,
          deadline: d === 1 ? Date.now() - 1 : undefined,
          gate,
          try: t === 1 ? true : undefined,
        },
      )
      expect(waiting(used)).toEqual([[s === 1 ? 7n : 0n, 1]])
      expect((q === 1 ? queueOf('default') : named).stats().backlog).toBe(0)
      expect(gate?.pending ?? 0).toBe(g)
      release(cells)
      const ended = gate?.wait() ?? call
      if (d === 1) expect(await failureCode(ended)).toBe('ETIME')
      await ended.catch(() => {})
      if (d === 0) expect(await call).toBe(2)
      await blocker.wait()
    }),
  )

  it('AC-23 AC-21 a try over the backlog is false and runs nothing', () =>
    inCoroutine(async (co, bench) => {
      const queue = queueOf('small', { concurrency: 1, maxBacklog: 1 })
      const cells = sharedCells()
      const gate = aco.gate()
      void gate.asynch(of('held'), { cells }, { queue, try: true })
      await begun(bench, cells)
      void gate.asynch(of('held'), { cells }, { queue, try: true })
      expect(await gate.asynch(of('held'), { cells }, { queue, try: true })).toBe(false)
      expect(await co.asynch(of('held'), { cells }, { queue, try: true })).toBe(false)
      expect(gate.pending).toBe(2)
      const taken = co.asynch(of('add'), { a: 1, b: 1 }, { queue })
      expect(counts(queue)).toEqual([1, 2])
      release(cells)
      await gate.wait()
      expect(await taken).toBe(2)
      expect(cells[1]).toBe(2)
    }))

  it('AC-23 subqueues take turns', () =>
    inCoroutine(async (_, bench) => {
      const queue = queueOf('fair', { concurrency: 1 })
      const held = sharedCells()
      const gate = aco.gate()
      void gate.asynch(of('held'), { cells: held }, { queue })
      await begun(bench, held)
      const cells = sharedCells(16)
      for (const value of [11, 12, 13, 14]) {
        void gate.asynch(of('order'), { cells, value }, { queue, subqueue: 1n })
      }
      for (const value of [21, 22]) void gate.asynch(of('order'), { cells, value }, { queue, subqueue: 2n })
      expect(waiting(queue)).toEqual([
        [1n, 4],
        [2n, 2],
      ])
      release(held)
      await gate.wait()
      expect([...cells.subarray(2, 8)]).toEqual([11, 21, 12, 22, 13, 14])
      expect(waiting(queue)).toEqual([])
    }))
})

describe('asynchronous events of coroutines', () => {
  /** An event that a coroutine hands over; its own completion must not be called. */
  const eventOf = (work: string, closure?: unknown, cleanup?: string): AsynchEvent => {
    const complete = () => expect.fail('the coroutine goes on instead')
    const what =
      cleanup === undefined
        ? { work: of(work), complete }
        : { work: of(work), cleanup: of(cleanup), complete }
    return Eventer.current().asynch(what, closure) as AsynchEvent
  }

  it('AC-20 A-AC-14 work and cleanup run there, the completion resumes the coroutine, and the event is freed', () =>
    inCoroutine(async (co) => {
      const cells = sharedCells(16)
      const order = (value: number) => ({ cells, value })
      const event = Eventer.current().asynch(
        { work: of('order'), cleanup: of('order') },
        order(5),
      ) as AsynchEvent
      expect(await co.runAsynch(event)).toBeUndefined()
      expect([...cells.subarray(1, 4)]).toEqual([2, 5, 5])
      expect([event.isFreed, aco.current() === co]).toEqual([true, true])
      expect(await co.runAsynch(eventOf('add', { a: 1, b: 2 }))).toBe(3)
      const failing = eventOf('fail', { text: 'there', code: 'EMINE' })
      expect(await failureCode(co.runAsynch(failing))).toBe('EMINE')
      const late = eventOf('add', { a: 1, b: 2 })
      expect(await failureCode(co.runAsynch(late, { deadline: Date.now() - 1 }))).toBe('ETIME')
      expect([failing.isFreed, late.isFreed]).toEqual([true, true])
    }))

  it('AC-20 AC-21 AS-11 work that throws undefined has failed', () =>
    inCoroutine(async (co) => {
      const ends = [
        await settledAs(co.runAsynch(eventOf('failOddly', 'undefined'))),
        await settledAs(co.tryRunAsynch(eventOf('failOddly', 'undefined'))),
        await settledAs(co.asynch(of('failOddly'), 'undefined')),
      ]
      expect(ends).toEqual(Array(3).fill('rejected with undefined'))
    }))

  it('AC-21 A-AC-14 a try over the backlog is false, and the event can be run later', () =>
    inCoroutine(async (co, bench) => {
      const queue = queueOf('small', { concurrency: 1, maxBacklog: 1 })
      const cells = sharedCells()
      const gate = aco.gate()
      void gate.asynch(of('held'), { cells }, { queue })
      await begun(bench, cells)
      const value = { a: 1, b: 2 }
      const [first, second] = [eventOf('add', value), eventOf('add', value)]
      const done = gate.runAsynch(first, { queue, try: true })
      expect(await co.tryRunAsynch(second, { queue })).toBe(false)
      expect(await gate.runAsynch(second, { queue, try: true })).toBe(false)
      expect([second.isScheduled, second.isFreed, gate.pending]).toEqual([false, false, 2])
      release(cells)
      await gate.wait()
      expect(await done).toBe(3)
      expect(await co.tryRunAsynch(second, { queue })).toBe(true)
      expect([first.isFreed, second.isFreed]).toEqual([true, true])
    }))

  it('AC-20 AC-23 queue and subqueue count; whoever stops waiting leaves the event to its way', () =>
    inCoroutine(async (co, bench) => {
      const queue = queueOf('named')
      const cells = sharedCells()
      const gate = aco.gate()
      void gate.asynch(of('held'), { cells }, { queue })
      await begun(bench, cells)
      const event = eventOf('add', { a: 1, b: 2 })
      const run = co.runAsynch(event, { queue, subqueue: 9n, timeout: 1 })
      expect(waiting(queue)).toEqual([[9n, 1]])
      expect(await failureCode(run)).toBe('ETIME')
      expect([event.isFreed, event.isScheduled]).toEqual([false, true])
      expect(await failureCode(co.runAsynch(event, { queue }))).toBe('ERR_EVENT_SCHEDULED')
      release(cells)
      await gate.wait()
      await bench.until(() => event.isFreed)
      expect(await failureCode(co.runAsynch(event))).toBe('ERR_EVENT_FREED')
      for (const bad of [undefined, {}, of('add')])
        expect(await failureCode(co.runAsynch(bad as never))).toBe('ERR_INVALID_ARGUMENT')
      const good = eventOf('add', { a: 1, b: 2 })
      expect(await failureCode(co.runAsynch(good, { queue: {} } as never))).toBe('ERR_INVALID_ARGUMENT')
      good.free()
    }))
})

describe('gates', () => {
  it('AC-24 A-AC-16 one wait is for all calls, which run at the same time', () =>
    inCoroutine(async (_, { until }) => {
      const queue = queueOf('five', { concurrency: 5 })
      const cells = sharedCells()
      const gate = aco.gate()
      const results = [0, 1, 2, 3, 4].map((value) => gate.asynch(of('held'), { cells, value }, { queue }))
      expect(gate.pending).toBe(5)
      const released = (async () => {
        while (Atomics.load(cells, 1) < 5) await new Promise(setImmediate)
        release(cells)
      })()
      expect(until).toBeDefined()
      await gate.wait()
      await released
      expect(gate.pending).toBe(0)
      expect(await Promise.all(results)).toEqual([0, 1, 2, 3, 4])
    }))

  it('AC-24 A-AC-16 an empty one does not wait, and none is waited for twice', () =>
    inCoroutine(async () => {
      const gate = aco.gate()
      await gate.wait()
      expect(await failureCode(gate.wait())).toBe('ERR_GATE_USED')
      expect(await failureCode(gate.asynch(of('add'), {}))).toBe('ERR_GATE_USED')
      const full = aco.gate()
      void full.asynch(of('add'), { a: 1, b: 2 })
      const first = full.wait()
      expect(await failureCode(full.wait())).toBe('ERR_GATE_USED')
      await first
      expect(await failureCode(full.wait())).toBe('ERR_GATE_USED')
    }))

  it('AC-24 A-AC-16 the waiter is resumed, not who added', () =>
    withAco(async (bench) => {
      const cells = sharedCells()
      const gate = aco.gate()
      const adder = aco.start(async (co) => {
        void co.asynch(of('held'), { cells }, { gate })
        expect(co.state).toBe('running')
        return co.park()
      })
      const waiter = aco.start(async () => {
        await gate.wait()
        return 'resumed'
      })
      expect([adder.state, waiter.state]).toEqual(['park', 'gate'])
      await bench.until(() => Atomics.load(cells, 1) === 1)
      release(cells)
      expect(await waiter.done).toBe('resumed')
      expect(adder.state).toBe('park')
      aco.unpark(adder, 'now')
      expect(await adder.done).toBe('now')
    }))

  it('AC-24 AC-32 a wait that ended early can be repeated', () =>
    inCoroutine(async () => {
      const cells = sharedCells()
      const gate = aco.gate()
      void gate.asynch(of('held'), { cells })
      expect(await failureCode(gate.wait({ timeout: 1 }))).toBe('ETIME')
      const reason = new Error('stop')
      expect(await failure(gate.wait({ signal: AbortSignal.abort(reason) }))).toBe(reason)
      release(cells)
      await gate.wait()
    }))

  it('AC-24 an error comes with the wait once all are over, and with its own promise', () =>
    inCoroutine(async () => {
      const gate = aco.gate()
      const bad = gate.asynch(of('fail'), { text: 'one of them' })
      const good = gate.asynch(of('add'), { a: 1, b: 1 })
      expect((await failure(gate.wait())).message).toBe('one of them')
      expect((await failure(bad)).message).toBe('one of them')
      expect(await good).toBe(2)
    }))

  it('AC-24 is waited for in coroutines only', () =>
    withAco(async () => {
      expect(await failureCode(aco.gate().wait())).toBe('ERR_NOT_IN_ACO')
    }))
})
