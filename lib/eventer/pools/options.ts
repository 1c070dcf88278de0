import { availableParallelism } from 'node:os'
import { checkOptions, shown } from '../../arguments'
import { HeddleError } from '../../errors'

/**
 * What drives the loops of a pool. `embedded`: the event loop of this isolate. `native`: a native thread each, which
 * waits, reads, parses and writes; callbacks run in this isolate. `worker`: a worker thread each, with an isolate and an
 * eventer of its own, where callbacks run.
 */
export type PoolKind = 'embedded' | 'native' | 'worker'

/** A pool beside the default one. Times are milliseconds. (PO-01) */
export interface PoolOptions {
  /** Default `embedded`. `native` is ERR_NATIVE_REQUIRED where `capabilities().dedicatedLoops` is false. */
  readonly kind?: PoolKind
  /** Loops, from 1 to 64. Default: one for `embedded`, else a loop for each core, four at most. */
  readonly concurrency?: number
  /** Its loops wake at least 20 times in this time. Default 5000. (EV-06) */
  readonly watchdogTimeout?: number
  /**
   * Worker pools: a URL or an absolute path. Its default export, or its export `start`, is called in each worker once the
   * loop there runs, with a `PoolContext`; `Eventer.init` waits for what it returns.
   */
  readonly module?: string | URL
  /** Worker pools: `PoolContext.data`; structured clone. */
  readonly data?: unknown
  /**
   * Worker pools: what follows the end of a worker that nobody asked to end, after the eventer's `fatal` event. `respawn`
   * (the default) starts another under the same index, `exit` ends the process with code 1; where the eventer lives in a
   * worker thread itself, as `process.exit` there: that thread. (TP-20)
   */
  readonly onWorkerDeath?: 'respawn' | 'exit'
}

/** A pool with every default filled in. */
export interface ResolvedPool {
  readonly name: string
  readonly kind: PoolKind
  readonly concurrency: number
  readonly watchdogMs: number
  /** Longest sleep of its loops. */
  readonly maxSleepMs: number
  readonly module: string | URL | undefined
  readonly data: unknown
  readonly onWorkerDeath: 'respawn' | 'exit'
}

/** Of the default pool, which the options of the eventer describe. */
export const DEFAULT_POOL = 'default'

const MAX_LOOPS = 64
const MOST_BY_DEFAULT = 4
const BEATS_PER_TIMEOUT = 20
const WATCHDOG_MS = 5000
const KINDS: readonly unknown[] = ['embedded', 'native', 'worker']

const KNOWN: ReadonlySet<string> = new Set(
  Object.keys({
    kind: true,
    concurrency: true,
    watchdogTimeout: true,
    module: true,
    data: true,
    onWorkerDeath: true,
  } satisfies Record<keyof PoolOptions, true>),
)

/** The default pool: its options stand among those of the eventer. EINVAL. */
export function resolveDefaultPool(
  loops: number,
  kind: PoolKind,
  watchdogMs: number,
  sleepMs: number,
): ResolvedPool {
  if (kind !== 'embedded' && kind !== 'native')
    throw new HeddleError('EINVAL', `option kind is embedded or native, not ${shown(kind)}`)
  return resolved(DEFAULT_POOL, { kind, concurrency: loops, watchdogTimeout: watchdogMs }, sleepMs, 'loops')
}

/** The configured pools, in the order of their names in the object. EINVAL. */
export function resolvePools(pools: unknown, sleepMs: number): ResolvedPool[] {
  if (pools === undefined) return []
  if (typeof pools !== 'object' || pools === null)
    throw new HeddleError('EINVAL', `option pools is an object of pools by name, not ${shown(pools)}`)
  return Object.entries(pools).map(([name, options]) => {
    checkName(name)
    if (typeof options !== 'object' || options === null)
      throw new HeddleError('EINVAL', `pool "${name}" is an object of options, not ${shown(options)}`)
    checkOptions(`pool "${name}"`, options, KNOWN, '{ concurrency: 2 }')
    return resolved(name, options as PoolOptions, sleepMs, `pools.${name}.concurrency`)
  })
}

function checkName(name: string): void {
  if (name === DEFAULT_POOL)
    throw new HeddleError('EINVAL', 'the options loops, kind and watchdogTimeoutMs describe the default pool')
  if (name === '' || /[/\s]/.test(name))
    throw new HeddleError('EINVAL', `a pool has a name without slashes and spaces, not ${shown(name)}`)
}

/** Each option is read once: what a getter says later does not count. */
function resolved(name: string, options: PoolOptions, sleepMs: number, countName: string): ResolvedPool {
  const { kind = 'embedded', concurrency, watchdogTimeout = WATCHDOG_MS, module, data } = options
  const { onWorkerDeath = 'respawn' } = options
  if (!KINDS.includes(kind))
    throw new HeddleError('EINVAL', `pools.${name}.kind is embedded, native or worker, not ${shown(kind)}`)
  if (onWorkerDeath !== 'respawn' && onWorkerDeath !== 'exit')
    throw new HeddleError(
      'EINVAL',
      `pools.${name}.onWorkerDeath is respawn or exit, not ${shown(onWorkerDeath)}`,
    )
  if (module !== undefined && kind !== 'worker')
    throw new HeddleError('EINVAL', `pools.${name}.module is for pools of workers; this is ${kind}`)
  const watchdogMs = positive(`pools.${name}.watchdogTimeout`, watchdogTimeout)
  return {
    name,
    kind,
    concurrency: count(countName, concurrency ?? defaultConcurrency(kind)),
    watchdogMs,
    maxSleepMs: Math.min(sleepMs, watchdogMs / BEATS_PER_TIMEOUT),
    module,
    data,
    onWorkerDeath,
  }
}

/** Several loops of one isolate share its thread; of the others, each core can use one. (PO-02) */
function defaultConcurrency(kind: PoolKind): number {
  return kind === 'embedded' ? 1 : Math.min(availableParallelism(), MOST_BY_DEFAULT)
}

function count(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_LOOPS) return value
  throw new HeddleError(
    'EINVAL',
    `option ${name} must be an integer from 1 to ${MAX_LOOPS}, not ${shown(value)}`,
  )
}

/** A number of milliseconds above zero. EINVAL. */
export function positive(name: string, value: number): number {
  if (value > 0 && value < Number.POSITIVE_INFINITY) return value
  throw new HeddleError(
    'EINVAL',
    `option ${name} must be a positive number of milliseconds, not ${shown(value)}`,
  )
}
