import { availableParallelism } from 'node:os'
import { checkOptions, flag, invalid } from '../arguments'

/** How a thread pool is made. (TP-17, TP-19) */
export interface ThreadPoolOptions {
  /** Who made it, for listings. */
  readonly owner?: string | undefined
  /** `worker`: worker threads of Node, which run exports of modules. `native`: plain threads, which run native functions. */
  readonly kind?: 'worker' | 'native' | undefined
  /** Threads. Default 4, of `CPU` one a core. */
  readonly concurrency?: number | undefined
  /** Bytes of the stack of new threads, of worker threads 1 MiB at least; 0, the default: as usual. */
  readonly stackSize?: number | undefined
  /** Jobs that may wait; above it `queue` answers false and `enqueue` waits. 0, the default: no limit. */
  readonly maxQueue?: number | undefined
  /** Idle threads end after a while. Default false. */
  readonly autoShrink?: boolean | undefined
  /** Threads are started by the jobs that need them, not at once. Default true. */
  readonly deferSpawn?: boolean | undefined
  /** When a worker thread dies: another takes its place (the default), or the process ends, after `fatal` of `eventer.jobqs`. (TP-20) */
  readonly onWorkerDeath?: 'respawn' | 'exit' | undefined
}

export type ThreadPoolSpec = { readonly [K in keyof ThreadPoolOptions]-?: NonNullable<ThreadPoolOptions[K]> }

const KNOWN: ReadonlySet<string> = new Set<keyof ThreadPoolOptions>([
  'owner',
  'kind',
  'concurrency',
  'stackSize',
  'maxQueue',
  'autoShrink',
  'deferSpawn',
  'onWorkerDeath',
])
const MAX_THREADS = 1024
const MAX_NAME_BYTES = 200
const MAX_STACK_BYTES = 1 << 30

/** Pools that are always there, in the order of their classes. (TP-10) */
export const PREDEFINED: ReadonlyMap<string, ThreadPoolOptions> = new Map([
  ['CPU', { concurrency: availableParallelism() }],
  ['IO', { concurrency: 4 }],
  ['SwapIn', { concurrency: 2 }],
  ['SwapOut', { concurrency: 2 }],
])

/** With what goes before it, it is the name of a queue. ERR_INVALID_ARGUMENT. */
export function checkName(name: unknown): void {
  const isName = typeof name === 'string' && name !== '' && !name.includes('\0')
  if (!isName || Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw invalid('a pool has', `a name of at most ${MAX_NAME_BYTES} bytes`, name)
}

/** ERR_INVALID_ARGUMENT. */
export function poolSpec(options: ThreadPoolOptions): ThreadPoolSpec {
  checkOptions('a thread pool', options, KNOWN, '{ concurrency: 4 }')
  const {
    owner = 'heddle',
    kind = 'worker',
    concurrency = 4,
    stackSize = 0,
    maxQueue = 0,
    onWorkerDeath = 'respawn',
  } = options
  if (typeof owner !== 'string') throw invalid('owner', 'is a name', owner)
  if (kind !== 'worker' && kind !== 'native') throw invalid('kind', "is 'worker' or 'native'", kind)
  if (onWorkerDeath !== 'respawn' && onWorkerDeath !== 'exit')
    throw invalid('onWorkerDeath', "is 'respawn' or 'exit'", onWorkerDeath)
  return {
    owner,
    kind,
    concurrency: checkThreads(concurrency),
    stackSize: checkCount('stackSize', stackSize, MAX_STACK_BYTES),
    maxQueue: checkCount('maxQueue', maxQueue, 0x7fffffff),
    autoShrink: flag('autoShrink', options.autoShrink, false),
    deferSpawn: flag('deferSpawn', options.deferSpawn, true),
    onWorkerDeath,
  }
}

/** ERR_INVALID_ARGUMENT. */
export function checkThreads(concurrency: number): number {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_THREADS) return concurrency
  throw invalid('concurrency', `is an integer from 1 to ${MAX_THREADS}`, concurrency)
}

/** ERR_INVALID_ARGUMENT. */
export function checkCount(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw invalid(name, `is an integer from 0 to ${max}`, value)
}
