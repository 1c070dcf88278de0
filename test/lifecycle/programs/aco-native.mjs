// A program with native coroutines in the state that its arguments name, which then dies in a named way.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { aco, Eventer } from 'heddle'

const [module, state, death] = isMainThread ? process.argv.slice(2) : workerData
const HOUR_NS = 3_600_000_000_000n

/** See test/conformance/aco-native-harness.ts; the descriptor is that of standard output. */
function task(ns, fd = 1) {
  const bytes = new DataView(new ArrayBuffer(24))
  bytes.setInt32(0, fd, true)
  bytes.setInt32(4, 100, true)
  bytes.setBigInt64(8, 1n, true)
  bytes.setBigInt64(16, ns, true)
  return new Uint8Array(bytes.buffer)
}

const STATES = {
  loaded: () => {},
  returns: () => void aco.startNative('returns', task(0n)),
  sleeping: () => {
    for (let n = 0; n < 1000; n++)
      void aco.startNative('keeps_locals', task(HOUR_NS, -1)).done.catch(() => {})
  },
  'cleaning up': () => void aco.startNative('cleans_up', task(HOUR_NS)).done.catch(() => {}),
  stubborn: () => void aco.startNative('stubborn', task(HOUR_NS)).done.catch(() => {}),
  parked: () => void aco.startNative('parks', task(0n)).done.catch(() => {}),
  // Its call sits in a read of a pipe that nobody writes to, on a copy of the argument.
  asking: () => void aco.startNative('asks', task(0n)).done.catch(() => {}),
  busy: () => {
    const busy = () => aco.startNative('naps', task(0n)).done.then(busy, () => {})
    for (let n = 0; n < 10; n++) void busy()
  },
  calling: () => {
    // Its thread sits in a read of a pipe that nobody writes to.
    void aco
      .start((co) => co.asynch({ native: 'waits_for_end' }, new Uint8Array(new Int32Array([0]).buffer)))
      .done.catch(() => {})
  },
}

const DEATHS = {
  end: (eventer) => eventer[Symbol.asyncDispose](),
  exit: () => process.exit(7),
  throw: () => {
    throw new Error('planned')
  },
  terminate: async (eventer) => {
    const workers = Array.from(
      { length: 3 },
      () => new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) }),
    )
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
    await Promise.all(workers.map((worker) => worker.terminate()))
    await eventer[Symbol.asyncDispose]()
  },
}

/** What runs on a thread has begun there: what waits is taken back at the end. */
async function underWay() {
  const runs = () => eventer.jobqs.list().some((queue) => queue.stats().inflight > 0)
  do await eventer.sleep(1)
  while ((state === 'calling' || state === 'asking') && !runs())
}

/** The worker that has loaded the module is gone; its names and its code are not. */
async function outlive(eventer) {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) })
  await new Promise((resolve) => worker.once('message', resolve))
  await worker.terminate()
  await aco.startNative('keeps_locals', task(0n)).done
  await eventer[Symbol.asyncDispose]()
}

const eventer = await Eventer.init()
eventer.start()
if (death !== 'outlive' || !isMainThread) aco.load(module)
if (isMainThread && death === 'outlive') {
  await outlive(eventer)
} else if (isMainThread) {
  if (death !== 'terminate') {
    STATES[state]()
    await underWay()
  }
  await DEATHS[death](eventer)
} else {
  STATES[state]()
  await underWay()
  parentPort.postMessage('ready')
}
