// Loads the package in the main thread and in WORKERS workers at once, each with an eventer that has a due timer and
// a listener, and terminates them all, ROUNDS times. Every second worker is terminated inside a callback that would
// never return. Prints the descriptors that the first round to leave any
// has left, and how often the main thread's own timer ran in each.
//
//   node many-workers.mjs WORKERS ROUNDS
import { createServer, Eventer, Mask } from 'heddle'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { descriptorsAtRest, leftOver } from '../../lifecycle/programs/descriptors.mjs'

const PERIOD_MS = 5

if (isMainThread) await main(...process.argv.slice(2).map(Number))
else await crew()

async function main(workers, rounds) {
  const eventer = await Eventer.init()
  eventer.start()
  let ticks = 0
  const timer = eventer.addIn(PERIOD_MS, (event) => {
    ticks++
    event.whence = eventer.now() + PERIOD_MS
    return Mask.TIMER
  })
  const ticksOfRounds = []
  let atRest
  let left = []
  for (let round = 0; round < rounds && left.length === 0; round++) {
    const before = ticks
    await Promise.all(Array.from({ length: workers }, (_, n) => live(n % 2 === 0)))
    ticksOfRounds.push(ticks - before)
    // The first worker of a process opens what all later ones share.
    atRest ??= await descriptorsAtRest()
    left = await leftOver(atRest)
  }
  timer[Symbol.dispose]()
  await eventer[Symbol.asyncDispose]()
  console.log(JSON.stringify({ leftOver: left, ticksOfRounds, rssMb: process.memoryUsage.rss() / 2 ** 20 }))
}

async function live(stuck) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { stuck } })
  worker.on('error', (error) => {
    throw error
  })
  await once(worker, 'message')
  await worker.terminate()
}

async function crew() {
  const eventer = await Eventer.init()
  eventer.start()
  await createServer((_req, res) => res.end('ok')).listen({ port: 0 })
  eventer.addIn(0, () => {
    parentPort.postMessage('in a callback')
    while (workerData.stuck);
    return Mask.TIMER
  })
}
