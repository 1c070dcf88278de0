import { checkOptions, invalid } from '../arguments'
import { type AsynchQueueOptions, WorkerQueue } from './worker-queue'

const KNOWN: ReadonlySet<string> = new Set<keyof AsynchQueueOptions>(['concurrency', 'maxBacklog'])
const MAX_CONCURRENCY = 1024

/** The queues of one eventer by name; one is made when it is first named. */
export class Queues {
  readonly #byName = new Map<string, WorkerQueue>()

  /** An existing queue stays as it is. ERR_INVALID_ARGUMENT. */
  get(name: string, options: AsynchQueueOptions = {}): WorkerQueue {
    if (typeof name !== 'string' || name === '') throw invalid('a queue has', 'a name', name)
    checkOptions('asynchQueue', options, KNOWN, '{ concurrency: 5 }')
    const { concurrency = 1, maxBacklog = 0 } = options
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY)
      throw invalid('concurrency', `is an integer from 1 to ${MAX_CONCURRENCY}`, concurrency)
    if (!Number.isInteger(maxBacklog) || maxBacklog < 0)
      throw invalid('maxBacklog', 'is a number of calls', maxBacklog)
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const queue = new WorkerQueue(name, options)
    this.#byName.set(name, queue)
    return queue
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byName.values()].map((queue) => queue.close()))
  }
}
