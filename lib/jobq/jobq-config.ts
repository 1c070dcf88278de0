import { HeddleError } from '../errors'
import type { JobQueue } from './job-queue'
import type { JobQueues } from './job-queues'
import { type JobqSpec, parseJobqSpec } from './spec'

const PREFIX = 'jobq_'
const DEFAULT_THREADS = 'default_queue_threads'
const ORDERING = 'default_jobq_ordering'

/**
 * Makes or changes queues as a configuration says: `jobq_<name>` by `parseJobqSpec`, `default_queue_threads`, and
 * `default_jobq_ordering` (fifo or lifo) for queues that say nothing of it. A bad value is warned of and changes nothing.
 * Other keys are none of its business. The queues that were named and are right. (JQ-07, JQ-09)
 */
export function jobqsFromConfig(jobqs: JobQueues, config: Readonly<Record<string, string>>): JobQueue[] {
  const queues: JobQueue[] = []
  const lifo = attempt(ORDERING, () => orderOf(config[ORDERING])) ?? false
  for (const [key, text] of Object.entries(config)) {
    const queue = attempt(key, () => apply(jobqs, key, text, lifo))
    if (queue !== undefined) queues.push(queue)
  }
  return queues
}

function apply(jobqs: JobQueues, key: string, text: string, lifo: boolean): JobQueue | undefined {
  if (key === DEFAULT_THREADS) {
    if (!/^[1-9]\d{0,3}$/.test(text)) throw new HeddleError('EINVAL', `'${text}' is no number of threads`)
    jobqs.default.setConcurrency(Number(text))
    return jobqs.default
  }
  if (!key.startsWith(PREFIX)) return undefined
  const spec = parseJobqSpec(text)
  const name = key.slice(PREFIX.length)
  const queue = jobqs.get(name)
  if (queue === undefined) return jobqs.create(name, { ...spec, lifo: spec.lifo ?? lifo })
  change(queue, spec)
  return queue
}

/** Only what is said. */
function change(queue: JobQueue, { concurrency, min, max, memorySafety, maxBacklog, lifo }: JobqSpec): void {
  if (memorySafety !== undefined && memorySafety !== queue.memorySafety)
    throw new HeddleError('ERR_JOBQ_SAFETY', `the queue ${queue.name} is ${queue.memorySafety} already`)
  queue.setMinMax(min, max)
  queue.setConcurrency(concurrency)
  if (maxBacklog !== undefined) queue.setMaxBacklog(maxBacklog)
  if (lifo !== undefined) queue.lifo = lifo
}

function orderOf(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  if (text === 'fifo' || text === 'lifo') return text === 'lifo'
  throw new HeddleError('EINVAL', `the order is fifo or lifo, not '${text}'`)
}

function attempt<T>(key: string, what: () => T): T | undefined {
  try {
    return what()
  } catch (error) {
    process.emitWarning(`${key}: ${(error as Error).message}`, {
      type: 'HeddleWarning',
      code: 'HEDDLE_CONFIG',
    })
    return undefined
  }
}
