import { describe, expect, it } from 'vitest'
import type { AsynchEvent, Eventer, HeddleError, JobQueue } from '../../lib'
import { heldOnes, of, release, sharedCells } from './asynch-harness'
import { type Bench, codeOf, withEventer } from './eventer-harness'

/** Events whose completions are written down by name. */
function named(eventer: Eventer, completed: string[]) {
  return (name: string, what = of('echo'), closure: unknown = name): AsynchEvent =>
    eventer.asynch({ work: what, complete: () => void completed.push(name) }, closure) as AsynchEvent
}

async function blocked(bench: Bench, queue: JobQueue, cells: Int32Array): Promise<AsynchEvent> {
  const event = bench.eventer.asynch({ work: of('held') }, { cells }) as AsynchEvent
  bench.eventer.addAsynch(event, { queue })
  await heldOnes(bench, cells)
  return event
}

describe('asynchronous events and queues', () => {
  it("AS-05 A-AS-8 a try is refused over the backlog, and the event is the caller's then", () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const queue = eventer.jobqs.create('small', { concurrency: 1, maxBacklog: 2 })
      const other = eventer.jobqs.create('other')
      const cells = sharedCells()
      await blocked(bench, queue, cells)
      const completed: string[] = []
      const make = named(eventer, completed)
      const [second, third, fourth, fifth] = ['2', '3', '4', '5'].map((name) => make(name)) as AsynchEvent[]
      expect(eventer.tryAddAsynch(second as AsynchEvent, { queue })).toBe(true)
      expect(eventer.tryAddAsynch(third as AsynchEvent, { queue })).toBe(true)
      expect(eventer.tryAddAsynch(fourth as AsynchEvent, { queue })).toBe(false)
      expect([fourth?.isScheduled, fourth?.isFreed, fourth?.references]).toEqual([false, false, 1])
      expect(eventer.tryAddAsynch(fourth as AsynchEvent, { queue: other })).toBe(true)
      await bench.until(() => completed.length === 1)
      expect(completed).toEqual(['4'])
      // Others are taken however many wait.
      eventer.addAsynch(fifth as AsynchEvent, { queue })
      expect(queue.stats().backlog).toBe(3)
      const refused = make('freed')
      expect(eventer.tryAddAsynch(refused, { queue })).toBe(false)
      refused.free()
      release(cells)
      await bench.until(() => completed.length === 4)
      expect(completed).toEqual(['4', '2', '3', '5'])
      await bench.until(() => eventer.allocations().current === 0)
    }))

  it('AS-05 JQ-13 a queue that is being drained takes no more', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const queue = eventer.jobqs.create('drained')
      const cells = sharedCells()
      const running = await blocked(bench, queue, cells)
      const drained = queue.drain()
      const event = named(eventer, [])('late')
      expect(eventer.tryAddAsynch(event, { queue })).toBe(false)
      expect(codeOf(() => eventer.addAsynch(event, { queue }))).toBe('ERR_JOBQ_SHUTDOWN')
      expect(event.isScheduled).toBe(false)
      release(cells)
      await drained
      await bench.until(() => running.isFreed)
      eventer.addAsynch(event)
      await bench.until(() => event.isFreed)
      queue.destroy()
    }))

  it('AS-07 JQ-12 a number groups events of one queue, which get fair turns', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const queue = eventer.jobqs.create('fair')
      const cells = sharedCells()
      await blocked(bench, queue, cells)
      const completed: string[] = []
      const make = named(eventer, completed)
      for (const name of ['a1', 'a2', 'a3']) eventer.addAsynch(make(name), { queue, subqueue: 1n })
      for (const name of ['b1', 'b2']) eventer.addAsynch(make(name), { queue, subqueue: 2n ** 40n })
      const waiting = queue.subqueues().filter(({ backlog }) => backlog > 0)
      expect(waiting.sort((a, b) => Number(a.id - b.id))).toEqual([
        { id: 1n, backlog: 3, inflight: 0 },
        { id: 2n ** 40n, backlog: 2, inflight: 0 },
      ])
      release(cells)
      await bench.until(() => completed.length === 5)
      expect(completed).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
    }))
})

describe('dependents of asynchronous events', () => {
  it('AS-06 A-AS-7 those that the work adds, and theirs, complete before their parent', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const queue = eventer.jobqs.create('family', { concurrency: 2 })
      const ended: number[] = []
      const parent = eventer.asynch({
        work: of('withDependents'),
        complete: () => void ended.push(queue.stats().total),
      })
      eventer.addAsynch(parent, { queue })
      await bench.until(() => parent.isFreed)
      // Two, one that adds another, that one, and their parent.
      expect(ended).toEqual([5])
    }))

  it('AS-06 those that this isolate adds complete before their parent, each on its own loop', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const queue = eventer.jobqs.create('family', { concurrency: 2 })
      const [gate, cells] = [sharedCells(), sharedCells()]
      const completed: string[] = []
      const make = named(eventer, completed)
      const parent = make('parent', of('held'), { cells: gate })
      eventer.addAsynch(parent, { queue })
      await heldOnes(bench, gate)
      const child = make('child', of('held'), { cells })
      const other = eventer.asynch(
        { work: of('echo'), complete: () => void completed.push(`other on ${eventer.currentLoop()?.name}`) },
        undefined,
        { owner: eventer.loops[1] as never },
      ) as AsynchEvent
      eventer.addAsynchDep(child, { queue, dependOn: parent })
      expect(eventer.tryAddAsynchDep(other, { queue, dependOn: child })).toBe(true)
      await heldOnes(bench, cells)
      release(gate)
      await bench.until(() => queue.stats().total === 2)
      await bench.passes(3)
      expect(completed).toEqual(['other on default/1'])
      release(cells)
      await bench.until(() => parent.isFreed)
      expect(completed).toEqual(['other on default/1', 'child', 'parent'])
    }))

  it('AS-06 a dependent whose completion fails, or becomes asynchronous, is waited for as well', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const errors: unknown[] = []
      eventer.on('error', (error) => errors.push((error as HeddleError).code))
      const cells = sharedCells()
      const completed: string[] = []
      const parent = named(eventer, completed)('parent', of('held'), { cells })
      eventer.addAsynch(parent, { queue: eventer.jobqs.create('two', { concurrency: 2 }) })
      const failing = eventer.asynch({
        work: of('echo'),
        complete: () => {
          throw new Error('it failed')
        },
      })
      const slow = eventer.asynch({
        work: of('echo'),
        complete: async () => {
          await eventer.sleep(2)
          completed.push('slow')
        },
      })
      for (const event of [failing, slow]) eventer.addAsynchDep(event as AsynchEvent, { dependOn: parent })
      release(cells)
      await bench.until(() => parent.isFreed)
      expect([completed, errors]).toEqual([['slow', 'parent'], ['ERR_CALLBACK']])
    }))

  it('AS-06 needs somebody to wait: an event that is queued', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const event = named(eventer, [])('alone')
      const unqueued = named(eventer, [])('unqueued')
      expect(codeOf(() => eventer.addAsynchDep(event, {} as never))).toBe('ERR_INVALID_ARGUMENT')
      expect(codeOf(() => eventer.addAsynchDep(event, { dependOn: unqueued }))).toBe('EINVAL')
      expect(codeOf(() => eventer.addAsynchDep(event, { dependOn: 5 as never }))).toBe('ERR_INVALID_ARGUMENT')
      expect(event.isScheduled).toBe(false)
      event.free()
      unqueued.free()
    }))
})
