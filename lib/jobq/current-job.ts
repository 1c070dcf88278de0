import { AsyncLocalStorage } from 'node:async_hooks'
import { jobHere, jobScope } from './job-scope'
import type { JobContext } from './worker-job'

jobScope.storage ??= new AsyncLocalStorage()

/** The job whose code runs, in a worker of a queue; undefined elsewhere. Holds behind awaits as well. */
export function currentJob(): JobContext | undefined {
  return jobHere()
}
