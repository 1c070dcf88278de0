import { isDeepStrictEqual } from 'node:util'
import type { Eventer } from '../eventer'
import type { JobQueue, JobQueueOptions } from '../jobq'
import { initialLimits } from '../jobq/limits'
import { type ThreadPoolOptions, ThreadPools, type ThreadPoolStanza } from '../threadpool'
import { poolSpec } from '../threadpool/pool-spec'
import type { Spot } from './place'
import type { Settings, StanzaSettings } from './settings'

/** A stanza that could not be followed, and why. */
export type Untuned = readonly [spot: Spot, error: unknown]

/**
 * Brings thread pools and job queues in step with a generation: what is new is made, what a stanza says otherwise than before
 * is changed, what is named no more stays as it is. What a program or the console has changed meanwhile stays, as long as the
 * stanza says the same. Belongs to the isolate of the application.
 */
export class Tunables {
  readonly #eventer: Eventer
  /** As they were applied last, by the name of what they were applied to. */
  readonly #queues = new Map<string, JobQueueOptions>()
  readonly #pools = new Map<string, ThreadPoolOptions>()

  constructor(eventer: Eventer) {
    this.#eventer = eventer
  }

  /** What could not be done; the rest is. A stanza that failed is tried again the next time. */
  follow({ jobqs, threadPools }: Settings): Untuned[] {
    return [
      ...each(
        jobqs,
        this.#queues,
        (name) => name,
        (settings, before) => this.#queue(settings, before),
      ),
      ...each(
        threadPools,
        this.#pools,
        (name) => name.toLowerCase(),
        (settings, before) => this.#pool(settings, before),
      ),
    ]
  }

  #queue({ name, options }: StanzaSettings<JobQueueOptions>, before: JobQueueOptions | undefined): void {
    const { jobqs } = this.#eventer
    const queue = jobqs.get(name)
    if (queue === undefined) jobqs.create(name, options)
    else tuneQueue(queue, options, before)
  }

  #pool({ name, options }: StanzaSettings<ThreadPoolOptions>, before: ThreadPoolOptions | undefined): void {
    const pools = ThreadPools.of(this.#eventer)
    if (pools.find(name) === undefined)
      pools.create(name, { owner: 'configuration', deferSpawn: false, ...options })
    else pools.configure({ ThreadPool: { [name]: changesOf(options, before) } })
  }
}

function each<T>(
  stanzas: readonly StanzaSettings<T>[],
  applied: Map<string, T>,
  keyOf: (name: string) => string,
  apply: (settings: StanzaSettings<T>, before: T | undefined) => void,
): Untuned[] {
  const failures: Untuned[] = []
  for (const settings of stanzas) {
    const key = keyOf(settings.name)
    const before = applied.get(key)
    if (isDeepStrictEqual(before, settings.options)) continue
    try {
      apply(settings, before)
      applied.set(key, settings.options)
    } catch (error) {
      failures.push([settings, error])
    }
  }
  return failures
}

/** Nothing before: the queue is not of this configuration's making, and all that the stanza says counts. */
function tuneQueue(queue: JobQueue, options: JobQueueOptions, before: JobQueueOptions | undefined): void {
  const limits = limitsOf(options)
  if (before === undefined || !isDeepStrictEqual(limits, limitsOf(before))) queue.setLimits(limits)
  const { maxBacklog, lifo } = options
  if (maxBacklog !== undefined && maxBacklog !== before?.maxBacklog) queue.setMaxBacklog(maxBacklog)
  if (lifo !== undefined && lifo !== before?.lifo) queue.lifo = lifo
}

function limitsOf({ concurrency = 1, min, max, floor }: JobQueueOptions) {
  return initialLimits(concurrency, min, max, floor)
}

/** What a stanza no longer says is as it is by default. */
function changesOf(options: ThreadPoolOptions, before: ThreadPoolOptions | undefined): ThreadPoolStanza {
  const now = poolSpec(options)
  const then = before && poolSpec(before)
  const isSaid = before === undefined ? options : now
  return {
    ...(isSaid.concurrency !== undefined &&
      now.concurrency !== then?.concurrency && { Concurrency: now.concurrency }),
    ...(isSaid.maxQueue !== undefined && now.maxQueue !== then?.maxQueue && { Backlog: now.maxQueue }),
    ...(isSaid.stackSize !== undefined && now.stackSize !== then?.stackSize && { Stack_Size: now.stackSize }),
  }
}
