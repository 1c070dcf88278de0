import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type AsynchEvent, type Eventer, type HeddleError, Mask } from '../../lib'
import { temporaryFolder } from '../temporary-folder'
import { heldOnes, of, release, sharedCells, steps } from './asynch-harness'
import { type Bench, isNative, withEventer } from './eventer-harness'

/** An event whose end the case can wait for, after `complete` has looked at it. */
function watched<C>(
  eventer: Eventer,
  what: Parameters<Eventer['asynch']>[0],
  closure: C,
  options: Parameters<Eventer['asynch']>[2] & { look?: (event: AsynchEvent) => void } = {},
): { event: AsynchEvent; ended: () => boolean } {
  const { look, ...rest } = options
  let ended = false
  const complete = (event: AsynchEvent): number => {
    ended = true
    look?.(event)
    return 0
  }
  const event = eventer.asynch(what as never, closure as never, {
    ...rest,
    complete: complete as never,
  }) as AsynchEvent
  return { event, ended: () => ended }
}

const held = (bench: Bench, cells: Int32Array, queue: string) => {
  const event = bench.eventer.asynch({ work: of('held') }, { cells })
  bench.eventer.addAsynch(event, { queue: bench.eventer.jobqs.create(queue) })
  return event
}

describe('the life of an asynchronous event', () => {
  it('AS-01 A-AS-1 work and cleanup run on one thread of the queue, then complete on the loop that has it', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const cells = sharedCells(16)
      const closure = { cells }
      const seen: unknown[] = []
      let event: AsynchEvent | undefined
      eventer.addIn(0, () => {
        event = eventer.asynch(
          {
            work: of('work'),
            cleanup: of('cleanup'),
            complete: (e, mask, given, now) => {
              seen.push(e === event, mask, given === closure, now === eventer.currentLoop()?.now)
              seen.push(
                eventer.currentEvent() === e,
                eventer.currentLoop() === e.owner,
                e.value,
                e.error,
                e.timedOut,
              )
              expect(steps(cells).map(({ step }) => step)).toEqual(['work', 'cleanup'])
            },
          },
          closure,
        ) as AsynchEvent
        expect([event.kind, event.mask, event.isScheduled]).toEqual(['asynch', Mask.ASYNCH_COMPLETE, false])
        eventer.addAsynch(event)
        expect([event.isScheduled, event.queue?.name]).toEqual([true, 'default'])
      })
      await bench.until(() => event?.isFreed === true)
      expect(seen).toEqual([true, Mask.ASYNCH_COMPLETE, true, true, true, true, 7, undefined, false])
      const threads = steps(cells).map(({ thread }) => thread)
      expect(threads[0]).toBe(threads[1])
      expect(threads[0]).not.toBe(threadId)
    }))

  it.runIf(isNative && process.platform === 'linux')(
    'AS-01 A-AS-1 JQ-11 the name of the thread begins with the short name of the queue',
    () =>
      withEventer({}, async (bench) => {
        const { eventer } = bench
        const queue = eventer.jobqs.create('a-queue-of-a-long-name')
        const names: string[] = []
        const look = (e: AsynchEvent) => void names.push(e.value as string)
        const { event, ended } = watched(eventer, { work: of('threadName') }, undefined, { look })
        eventer.addAsynch(event, { queue })
        await bench.until(ended)
        expect(names[0]).toMatch(new RegExp(`^${queue.shortName}/\\d`))
      }),
  )

  it('AS-01 A-AS-1 no two phases of an event are ever under way at once', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const queue = eventer.jobqs.create('phases', { concurrency: 3 })
      const seen: number[][] = []
      for (let n = 0; n < 30; n++) {
        // How many are inside, the most there were, and how many have been.
        const cells = sharedCells(3)
        const complete = (): void => void seen.push([...cells])
        const inside = { work: of('inside'), cleanup: of('inside'), complete }
        eventer.addAsynch(eventer.asynch(inside, { cells, fails: n % 3 === 0 }), { queue })
      }
      await bench.until(() => seen.length === 30)
      expect(seen).toEqual(Array(30).fill([0, 1, 2]))
    }))

  it('AS-01 one target gets the name of the step, and the closure behind it', () =>
    withEventer({}, async (bench) => {
      const cells = sharedCells(16)
      const values: unknown[] = []
      const { event, ended } = watched(
        bench.eventer,
        of('phases'),
        { cells },
        { look: (e) => void values.push(e.value) },
      )
      bench.eventer.add(event)
      await bench.until(ended)
      expect(steps(cells).map(({ step }) => step)).toEqual(['work', 'cleanup'])
      expect(values).toEqual(['work'])
    }))

  it('AS-03 A-AS-3 made outside of loops it is completed on the first loop of the default pool', () =>
    withEventer({ loops: 2 }, async (bench) => {
      const { eventer } = bench
      const loops: unknown[] = []
      const event = eventer.asynch({
        work: of('whereAmI'),
        complete: () => void loops.push(eventer.currentLoop()?.name),
      })
      expect(event.owner).toBe(eventer.chooseOwner(0))
      eventer.addAsynch(event)
      await bench.until(() => event.isFreed)
      expect(loops).toEqual(['default/0'])
    }))

  it.each([
    ['no deadlines', () => undefined],
    ['deadlines, some of them past', (n: number) => Date.now() + (n % 10 === 0 ? -1 : 600_000)],
    ['deadlines that pass meanwhile', () => Date.now() + 20],
  ])('AS-01 A-AS-11 each of ten thousand runs once through all steps: %s', (_, deadlineOf) =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const count = 10_000
      const queue = eventer.jobqs.create('many', { concurrency: 2 })
      const cells = sharedCells(4)
      let [completed, late, good] = [0, 0, 0]
      const complete = (event: AsynchEvent<{ n: number }>): void => {
        completed++
        if (event.timedOut) late++
        else if (event.value === event.closure.n) good++
      }
      for (let n = 0; n < count; n++) {
        const what = { work: of('echoNumber'), cleanup: of('count'), complete }
        const event = eventer.asynch(what, { n }, { arg: { n, cells }, deadline: deadlineOf(n) })
        eventer.addAsynch(event, { queue })
      }
      await bench.until(() => completed === count)
      const [works, cleanups] = [Atomics.load(cells, 0), Atomics.load(cells, 1)]
      expect({ cleanups, works, good }).toEqual({ cleanups: count, works: count - late, good: works })
      expect(queue.stats()).toMatchObject({ timeouts: late, backlog: 0, inflight: 0 })
      if (deadlineOf(0) === undefined) expect(late).toBe(0)
      else expect(late).toBeGreaterThanOrEqual(count / 10)
    }),
  )

  it('AS-11 A-AS-4 what the work throws is the error of the completion, and cleanup runs all the same', () =>
    withEventer({}, async (bench) => {
      const cells = sharedCells(16)
      const errors: (Error & { code?: string })[] = []
      const { event, ended } = watched(
        bench.eventer,
        { work: of('failing'), cleanup: of('cleanup') },
        { cells, text: 'no luck', code: 'ELUCK' },
        { look: (e) => void errors.push(e.error as Error) },
      )
      bench.eventer.addAsynch(event)
      await bench.until(ended)
      expect(steps(cells).map(({ step }) => step)).toEqual(['cleanup'])
      const [error] = errors
      expect([error?.name, error?.message, error?.code]).toEqual(['RangeError', 'no luck', 'ELUCK'])
      expect(error?.stack).toContain('asynch-module.mjs')
    }))

  it('AS-11 work that throws undefined has failed; cleanup that does so has as well', () =>
    withEventer({}, async (bench) => {
      const ends: unknown[] = []
      const look = (e: AsynchEvent) => void ends.push([e.failed, e.error, e.value, e.timedOut])
      for (const what of [
        { work: of('throwUndefined') },
        { work: of('echo'), cleanup: of('throwUndefined') },
        { work: of('echo') },
      ]) {
        const { event, ended } = watched(bench.eventer, what, 'x', { look })
        expect(event.failed).toBe(false)
        bench.eventer.addAsynch(event)
        await bench.until(ended)
      }
      expect(ends).toEqual([
        [true, undefined, undefined, false],
        [true, undefined, undefined, false],
        [false, undefined, 'x', false],
      ])
    }))

  it('AS-11 of two errors the first counts; an export that is not there is an error as well', () =>
    withEventer({}, async (bench) => {
      const errors: (string | undefined)[] = []
      const look = (e: AsynchEvent) => void errors.push((e.error as Error | undefined)?.message)
      const both = { cells: sharedCells(16), failing: ['work', 'cleanup'] }
      const last = { cells: sharedCells(16), failing: ['cleanup'] }
      const what = { work: of('workThatFails'), cleanup: of('cleanupThatFails') }
      for (const [target, closure] of [
        [what, both],
        [what, last],
        [{ work: of('nothing') }, {}],
        [{ work: of('notAFunction') }, {}],
      ] as const) {
        const { event, ended } = watched(bench.eventer, target, closure, { look })
        bench.eventer.addAsynch(event)
        await bench.until(ended)
      }
      expect(errors.slice(0, 2)).toEqual(['work failed', 'cleanup failed'])
      expect(errors[2]).toContain('nothing')
      expect(errors[3]).toContain('notAFunction')
    }))

  it('AS-08 A-AS-5 past its deadline the work is skipped, cleanup and completion are not', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const blocker = sharedCells()
      held(bench, blocker, 'late')
      await heldOnes(bench, blocker)
      const queue = eventer.jobqs.get('late')
      const cells = sharedCells(16)
      const outcomes: unknown[] = []
      const look = (e: AsynchEvent) =>
        void outcomes.push(e.timedOut, (e.error as HeddleError | undefined)?.code, e.value)
      const what = { work: of('work'), cleanup: of('cleanup') }
      const late = watched(eventer, what, { cells }, { deadline: Date.now() - 1000, look })
      // A whole second is a time like others.
      const whole = watched(
        eventer,
        what,
        { cells },
        { deadline: { sec: Math.floor(Date.now() / 1000) - 5, usec: 0 }, look },
      )
      const other = sharedCells(16)
      const inTime = watched(eventer, what, { cells: other }, { deadline: Date.now() + 60_000, look })
      for (const { event } of [late, whole, inTime]) eventer.addAsynch(event, { queue })
      release(blocker)
      await bench.until(() => late.ended() && whole.ended() && inTime.ended())
      expect(outcomes).toEqual([true, 'ETIME', undefined, true, 'ETIME', undefined, false, undefined, 7])
      expect(steps(cells).map(({ step }) => step)).toEqual(['cleanup', 'cleanup'])
      expect(steps(other).map(({ step }) => step)).toEqual(['work', 'cleanup'])
      expect(queue?.stats().timeouts).toBe(2)
    }))

  it.each(['signal', 'terminate'] as const)(
    'AS-09 A-AS-6 work in progress is stopped at the deadline: %s',
    (cancel) =>
      withEventer({}, async (bench) => {
        const { eventer } = bench
        const queue = eventer.jobqs.create('stopped')
        // Not before the thread is there, lest the deadline pass while it starts.
        const first = watched(eventer, { work: of('echo') }, 'first')
        eventer.addAsynch(first.event, { queue })
        await bench.until(first.ended)
        const cells = sharedCells(16)
        const outcomes: unknown[] = []
        const work = cancel === 'signal' ? of('untilSignal') : of('forEver')
        let stepsAtEnd: string[] = []
        const look = (e: AsynchEvent) => {
          outcomes.push(e.timedOut, (e.error as HeddleError | undefined)?.code)
          stepsAtEnd = steps(cells).map(({ step }) => step)
        }
        const { event, ended } = watched(
          eventer,
          { work, cleanup: of('cleanup') },
          { cells },
          { deadline: Date.now() + 1000, cancel, look },
        )
        eventer.addAsynch(event, { queue })
        await bench.until(ended)
        // What stops by itself has a result like others.
        expect(outcomes).toEqual(cancel === 'signal' ? [false, undefined] : [true, 'ETIME'])
        expect(Atomics.load(cells, 15)).toBe(1)
        // It is cleaned up before the completion, also where its thread has gone; the queue goes on.
        expect(stepsAtEnd).toEqual(['cleanup'])
        const next = watched(eventer, { work: of('echo') }, 'next')
        eventer.addAsynch(next.event, { queue })
        await bench.until(next.ended)
      }),
  )

  it.each([16, 1 << 20])(
    'AS-01 AS-09 A-AS-6 one function for all phases cleans up behind a thread that was ended, %i bytes',
    (size) =>
      withEventer({}, async (bench) => {
        const { eventer } = bench
        const queue = eventer.jobqs.create('ended')
        const path = join(temporaryFolder(), 'steps')
        writeFileSync(path, '')
        const { event, ended } = watched(
          eventer,
          of('phasesForEver'),
          { path, bytes: new Uint8Array(size) },
          { runTimeout: 1000, cancel: 'terminate' },
        )
        eventer.addAsynch(event, { queue })
        await bench.until(ended)
        await bench.until(() => readFileSync(path, 'utf8').includes('cleanup'))
        expect(readFileSync(path, 'utf8')).toBe(`work ${size}\ncleanup ${size}\n`)
      }),
  )

  it.each(['one function', 'two functions'])(
    'AS-01 AS-09 A-AS-6 shared memory is there for the cleanup behind a thread that took too long: %s',
    (how) =>
      withEventer({}, async (bench) => {
        const { eventer } = bench
        const cells = sharedCells(16)
        const what = how === 'one function' ? of('loopInWork') : { work: of('loop'), cleanup: of('cleanup') }
        let stepsAtEnd: string[] = []
        const look = () => {
          stepsAtEnd = steps(cells).map(({ step }) => step)
        }
        const options = { runTimeout: 300, cancel: 'terminate', look } as const
        const { event, ended } = watched(eventer, what, { cells }, options)
        eventer.addAsynch(event, { queue: eventer.jobqs.create('shared') })
        await bench.until(ended)
        expect([event.failed, event.timedOut, stepsAtEnd]).toEqual([true, true, ['work', 'cleanup']])
      }),
  )

  it('AS-10 the deadline of a queued event can be moved, that of one that has begun cannot', () =>
    withEventer({}, async (bench) => {
      const { eventer } = bench
      const blocker = sharedCells()
      const running = held(bench, blocker, 'moved')
      await heldOnes(bench, blocker)
      const queue = eventer.jobqs.get('moved')
      const spared = watched(eventer, { work: of('echo') }, 'spared', { deadline: Date.now() - 5 })
      const values: unknown[] = []
      const doomed = watched(eventer, { work: of('echo') }, 'doomed', {
        look: (e) => void values.push(e.timedOut),
      })
      const armed = watched(eventer, { work: of('echo') }, 'armed', {
        cancel: 'signal',
        deadline: Date.now() + 60_000,
      })
      expect(eventer.updateWhence(spared.event, Date.now())).toBe(false)
      for (const { event } of [spared, doomed, armed]) eventer.addAsynch(event, { queue })
      expect(eventer.updateWhence(spared.event, Date.now() + 60_000)).toBe(true)
      expect(eventer.updateWhence(doomed.event, Date.now() - 1)).toBe(true)
      expect(eventer.updateWhence(armed.event, Date.now() - 1)).toBe(false)
      expect(eventer.updateWhence(running, Date.now() - 1)).toBe(false)
      release(blocker)
      await bench.until(() => spared.ended() && doomed.ended() && armed.ended() && running.isFreed)
      expect([spared.event.value, spared.event.timedOut]).toEqual(['spared', false])
      expect(values).toEqual([true])
    }))
})
