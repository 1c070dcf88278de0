// Brings shared structures to a state and lets the process end: `node shared-ends.mjs opened`.
import { SharedCounter, SharedMap } from 'heddle'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const STATES = {
  opened: async () => {
    await open()
  },
  closed: async () => {
    const { map, counter } = await open()
    map.close()
    counter.close()
  },
  walking: async () => {
    const { map } = await open()
    map.set('a', 1).set('b', 2)
    map.entries().next()
  },
  'worker holds': async () => {
    await open()
    const worker = new Worker(new URL(import.meta.url), { workerData: 'hold' })
    await new Promise((resolve) => worker.once('message', resolve))
  },
  'worker asks': async () => {
    await open()
    // It is still asking when the process ends.
    new Worker(new URL(import.meta.url), { workerData: 'ask' }).unref()
  },
  exit: async () => {
    await open()
    new Worker(new URL(import.meta.url), { workerData: 'hold' })
    process.on('exit', () => console.log('reached the end'))
    process.exit(0)
  },
}

if (isMainThread) {
  const state = process.argv[2]
  await STATES[state]()
  console.log('reached the end')
} else if (workerData === 'hold') {
  const { map } = await open()
  map.set('key', 1)
  parentPort.postMessage('held')
} else {
  await Promise.all(Array.from({ length: 20 }, open))
}

async function open() {
  const map = await SharedMap.open('ends')
  const counter = await SharedCounter.open('ends')
  counter.add()
  return { map, counter }
}
