import type { Backend } from '../backend/backend'
import { shown } from '../arguments'
import { HeddleError } from '../errors'
import {
  type PoolKind,
  type PoolOptions,
  type ResolvedPool,
  positive,
  resolveDefaultPool,
  resolvePools,
} from './pools/options'

/** Multiplexers: what a loop waits with. (EV-02) */
export type Implementation = 'epoll' | 'kqueue' | 'libuv'

/** Options of an eventer. An unknown one warns and is skipped. (EV-01) */
export interface EventerOptions {
  /** Engine room; the one chosen for this isolate unless given. */
  readonly backend?: Backend
  /** Insist on a multiplexer; ENOTSUP where it is not the backend's. (EV-02) */
  readonly implementation?: Implementation
  /** Loops of the default pool, from 1 to 64; their callbacks run in this isolate. Default 1. */
  readonly loops?: number
  /** What drives the default pool. Default `embedded`; ERR_NATIVE_REQUIRED. (PO-01) */
  readonly kind?: Exclude<PoolKind, 'worker'>
  /** Pools beside the default one, by name. They are made by `init` and last as long as the eventer. (PO-01) */
  readonly pools?: Readonly<Record<string, PoolOptions>>
  /** Longest sleep of a quiet loop. Default 200 ms, and never more than a 20th of the watchdog time-out. (EV-06) */
  readonly maxSleepMs?: number
  /** Of the default pool. Default 5000. */
  readonly watchdogTimeoutMs?: number
  /** Timers that run in one pass at most. Default 1024. (TM-08) */
  readonly maxTimedEventsPerIteration?: number
  /** Events taken from one wait at most. Default 1024. (EV-05) */
  readonly maxEventsPerWait?: number
  /**
   * Strict: manipulating an event of another loop from a callback throws ERR_WRONG_THREAD, and a callback that
   * returns 0 with its descriptor still registered is reported. Lenient (the default): the first is carried out,
   * the second is the normal way to end. (EK-09, FD-13)
   */
  readonly strict?: boolean
  /** Traces additions, removals and triggers to `log`. (EV-20) */
  readonly debugging?: boolean
  /** Milliseconds above which a callback is logged; 0 logs all, -1 (the default) none. (EV-19) */
  readonly showLoopCallbacksThreshold?: number
  /** Stamp the heartbeat and `callbackTime` at every callback instead of at every 32nd. Default false. (EV-06) */
  readonly beatPerCallback?: boolean
  /** Raise the descriptor limit of the process to this (at least 256). (EV-21) */
  readonly rlimNofiles?: number
  /** Callbacks run in the async context (AsyncLocalStorage) that made their event. Default false. (EV-16) */
  readonly asyncContext?: boolean
  /**
   * Each time the loops hand events to JavaScript is a section of safe memory: what a callback has found there stays
   * until it returns. Default true. (SM-01)
   */
  readonly sections?: boolean
  /** Takes the lines of `debugging` and of slow callbacks. Default: stderr. */
  readonly log?: (line: string) => void
}

export interface ResolvedOptions {
  /** The default pool first. */
  readonly pools: readonly [ResolvedPool, ...ResolvedPool[]]
  readonly maxTimersPerPass: number
  readonly maxEventsPerWait: number
  readonly strict: boolean
  readonly debugging: boolean
  readonly showLoopCallbacksThreshold: number
  readonly beatPerCallback: boolean
  readonly rlimNofiles: number | undefined
  readonly asyncContext: boolean
  readonly sections: boolean
  readonly log: (line: string) => void
}

const KNOWN: Record<keyof EventerOptions, true> = {
  backend: true,
  implementation: true,
  loops: true,
  kind: true,
  pools: true,
  maxSleepMs: true,
  watchdogTimeoutMs: true,
  maxTimedEventsPerIteration: true,
  maxEventsPerWait: true,
  strict: true,
  debugging: true,
  showLoopCallbacksThreshold: true,
  beatPerCallback: true,
  rlimNofiles: true,
  asyncContext: true,
  sections: true,
  log: true,
}

const MIN_DESCRIPTORS = 256

/** Fills in the defaults; EINVAL for a value out of range, a warning for a key that means nothing. (EV-01) */
export function resolveOptions(options: EventerOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) {
    throw new HeddleError('EINVAL', `an eventer takes an object of options, not ${shown(options)}`)
  }
  for (const key of Object.keys(options)) if (!Object.hasOwn(KNOWN, key)) warnUnknown(key)
  const { loops = 1, kind = 'embedded', watchdogTimeoutMs = 5000, maxSleepMs = 200 } = options
  positive('watchdogTimeoutMs', watchdogTimeoutMs)
  positive('maxSleepMs', maxSleepMs)
  const rlimNofiles = options.rlimNofiles
  if (rlimNofiles !== undefined) integer('rlimNofiles', rlimNofiles, MIN_DESCRIPTORS, 0x7fffffff)
  return {
    pools: [
      resolveDefaultPool(loops, kind, watchdogTimeoutMs, maxSleepMs),
      ...resolvePools(options.pools, maxSleepMs),
    ],
    maxTimersPerPass: integer(
      'maxTimedEventsPerIteration',
      options.maxTimedEventsPerIteration ?? 1024,
      1,
      1 << 20,
    ),
    maxEventsPerWait: integer('maxEventsPerWait', options.maxEventsPerWait ?? 1024, 1, 1 << 16),
    strict: options.strict ?? false,
    debugging: options.debugging ?? false,
    showLoopCallbacksThreshold: options.showLoopCallbacksThreshold ?? -1,
    beatPerCallback: options.beatPerCallback ?? false,
    rlimNofiles,
    asyncContext: options.asyncContext ?? false,
    sections: options.sections ?? true,
    log: options.log ?? toStderr,
  }
}

function integer(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new HeddleError(
    'EINVAL',
    `option ${name} must be an integer from ${min} to ${max}, not ${shown(value)}`,
  )
}

function warnUnknown(key: string): void {
  process.emitWarning(`unknown eventer option "${key}" is ignored`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_UNKNOWN_OPTION',
  })
}

export function toStderr(line: string): void {
  process.stderr.write(`heddle: ${line}\n`)
}
