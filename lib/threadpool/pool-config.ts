import { invalid } from '../arguments'
import type { ThreadPool } from './thread-pool'
import type { ThreadPoolOptions } from './pool-spec'

/** A `ThreadPool` stanza. Names are taken in this spelling, or in that of the options. (TP-17) */
export interface ThreadPoolStanza {
  readonly Concurrency?: number
  readonly Backlog?: number
  readonly Stack_Size?: number
}

/** Stanzas by the name of the pool: `{ ThreadPool: { IO: { Concurrency: 8 } } }`. */
export interface ThreadPoolConfig {
  readonly ThreadPool: Readonly<Record<string, ThreadPoolStanza>>
}

const NAMES: Readonly<Record<string, 'concurrency' | 'maxQueue' | 'stackSize'>> = {
  concurrency: 'concurrency',
  backlog: 'maxQueue',
  stacksize: 'stackSize',
}

/** The stanzas by name. ERR_INVALID_ARGUMENT. */
export function stanzasOf(config: ThreadPoolConfig): [name: string, options: ThreadPoolOptions][] {
  const stanzas = config?.ThreadPool
  if (typeof stanzas !== 'object' || stanzas === null)
    throw invalid('configure takes', 'stanzas by name, { ThreadPool: { IO: { Concurrency: 8 } } }', stanzas)
  return Object.entries(stanzas).map(([name, stanza]) => [name, optionsOf(name, stanza)])
}

function optionsOf(pool: string, stanza: ThreadPoolStanza): ThreadPoolOptions {
  if (typeof stanza !== 'object' || stanza === null)
    throw invalid(`ThreadPool "${pool}"`, 'is a stanza such as { Concurrency: 8 }', stanza)
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(stanza)) {
    const name = NAMES[key.toLowerCase().replaceAll('_', '')]
    if (name === undefined)
      warn('HEDDLE_UNKNOWN_OPTION', `ThreadPool "${pool}" knows no "${key}", it is ignored`)
    else options[name] = value
  }
  return options
}

/** Brings a pool in step with its stanza, with its threads started; what cannot be changed any more is warned of and stays. (A-TP-9) */
export function tune(pool: ThreadPool, options: ThreadPoolOptions): void {
  const { concurrency, maxQueue, stackSize } = options
  if (concurrency !== undefined && concurrency !== pool.concurrency) pool.concurrency = concurrency
  if (stackSize !== undefined && stackSize !== pool.stackSize) pool.stackSize = stackSize
  if (maxQueue !== undefined && maxQueue !== pool.maxQueue) {
    if (!pool.hasBegun) pool.maxQueue = maxQueue
    else
      warn(
        'HEDDLE_NOT_TUNABLE',
        `ThreadPool "${pool.name}": Backlog is not tunable, it stays ${pool.maxQueue}`,
      )
  }
  pool.begin()
}

function warn(code: string, text: string): void {
  process.emitWarning(text, { type: 'HeddleWarning', code })
}
