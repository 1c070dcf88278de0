// Terminates workers whose handle is in each state of its life; the one in flight spins inside its callback.
//
//   node terminate.mjs '{"kind":"timer"}'
//
// Prints one JSON line: exit codes, and descriptors that are left over.
import { Eventer } from 'heddle'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { descriptorsAtRest, leftOver } from './descriptors.mjs'
import { KINDS, STATES } from './states.mjs'

if (isMainThread) await terminateAll(JSON.parse(process.argv[2]).kind)
else await bringTo(workerData.kind, workerData.state)

async function terminateAll(kind) {
  const before = await descriptorsAtRest()
  const codes = await Promise.all(STATES.map((state) => terminate(kind, state)))
  console.log(JSON.stringify({ codes, leftOver: await leftOver(before) }))
}

/** Exit code of the worker: 1, unless it ended by itself. */
async function terminate(kind, state) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { kind, state } })
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  const failed = new Promise((_resolve, reject) => worker.once('error', reject))
  const ready = new Promise((resolve) => worker.once('message', resolve))
  await Promise.race([ready, ended, failed])
  await worker.terminate()
  return ended
}

async function bringTo(kind, state) {
  Eventer.initSync().start()
  // Without this a worker whose handle keeps nothing alive would end before it is terminated.
  parentPort.ref()
  parentPort.on('message', () => {})
  await KINDS[kind][state](spin)
  if (state !== 'inFlight') parentPort.postMessage('ready')
}

function spin() {
  parentPort.postMessage('ready')
  for (;;);
}
