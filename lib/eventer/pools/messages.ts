import type { MessagePort } from 'node:worker_threads'
import type { Packed } from '../../jobq/error-codec'
import type { ResolvedOptions } from '../options'
import type { PoolKind } from './options'
import type { ExportTarget } from './remote-loop'

/** What a worker thread of a pool is started with. */
export interface WorkerStart {
  /** To the isolate that made the pool. */
  readonly port: MessagePort
  readonly backend: 'native' | 'js'
  /** Those of the eventer there; its one pool is the worker's. */
  readonly options: Omit<ResolvedOptions, 'log'>
  readonly index: number
  /** Cells of the meter of its loop, in shared memory. */
  readonly cells: Float64Array
  readonly data: unknown
}

/** Where the loops of a pool are. 0: nowhere at the moment. */
export interface PoolEntry {
  readonly name: string
  readonly kind: PoolKind
  readonly watchdogMs: number
  readonly threads: readonly {
    readonly loopId: number
    readonly threadId: number
    /** Of its meter, where they are shared. */
    readonly cells: Float64Array | undefined
  }[]
}

export type ToWorker =
  /** All loops run, or run again: this is where they are. The first time the module is started. */
  | { readonly op: 'directory'; readonly pools: readonly PoolEntry[]; readonly module: string | undefined }
  | { readonly op: 'call'; readonly id: number; readonly target: ExportTarget; readonly arg: unknown }
  | { readonly op: 'end' }

export type FromWorker =
  /** Its loop runs. */
  | { readonly op: 'up'; readonly loopId: number }
  /** Its module has been started. */
  | { readonly op: 'ready' }
  /** Its module, or its eventer, could not be started. */
  | { readonly op: 'failed'; readonly error: Packed }
  | { readonly op: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: Packed }
  /** To a listener of its loop. */
  | { readonly op: 'told'; readonly listener: number; readonly message: object; readonly error?: Packed }
  /** Its eventer is disposed of. */
  | { readonly op: 'ended' }
