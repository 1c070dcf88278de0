import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import { Eventer, type ExportTarget, Loop, type LoopThread, Pool, RemoteLoop } from '../eventer'
import type { PortHolder } from './options'

/** Where servers listen: on loops of this isolate, or in workers of a pool. */
export type Placement =
  | { readonly isHere: true; readonly loops: readonly [PortHolder, ...PortHolder[]] }
  | { readonly isHere: false; readonly loops: readonly [RemoteLoop, ...RemoteLoop[]] }

/** What says where: one of the two. */
export interface PlaceOptions {
  /** Default: the default loop of this isolate. */
  readonly loop?: PortHolder
  /** In place of `loop`: every loop of this pool listens, and connections are spread over them. (LS-04) */
  readonly pool?: string | Pool
}

/** ERR_NO_POOL, ERR_INVALID_ARGUMENT, ERR_NOT_INIT; ERR_WRONG_THREAD: loops of an isolate that this one did not start. */
export function placementOf({ loop, pool }: PlaceOptions): Placement {
  if (pool === undefined) {
    if (loop === undefined) throw new HeddleError('ERR_NOT_INIT', 'no loop was given')
    return { isHere: true, loops: [loop] }
  }
  if (loop !== undefined) throw invalid('pool', 'is given in place of a loop, not beside one', pool)
  const { name, kind, threads } = poolOf(pool)
  if (threads.every(isHere)) return { isHere: true, loops: threads as unknown as [Loop, ...Loop[]] }
  if (kind === 'worker' && threads.every(isElsewhere))
    return { isHere: false, loops: threads as unknown as [RemoteLoop, ...RemoteLoop[]] }
  throw new HeddleError('ERR_WRONG_THREAD', `pool "${name}" belongs to another isolate`)
}

function poolOf(pool: string | Pool): Pool {
  if (pool instanceof Pool) return pool
  if (typeof pool !== 'string') throw invalid('pool', 'is a pool, or the name of one', pool)
  const found = Eventer.current().pool(pool)
  if (found === undefined) throw new HeddleError('ERR_NO_POOL', `no pool is named "${pool}"`)
  return found
}

const isHere = (thread: LoopThread): boolean => thread instanceof Loop
const isElsewhere = (thread: LoopThread): boolean => thread instanceof RemoteLoop

/** Something that is named rather than given, since it may be wanted in another isolate. */
export function isTarget(value: unknown): value is ExportTarget {
  return typeof value === 'object' && value !== null && 'module' in value && 'export' in value
}
