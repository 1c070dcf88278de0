import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import type { EventerOptions } from '../../lib/eventer'
import type { JobQueue, JobQueues, ModuleTarget } from '../../lib/jobq'
import { type Bench, withEventer } from './eventer-harness'

export { failure, failureCode } from './aco-harness'
export { type Bench, backend, burn, codeOf, isNative } from './eventer-harness'

export const MODULE = join(__dirname, 'jobq-module.mjs')

/** An export of `jobq-module.mjs`. */
export const of = (name: string): ModuleTarget => ({ module: pathToFileURL(MODULE).href, export: name })

/** Words that threads share. */
export const sharedCells = (words = 2) => new Int32Array(new SharedArrayBuffer(words * 4))

/** Lets go of who is `held`. */
export function release(cells: Int32Array): void {
  Atomics.store(cells, 0, 1)
  Atomics.notify(cells, 0)
}

export interface JobBench extends Bench {
  readonly jobqs: JobQueues
}

/** Runs a case on an eventer that runs; at its end nothing is under way. */
export function withJobqs(
  body: (jobqs: JobQueues, bench: Bench) => void | Promise<void>,
  options: EventerOptions = {},
): Promise<void> {
  return withEventer(options, async (bench) => {
    bench.eventer.start()
    const { jobqs } = bench.eventer
    await body(jobqs, bench)
    expect(jobqs.desk.pending, 'jobs under way after the case').toBe(0)
  })
}

/** A queue of one thread whose thread is held until it is let go. */
export async function blocked(jobqs: JobQueues, name: string, options = {}): Promise<Blocked> {
  const queue = jobqs.create(name, options)
  const cells = sharedCells()
  const blocker = queue.run(of('held'), { cells, value: 'free' })
  await settled(() => cells[1] === 1)
  return {
    queue,
    letGo: async () => {
      release(cells)
      expect(await blocker).toBe('free')
    },
  }
}

export interface Blocked {
  readonly queue: JobQueue
  letGo(): Promise<void>
}

/**
 * Runs a job whose deadline may pass during its work, not before it: a round in which the work had not begun by then is
 * followed by one with twice the time. Gives the round that counts, settled.
 */
export async function begunBefore<T>(
  run: (deadline: number, cells: Int32Array) => Promise<T>,
  hasBegun: (cells: Int32Array) => boolean = (cells) => cells[1] !== 0,
): Promise<{ readonly job: Promise<T>; readonly deadline: number; readonly cells: Int32Array }> {
  for (let ms = 300; ; ms *= 2) {
    const cells = sharedCells(8)
    const deadline = Date.now() + ms
    const job = run(deadline, cells)
    await Promise.allSettled([job])
    if (hasBegun(cells)) return { job, deadline, cells }
  }
}

/** Of what notes its phases: not the cleanup alone. */
export const workHasBegun = (cells: Int32Array): boolean => cells[2] === 1

/** Asks again and again, for a minute at most. */
export async function settled(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error('the condition did not come true')
}
