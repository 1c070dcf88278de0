import { performance } from 'node:perf_hooks'
import { shown } from '../../arguments'
import { type MeterReading, readTogether } from '../../backend/meter'
import { Clock, Control } from '../../backend/protocol'
import { HeddleError } from '../../errors'
import type { Loop } from '../loop'
import type { PoolKind } from './options'
import { RemoteLoop } from './remote-loop'

/** A thread of a pool as this isolate sees it: a loop of its own, or one of another isolate. */
export type LoopThread = Loop | RemoteLoop

/** What one loop has done since it was made. */
export interface LoopStats extends MeterReading {
  /** `pool/index`. */
  readonly name: string
  /**
   * Time that the thread of the loop has slept, milliseconds; undefined where it cannot be told. The loops of an embedded
   * pool have one thread together.
   */
  readonly waitMs: number | undefined
}

/**
 * What the loops of a pool have done. Of workers the figures are of their last pass with something to do. `waits` are
 * times that a loop asked its multiplexer, also without sleeping; those of a native pool count sleeps. (PO-08)
 */
export interface PoolStats extends MeterReading {
  readonly loops: readonly LoopStats[]
}

/**
 * A named set of loops. Made with the eventer; the number of its loops is fixed. (PO-01, PO-05)
 */
export class Pool {
  readonly name: string
  readonly kind: PoolKind
  /** Milliseconds. */
  readonly watchdogTimeout: number
  /** Those of other isolates are `RemoteLoop`s. */
  readonly threads: readonly LoopThread[]
  readonly #spread: number

  /** @internal `isDefault`: the first loop is kept for what has no number. */
  constructor(
    spec: { readonly name: string; readonly kind: PoolKind; readonly watchdogMs: number },
    threads: readonly LoopThread[],
    isDefault: boolean,
  ) {
    this.name = spec.name
    this.kind = spec.kind
    this.watchdogTimeout = spec.watchdogMs
    this.threads = threads
    this.#spread = isDefault && threads.length > 1 ? 1 : 0
  }

  /** Number of loops. */
  get concurrency(): number {
    return this.threads.length
  }

  /** Always ERR_NOT_TUNABLE: loops hold events and connections, which cannot be taken away from them. (PO-07) */
  setConcurrency(_concurrency: number): never {
    throw new HeddleError('ERR_NOT_TUNABLE', `the loops of pool "${this.name}" are fixed when it is made`)
  }

  /** The same thread for the same number; see `Eventer.chooseOwner`. EINVAL. (PO-03) */
  chooseOwner(n: number): LoopThread {
    if (!Number.isInteger(n))
      throw new HeddleError('EINVAL', `an owner is chosen by an integer, not ${shown(n)}`)
    const first = n === 0 ? 0 : this.#spread
    const spread = this.threads.length - this.#spread
    return this.threads[first + (Math.abs(n) % spread)] as LoopThread
  }

  /** (PO-08) */
  stats(): PoolStats {
    const seen = this.threads.filter((thread) => meterOf(thread) !== undefined)
    const meters = seen.map((thread) => meterOf(thread) as NonNullable<ReturnType<typeof meterOf>>)
    const loops = seen.map((thread, n) => ({
      name: thread.name,
      ...(meters[n] as (typeof meters)[number]).read(),
      waitMs: waitMsOf(thread, this.kind),
    }))
    return { ...readTogether(meters), loops }
  }
}

/** Passes without a record are counted by the engine alone. */
function meterOf(thread: LoopThread) {
  if (thread instanceof RemoteLoop) return thread.meter
  const { meter, control, engine } = thread.port
  engine.count?.()
  meter.passed(control[Control.PASSES] as number, control[Control.WAITS] as number)
  return meter
}

function waitMsOf(thread: LoopThread, kind: PoolKind): number | undefined {
  if (thread instanceof RemoteLoop) return thread.idleMs()
  // The meter has been asked before, and has brought it up to date.
  if (kind === 'native') return thread.port.clock[Clock.SLEPT] as number
  return performance.eventLoopUtilization().idle
}
