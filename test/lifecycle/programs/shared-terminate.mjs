// Workers use one shared map and one counter in every way, and are terminated in the middle of it, round after round;
// the main thread and a worker that nobody ends go on all the time. Prints one JSON document.
//
//   node shared-terminate.mjs '{"rounds":20,"workers":3,"map":{"maxBytes":500000,"ttl":20}}'
import { SharedCounter, SharedMap } from 'heddle'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Abuse } from './shared-abuse.mjs'

const NAME = 'terminate'
const PATIENCE_MS = 30_000

if (isMainThread) console.log(JSON.stringify(await play(JSON.parse(process.argv[2]))))
else await abuse(workerData)

async function play({ rounds, workers, map: options }) {
  const map = await SharedMap.open(NAME, options)
  const counter = await SharedCounter.open(NAME)
  const report = { wrong: [], uneven: 0, added: true, walked: true, rssMb: [] }
  const steady = await start(options, 1, report)
  for (let round = 0; round < rounds; round++) {
    const crew = await Promise.all(
      Array.from({ length: workers }, (_, i) => start(options, round * 7919 + i * 104_729 + 2, report)),
    )
    const here = new Abuse(map, round + 1)
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 50; j++) here.step()
      await sleep(0)
    }
    report.wrong.push(...here.wrong)
    const before = counter.value
    for (const worker of crew) await worker.terminate()
    if (counter.value < before) report.added = false
    await goesOn(steady)
    globalThis.gc?.()
    report.rssMb.push(process.memoryUsage.rss() / 2 ** 20)
  }
  await steady.terminate()
  // A worker adds to the first, then to the second: whoever was ended in between leaves a difference of one.
  report.uneven = (map.get('first') ?? 0) - (map.get('second') ?? 0)
  report.terminations = rounds * workers + 1
  const keys = [...map.keys()]
  report.walked = new Set(keys.map(String)).size === keys.length
  report.entries = [map.size, [...map].length]
  map.clear()
  report.left = map.stats()
  map.close()
  counter.close()
  return report
}

/** A worker that is at it. */
async function start(options, seed, report) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { options, seed } })
  worker.on('error', (error) => report.wrong.push(String(error)))
  await new Promise((resolve) => {
    worker.on('message', (message) => {
      if (message.wrong !== undefined) report.wrong.push(...message.wrong)
      worker.steps = message.steps
      resolve()
    })
  })
  return worker
}

/** Waits until a worker has done some more. */
async function goesOn(worker) {
  const { steps } = worker
  const until = performance.now() + PATIENCE_MS
  while (worker.steps < steps + 200) {
    if (performance.now() > until) throw new Error('a worker that nobody ended has stopped')
    await sleep(2)
  }
}

async function abuse({ options, seed }) {
  const map = await SharedMap.open(NAME, options)
  const counter = await SharedCounter.open(NAME)
  const work = new Abuse(map, seed)
  for (let steps = 0; ; steps++) {
    work.step()
    map.increment('first')
    map.increment('second')
    counter.add()
    if (steps % 100 !== 0 && work.wrong.length === 0) continue
    parentPort.postMessage({ steps, wrong: work.wrong.splice(0) })
  }
}
