// Starts workers that serve, puts traffic on them and terminates each in the middle of it, round after round.
// The process itself serves all the time and must not notice. Prints one JSON document; the rounds end with the first
// that leaves a descriptor behind.
//
//   node worker-rounds.mjs '{"rounds":50,"workers":4}'
import { createServer } from 'heddle'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { descriptorsAtRest, leftOver } from './descriptors.mjs'
import { Traffic } from './traffic.mjs'

const { rounds, workers } = JSON.parse(process.argv[2])
const PROGRAM = new URL('./serving-worker.mjs', import.meta.url)
/** A machine under load may keep a worker from its answers for a while. */
const PATIENCE_MS = 30_000

const main = await createServer((_req, res) => res.end('Hello, world\n')).listen()
const report = { rssMb: [], leftOver: [], slowestTerminateMs: 0, undisturbed: true }

// One ahead: the first worker, and the first connection, of a process open what all later ones share.
await playRound()
const atRest = await descriptorsAtRest(() => main.connections === 0)
for (let round = 0; round < rounds && report.leftOver.length === 0; round++) {
  await playRound()
  report.leftOver = await leftOver(atRest)
  globalThis.gc?.()
  report.rssMb.push(process.memoryUsage.rss() / 2 ** 20)
}
report.mainAnswered = (await (await fetch(`http://127.0.0.1:${main.port}/`)).text()) === 'Hello, world\n'
await main.close({ drain: true, timeout: 1000 })
console.log(JSON.stringify(report))

async function playRound() {
  const crew = await Promise.all(Array.from({ length: workers }, startWorker))
  const here = new Traffic({ http: main.port, echo: main.port })
  await Promise.all(crew.map(({ traffic }) => flowing(traffic)))
  while (crew.length > 0) {
    const { worker, traffic } = crew.pop()
    const started = performance.now()
    await worker.terminate()
    report.slowestTerminateMs = Math.max(report.slowestTerminateMs, performance.now() - started)
    await traffic.stop()
    await Promise.all(crew.map((other) => flowing(other.traffic)))
  }
  if (here.answers === 0) report.undisturbed = false
  await here.stop()
}

async function startWorker() {
  const worker = new Worker(PROGRAM)
  worker.on('error', (error) => {
    throw error
  })
  const [ports] = await once(worker, 'message')
  return { worker, traffic: new Traffic(ports) }
}

/** Waits until both the HTTP and the TCP side have answered again. */
async function flowing(traffic) {
  const { answers, echoed } = traffic
  const until = performance.now() + PATIENCE_MS
  while (traffic.answers < answers + 20 || traffic.echoed === echoed) {
    if (performance.now() > until) throw new Error('a worker that nobody ended has stopped serving')
    await sleep(2)
  }
}
