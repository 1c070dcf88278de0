import { HeddleError } from '../../errors'
import type { Core } from '../core'
import { Loop } from '../loop'
import type { ResolvedOptions } from '../options'
import type { Crew } from './crew'
import type { PoolEntry } from './messages'
import { DEFAULT_POOL } from './options'
import { type LoopThread, Pool } from './pool'
import { RemoteLoop } from './remote-loop'

/** The pools that an isolate knows: those it made, or in a worker of a pool those of the isolate that made it. */
export class Directory {
  readonly #core: Core
  readonly #options: ResolvedOptions
  readonly #crew: Crew
  #pools: readonly Pool[] = []
  #home: readonly Loop[] = []
  /** That of `home`, as a pool. */
  #own!: Pool

  constructor(core: Core, options: ResolvedOptions, crew: Crew) {
    this.#core = core
    this.#options = options
    this.#crew = crew
  }

  /** The first one is what events without an owner belong to. */
  get pools(): readonly Pool[] {
    return this.#pools
  }

  /** The loops of the first pool that are this isolate's. */
  get home(): readonly Loop[] {
    return this.#home
  }

  /** See `Eventer.chooseOwner`. EINVAL. */
  chooseHome(n: number): Loop {
    return this.#own.chooseOwner(n) as Loop
  }

  get(name: string): Pool | undefined {
    return this.#pools.find((pool) => pool.name === name)
  }

  find(loopId: number): LoopThread | undefined {
    for (const { threads } of this.#pools) {
      const found = threads.find((thread) => thread.loopId === loopId)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Makes every pool of the options. ERR_NATIVE_REQUIRED. */
  make(): void {
    const { pools } = this.#options
    const dedicated = this.#core.backend.capabilities.dedicatedLoops ?? false
    for (const { name, kind } of pools) {
      if (kind === 'native' && !dedicated)
        throw new HeddleError('ERR_NATIVE_REQUIRED', `pool "${name}" needs loops on threads of their own`)
    }
    this.#pools = pools.map((spec, n) => {
      if (spec.kind === 'worker') return new Pool(spec, this.#crew.place(spec), false)
      const loops = Array.from({ length: spec.concurrency }, (_, index) => this.#loop(spec, index))
      if (n === 0) this.#home = loops
      return new Pool(spec, loops, n === 0)
    })
    this.#own = this.#pools[0] as Pool
  }

  /** In a worker of a pool: its one loop, among places of the others. */
  makeOwn(own: number): void {
    const [spec] = this.#options.pools
    const threads = Array.from({ length: spec.concurrency }, (_, index) =>
      index === own ? this.#loop(spec, index) : new RemoteLoop(this.#core.backend, spec.name, index),
    )
    this.#home = this.#core.loops
    this.#pools = [new Pool(spec, threads, false)]
    this.#own = new Pool(spec, this.#home, true)
  }

  /** Where the loops of others are now. */
  learn(entries: readonly PoolEntry[]): void {
    for (const entry of entries) {
      if (this.get(entry.name) === undefined) this.#pools = [...this.#pools, this.#remote(entry)]
      const { threads } = this.get(entry.name) as Pool
      entry.threads.forEach(({ loopId, threadId, cells }, index) => {
        const thread = threads[index]
        if (thread instanceof RemoteLoop) thread.moved(loopId, threadId, cells)
      })
    }
  }

  #remote(entry: PoolEntry): Pool {
    const { backend } = this.#core
    const threads = entry.threads.map((_, index) => new RemoteLoop(backend, entry.name, index))
    return new Pool(entry, threads, entry.name === DEFAULT_POOL)
  }

  #loop(spec: ResolvedOptions['pools'][number], index: number): Loop {
    const loop = new Loop(this.#core, spec, index, this.#options)
    this.#core.loops.push(loop)
    return loop
  }
}
