// A worker closes a descriptor whose close blocks, and is terminated meanwhile. Prints how long that took.
//
//   node lingering.mjs FD      started by lingering.py
import { Eventer } from 'heddle'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** Enough for the helper thread to be in its close. */
const SETTLE_MS = 200

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: Number(process.argv[2]) })
  await once(worker, 'message')
  await sleep(SETTLE_MS)
  const started = performance.now()
  await worker.terminate()
  console.log(JSON.stringify({ terminateMs: performance.now() - started }))
} else {
  const eventer = Eventer.initSync()
  eventer.start()
  void eventer.loops[0].closeFd(workerData)
  parentPort.postMessage('closing')
}
