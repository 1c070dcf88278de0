import type { Eventer } from '../eventer'
import type { Loop } from '../loop'

/** What a module of a pool finds in its worker thread. */
export interface PoolContext<D = unknown> {
  /** That of this thread. It is disposed of when the pool ends. */
  readonly eventer: Eventer
  /** The one loop here. */
  readonly loop: Loop
  /** Name of the pool. */
  readonly pool: string
  /** From 0; another worker in this place has the same. */
  readonly index: number
  /** `PoolOptions.data`. */
  readonly data: D
  /** Aborted when the pool ends, before the eventer is disposed of. */
  readonly signal: AbortSignal
  /** @internal To whoever listens under this number in the isolate that made the pool. What cannot be cloned is left out. */
  tell(listener: number, message: object): void
}
