/**
 * What a worker thread of a queue runs (see `WorkerHost`): a loop of its own, over which jobs come, and no more of the
 * package than they need. It ends when its queue says so, or its host does.
 */
import { workerData } from 'node:worker_threads'
import { Port } from '../backend/port'
import { selectBackend, selectJsBackend } from '../backend/select'
import { JobStation } from './station'
import type { JobWorkerData } from './worker-data'

/** Nothing depends on passes of a quiet loop. */
const MAX_SLEEP_MS = 60_000
const EVENTS = 1024

function main({ heddle }: { readonly heddle: JobWorkerData }): void {
  selectAsHost(heddle)
  const port = new Port(selectBackend(), {
    name: heddle.queueName,
    maxSleepMs: MAX_SLEEP_MS,
    maxTimersPerPass: EVENTS,
    maxEventsPerWait: EVENTS,
    sections: false,
  })
  new JobStation(port, heddle).serve()
  port.engine.ref()
  port.engine.start()
}

/** The environment may have been replaced; host and worker must be of one kind. */
function selectAsHost({ backend, binary }: JobWorkerData): void {
  if (backend === 'js') {
    selectJsBackend()
    return
  }
  process.env.HEDDLE_BACKEND = 'native'
  if (binary !== undefined) process.env.HEDDLE_NATIVE = binary
}

main(workerData)
