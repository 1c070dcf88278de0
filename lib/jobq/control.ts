import type { JobQueue } from './job-queue'
import type { JobQueues } from './job-queues'

/** Gives the answer's text. May throw what says why the value is bad. */
type Edit = (queue: JobQueue, value: string | undefined) => string | Promise<string>

const EDITS: Readonly<Record<string, Edit>> = {
  min: (queue, value) => {
    queue.setMinMax(threads(value), queue.minMax[1])
    return shown(queue)
  },
  max: (queue, value) => {
    queue.setMinMax(queue.minMax[0], threads(value))
    return shown(queue)
  },
  floor: (queue, value) => {
    queue.setFloor(threads(value))
    return shown(queue)
  },
  concurrency: (queue, value) => {
    queue.setConcurrency(threads(value))
    return shown(queue)
  },
  mode: (queue, value) => {
    if (value !== 'fifo' && value !== 'lifo')
      throw new Error(`the mode is fifo or lifo, not '${value ?? ''}'`)
    queue.lifo = value === 'lifo'
    return shown(queue)
  },
  ping: async (queue) => {
    const began = performance.now()
    await queue.run(queue.isNative ? { native: 'heddle:nothing' } : PING)
    return `${queue.name} answered in ${(performance.now() - began).toFixed(3)} ms`
  },
  post: (queue) => {
    // Its end is of no interest; `ping` tells.
    queue.run(queue.isNative ? { native: 'heddle:nothing' } : PING).catch(() => {})
    return `posted to ${queue.name}`
  },
}

/** Any function that every worker has. */
const PING = { module: 'node:os', export: 'uptime' }

const USAGE = `<name> ${Object.keys(EDITS).join('|')} [value]`

/**
 * A line of a console, in words: `<name> min|max|floor|concurrency|mode|ping|post [value]`, or nothing for a list. Answers in
 * text; a bad line or value is told and changes nothing. (JQ-16)
 */
export async function controlJobq(jobqs: JobQueues, args: readonly string[]): Promise<string> {
  const [name, what, value, ...more] = args
  if (name === undefined) return jobqs.list().map(shown).join('\n')
  const queue = jobqs.get(name)
  if (queue === undefined) return `error: there is no queue ${name}`
  if (what === undefined) return shown(queue)
  const edit = Object.hasOwn(EDITS, what) ? EDITS[what] : undefined
  if (edit === undefined || more.length > 0) return `error: ${USAGE}`
  try {
    return await edit(queue, value)
  } catch (error) {
    return `error: ${error instanceof Error ? error.message : String(error)}`
  }
}

function threads(value: string | undefined): number {
  if (value !== undefined && /^\d{1,4}$/.test(value)) return Number(value)
  throw new Error(`a number of threads is wanted, not '${value ?? ''}'`)
}

function shown(queue: JobQueue): string {
  const { desired, concurrency, min, max, floor, backlog, inflight, total, lifo, state } = queue.stats()
  const limits = `concurrency ${concurrency} of ${desired} [${min}, ${max === 0 ? 'unbounded' : max}] floor ${floor}`
  const mode = lifo ? 'lifo' : 'fifo'
  return `${queue.name}: ${limits}, ${backlog} waiting, ${inflight} running, ${total} ended, ${mode}, ${state}`
}
