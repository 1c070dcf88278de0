import type { AsyncLocalStorage } from 'node:async_hooks'
import type { WorkerJob } from './worker-job'

/**
 * Which job the running code of a worker belongs to. Nobody follows that, which would cost each job and promise of the
 * worker, until a module of the user's loads this package (see `current-job.ts`).
 */
export const jobScope: { storage: AsyncLocalStorage<WorkerJob> | undefined } = { storage: undefined }

/** The job whose code runs; undefined elsewhere. */
export function jobHere(): WorkerJob | undefined {
  return jobScope.storage?.getStore()
}
