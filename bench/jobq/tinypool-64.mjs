import { Tinypool } from 'tinypool'
import { overRun } from './over-run.mjs'

export const create = (threads) =>
  overRun(Tinypool, 'tinypool-tasks.mjs', {
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 64,
  })
