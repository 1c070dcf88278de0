/** An isolate that reads as fast as it can while the gate is open, and reports how many gets a second. */
import { parentPort, workerData } from 'node:worker_threads'
import { getsPerSecond, keysOf } from './load.mjs'

const { contestant, token, gate, ms } = workerData
const { join } = await import(`./${contestant}.mjs`)
const store = await join(token)
const keys = keysOf()
const flag = new Int32Array(gate)
parentPort.postMessage('ready')
while (Atomics.load(flag, 0) === 0) Atomics.wait(flag, 0, 0, 50)
parentPort.postMessage(await getsPerSecond(store, keys, ms))
await store.close()
// A port that is left open would keep the thread.
process.exit()
