import { shown } from '../../arguments'
import { HeddleError } from '../../errors'
import { DEFAULT_POOL, type PoolOptions } from './options'

/** What the text of a configured pool says; what it leaves out is the default. */
export interface PoolSpec {
  readonly concurrency?: number
  /** Milliseconds. */
  readonly watchdogTimeout?: number
}

/** Options of an eventer, from configuration. */
export interface ConfiguredPools {
  readonly loops?: number
  readonly watchdogTimeoutMs?: number
  readonly pools: Readonly<Record<string, PoolOptions>>
}

const SPEC = /^\s*(\d*)\s*(?:,\s*(?:(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|))?\s*)?$/
const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, '': 1000, m: 60_000, h: 3_600_000 }
const PREFIX = 'loop_'

/**
 * Reads `concurrency[,timeout]`: '3,2s' are three loops with a watchdog time-out of two seconds. Either may be 0 or empty,
 * which leaves it at its default; units are ms, s (also where there is none), m and h. EINVAL. (PO-02)
 */
export function parsePoolSpec(spec: string): PoolSpec {
  const found = typeof spec === 'string' ? SPEC.exec(spec) : null
  if (found === null)
    throw new HeddleError('EINVAL', `a pool is configured as concurrency[,timeout], not ${shown(spec)}`)
  const [, count = '', time = '0', unit = ''] = found
  const concurrency = Number(count)
  const watchdogTimeout = Number(time) * (UNIT_MS[unit] as number)
  return {
    ...(concurrency > 0 && { concurrency }),
    ...(watchdogTimeout > 0 && { watchdogTimeout }),
  }
}

/**
 * The options for the `loop_<name>` and `concurrency` keys of a configuration; other keys are skipped. `concurrency` sets
 * the loops of the default pool, and `loop_default` its time-out as well. `base` is what the named pools have in common,
 * such as their kind. EINVAL. (PO-02)
 */
export function poolsFromConfig(
  config: Readonly<Record<string, unknown>>,
  base: PoolOptions = {},
): ConfiguredPools {
  const pools: Record<string, PoolOptions> = {}
  let own = parsed('concurrency', config.concurrency ?? '')
  if (own.watchdogTimeout !== undefined)
    throw new HeddleError('EINVAL', `concurrency is a number of loops, not ${shown(config.concurrency)}`)
  for (const [key, value] of Object.entries(config)) {
    if (!key.startsWith(PREFIX)) continue
    const name = key.slice(PREFIX.length)
    const spec = parsed(key, value)
    if (name === DEFAULT_POOL) own = { ...own, ...spec }
    else pools[name] = { ...base, ...spec }
  }
  return {
    ...(own.concurrency !== undefined && { loops: own.concurrency }),
    ...(own.watchdogTimeout !== undefined && { watchdogTimeoutMs: own.watchdogTimeout }),
    pools,
  }
}

/** Configuration may have made a number of what looks like one. */
function parsed(key: string, value: unknown): PoolSpec {
  try {
    return parsePoolSpec(typeof value === 'number' ? String(value) : (value as string))
  } catch (error) {
    throw new HeddleError('EINVAL', `${key}: ${(error as Error).message}`, { cause: error })
  }
}
