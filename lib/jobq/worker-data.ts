import type { MessagePort } from 'node:worker_threads'
import type { JobTransfer } from './job-order'
import type { JobqSafety } from './spec'

/** What a worker thread of a queue is started with: `workerData.heddle`. */
export interface JobWorkerData {
  readonly backend: 'native' | 'js'
  /** The file that HEDDLE_NATIVE names, if it does: queues are those of one binary. */
  readonly binary: string | undefined
  readonly queue: number
  readonly queueName: string
  readonly worker: number
  readonly safety: JobqSafety
  /** What goes between host and worker beside the records: `ToWorker`, `ToHost`. */
  readonly mail: MessagePort
  /** The way of the records, where there is one. */
  readonly link: MessagePort | undefined
  /** Cells of `WorkerState`. */
  readonly state: Int32Array
}

/** Shared by host and worker. */
export const WorkerState = {
  /** 1: it ends because the queue told it to. */
  LEAVING: 0,
} as const
export const WORKER_STATES = 1

/** The argument that was asked for; without `value` there is none any more. */
export interface ToWorker {
  readonly number: number
  readonly held?: { readonly value: unknown }
}

/** Asks for an argument, or brings a result. */
export type ToHost = { readonly ask: number } | { readonly number: number; readonly value: unknown }

/** Values that are held for a worker, as they were moved. */
export interface HeldValue {
  readonly value: unknown
  readonly transfer: JobTransfer
}
