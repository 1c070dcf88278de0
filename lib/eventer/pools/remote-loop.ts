import type { Backend } from '../../backend/backend'
import { Meter } from '../../backend/meter'
import { HeddleError, systemError } from '../../errors'
import { constants } from 'node:os'
import type { EventRef } from '../event'
import type { LoopInfo } from '../loop'
import { RemoteEventer, type RemoteSpec } from '../remote'

/** An export of a module: functions themselves cannot cross threads. */
export interface ExportTarget {
  /** A URL, or an absolute path. */
  readonly module: string | URL
  /** The name under which the module exports it. */
  readonly export: string
}

/** What becomes of `RemoteLoop.call`; there where the worker was started. */
export type Caller = (target: ExportTarget, arg: unknown) => Promise<unknown>

/**
 * A loop of a pool that belongs to another isolate. It can be told to do things, through `RemoteEventer`; its events and
 * callbacks live there. After its worker has died and until another runs in its place, calls throw ENOENT.
 */
export class RemoteLoop implements LoopInfo {
  readonly name: string
  readonly pool: string
  readonly index: number
  /** @internal Counts there; undefined where this isolate cannot see it. */
  meter: Meter | undefined
  /** @internal Told, each time another worker has taken this place. */
  readonly replaced = new Set<() => void>()
  /** @internal Told, each time the worker in this place has died or ended, and once the place is given up. */
  readonly lost = new Set<() => void>()
  /** @internal Told what its worker tells, by number. */
  readonly heard = new Map<number, (message: object) => void>()
  readonly #remote: RemoteEventer
  readonly #idle: (() => number) | undefined
  readonly #call: Caller | undefined
  #isAbandoned = false
  #loopId = 0
  #threadId = 0

  /** @internal */
  constructor(
    backend: Backend,
    pool: string,
    index: number,
    here: { readonly call?: Caller; readonly idle?: () => number } = {},
  ) {
    this.#remote = new RemoteEventer({ backend })
    this.name = `${pool}/${index}`
    this.pool = pool
    this.index = index
    this.#call = here.call
    this.#idle = here.idle
  }

  /** Unique in the process; 0 while no worker is in this place. */
  get loopId(): number {
    return this.#loopId
  }

  /** Of its isolate, as in `worker_threads`; 0 also while there is none. */
  get threadId(): number {
    return this.#threadId
  }

  /** Adds an event there, with a callback that is named there. ENOENT. (EV-24, TM-09) */
  add(spec: RemoteSpec): void {
    this.#remote.add(this.#here(), spec)
  }

  /** Adds an event and calls back once with its mask, without waiting for readiness. ENOENT. (FD-04) */
  scheduleAndDispatch(spec: RemoteSpec): void {
    this.#remote.scheduleAndDispatch(this.#here(), spec)
  }

  /** Runs the callback of an event of this loop there; dropped if it is gone by then. ENOENT: of another loop. (EK-08) */
  trigger(ref: EventRef, mask: number): void {
    if (ref.loopId !== this.#here()) throw this.#missing()
    this.#remote.trigger(ref, mask)
  }

  /** Ends the wait of this loop. ENOENT. (EV-07) */
  wakeup(): void {
    this.#remote.wakeup(this.#here())
  }

  /**
   * Calls an export of a module in the isolate of this loop, with `arg` and the `PoolContext` there. What crosses is
   * cloned; an error keeps its name, code, stack and own properties. ERR_WORKER_DIED; ERR_WRONG_THREAD from any isolate but
   * the one whose eventer made the pool.
   */
  call(target: ExportTarget, arg?: unknown): Promise<unknown> {
    if (this.#call !== undefined) return this.#call(target, arg)
    return Promise.reject(new HeddleError('ERR_WRONG_THREAD', `${this.name} was made by another isolate`))
  }

  /** @internal Time its thread has slept, milliseconds. */
  idleMs(): number | undefined {
    return this.#idle?.()
  }

  /** @internal No worker will ever be in this place again. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  /** @internal */
  abandon(): void {
    this.#isAbandoned = true
    for (const told of [...this.lost]) told()
  }

  /** @internal */
  moved(loopId: number, threadId: number, cells: Float64Array | undefined): void {
    this.#loopId = loopId
    this.#threadId = threadId
    if (this.meter?.cells !== cells) this.meter = cells && new Meter(cells)
  }

  #here(): number {
    if (this.#loopId === 0) throw this.#missing()
    return this.#loopId
  }

  #missing(): HeddleError {
    return systemError(constants.errno.ENOENT, 'post', `loop ${this.name}`)
  }
}
