import { Piscina } from 'piscina'
import { overRun } from './over-run.mjs'

export const create = (threads) =>
  overRun(Piscina, 'piscina-tasks.mjs', {
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 64,
  })
