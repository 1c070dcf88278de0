import { setTimeout as sleep } from 'node:timers/promises'
import type { HeddleError } from '../../errors'
import type { Core } from '../core'
import type { ResolvedOptions } from '../options'
import type { PoolEntry } from './messages'
import type { Pool } from './pool'
import { RemoteLoop } from './remote-loop'
import { WorkerPlace } from './worker-place'

/** A worker of a pool has ended that nobody had asked to end. (TP-20) */
export interface FatalReport {
  readonly pool: string
  readonly index: number
  /** ERR_WORKER_DIED; its cause is what the worker died of, where that is known. */
  readonly error: HeddleError
  /** Another worker is started in its place. False also where several in a row died before they were ready. */
  readonly respawns: boolean
}

/** So many that die before they are ready are replaced, then the place stays empty. */
const ATTEMPTS = 3
const PAUSE_MS = 100

/**
 * The workers of all pools of one eventer: started together, told of each other, replaced when they die. Belongs to the
 * isolate of the eventer.
 */
export class Crew {
  readonly #core: Core
  readonly #options: ResolvedOptions
  readonly #fatal: (report: FatalReport) => void
  readonly #places: WorkerPlace[] = []
  /** Deaths in a row, the last one of a worker that was ready included. */
  readonly #failures = new Map<WorkerPlace, number>()
  /** All pools of the eventer, for the directory. */
  #pools: readonly Pool[] = []
  #isUp = false
  #ending: Promise<void> | undefined
  #referenced = false

  /** `fatal` is told of deaths after the start; what it throws goes its way. */
  constructor(core: Core, options: ResolvedOptions, fatal: (report: FatalReport) => void) {
    this.#core = core
    this.#options = options
    this.#fatal = fatal
  }

  /** The loops of a pool of workers; their threads are started by `start`. */
  place(pool: ResolvedOptions['pools'][number]): RemoteLoop[] {
    const died = (place: WorkerPlace, error: HeddleError): void => void this.#died(place, error)
    const places = Array.from(
      { length: pool.concurrency },
      (_, index) => new WorkerPlace(this.#core, pool, index, this.#options, died),
    )
    this.#places.push(...places)
    return places.map((place) => place.loop)
  }

  /** Resolves when every loop runs and every module has been started; rejects with what kept one of them from it. */
  async start(pools: readonly Pool[]): Promise<void> {
    this.#pools = pools
    if (this.#places.length === 0) return
    await Promise.all(this.#places.map((place) => place.start()))
    const directory = this.#directory()
    await Promise.all(this.#places.map((place) => place.tell(directory)))
    for (const place of this.#places) place.assertThere()
    this.#isUp = true
  }

  reference(on: boolean): void {
    this.#referenced = on
    for (const place of this.#places) place.reference(on)
  }

  /** Ends every worker. Idempotent. */
  end(): Promise<void> {
    this.#ending ??= Promise.all(this.#places.map((place) => place.end())).then(() => {})
    return this.#ending
  }

  #directory(): PoolEntry[] {
    const entries = new Map(this.#places.map((place) => [place.loop, place.entry]))
    return this.#pools.map(({ name, kind, watchdogTimeout, threads }) => ({
      name,
      kind,
      watchdogMs: watchdogTimeout,
      threads: threads.map((thread) => {
        const { loopId, threadId } = thread
        const own = thread instanceof RemoteLoop ? entries.get(thread) : undefined
        return own ?? { loopId, threadId, cells: undefined }
      }),
    }))
  }

  async #died(place: WorkerPlace, error: HeddleError): Promise<void> {
    // During the start, whoever waits for that is told.
    if (!this.#isUp || this.#ending !== undefined) return
    const failures = place.wasReady ? 1 : (this.#failures.get(place) ?? 0) + 1
    this.#failures.set(place, failures)
    const respawns = place.onWorkerDeath === 'respawn' && failures <= ATTEMPTS
    const { pool, index } = place.loop
    try {
      this.#fatal({ pool, index, error, respawns })
    } catch (thrown) {
      this.#core.report(thrown)
    }
    if (place.onWorkerDeath === 'exit') process.exit(1)
    if (respawns) await this.#respawn(place, failures)
    else place.loop.abandon()
  }

  /** Where this one dies as well, `#died` goes on. */
  async #respawn(place: WorkerPlace, failures: number): Promise<void> {
    if (failures > 1) await sleep(PAUSE_MS * failures, undefined, { ref: this.#referenced })
    if (this.#ending !== undefined) return
    try {
      await place.start()
      const directory = this.#directory()
      // The others learn where it is now; what they have started they do not start again.
      for (const other of this.#places) if (other !== place) other.tell(directory).catch(() => {})
      await place.tell(directory)
    } catch {
      return
    }
    for (const told of [...place.loop.replaced]) told()
  }
}
