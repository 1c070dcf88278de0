// Uses typed and safe memory in every way at once and dies of it.
//
//   node memory.mjs '{"death":"exit"}'               in the middle of a callback of a loop, sections open
//   node memory.mjs '{"death":"terminate","rounds":20}'   workers that are terminated in the middle, round after round
//
// Prints one JSON document where it comes to its end.
import { Eventer, memtypes, safe } from 'heddle'
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const fixed = memtypes.register({ description: 'life:fixed', kind: 'fixed', size: 64 })
const vsize = memtypes.register({ description: 'life:vsize', kind: 'vsize' })
const isNative = memtypes.engine !== 'javascript'

if (!isMainThread) await work(workerData)
else if (JSON.parse(process.argv[2]).death === 'terminate') await terminate(JSON.parse(process.argv[2]))
else await die(JSON.parse(process.argv[2]))

/** Blocks, views, sections of all kinds, left open. */
function hold(kept, ids) {
  const block = memtypes.malloc(fixed)
  block.view().fill(1)
  kept.push(block, memtypes.realloc(vsize, memtypes.mallocSize(vsize, 100), 100_000).view())
  for (const id of ids) kept.push(safe.open(id).view())
  const section = safe.makeSection()
  safe.withSection(section, () => kept.push(safe.section()))
  kept.push(section, safe.section())
}

async function die({ death }) {
  const kept = []
  const shared = Array.from({ length: 20 }, () => safe.alloc(64, { onReclaim: () => {} }))
  const eventer = await Eventer.init()
  eventer.addIn(0, () => {
    hold(kept, isNative ? shared.map(({ id }) => id) : [])
    for (const block of shared) block.view()
    for (const block of shared) block.free()
    writeSync(1, 'in a section\n')
    if (death === 'exit') process.exit(7)
    if (death === 'throw') throw new Error('planned')
    eventer.unref()
    return 0
  })
  eventer.start()
}

async function terminate({ rounds }) {
  const left = []
  for (let round = 0; round < rounds; round++) {
    const shared = Array.from({ length: 10 }, () => safe.from(new Uint8Array(64).fill(round)))
    const crew = Array.from({ length: 3 }, () => startWorker(isNative ? shared.map(({ id }) => id) : []))
    await Promise.all(crew.map(({ working }) => working))
    for (const block of shared) block.free()
    await Promise.all(crew.map(({ worker }) => worker.terminate()))
    await safe.maintain('barrier')
    const { freesRequested, freesCompleted } = safe.stats()
    left.push([memtypes.stats(fixed).live, memtypes.stats(vsize).live, freesRequested - freesCompleted])
  }
  const isClean = left.every((counts) => counts.every((count) => count === 0))
  console.log(JSON.stringify({ isClean, left: left.at(-1), abandoned: memtypes.totals().abandoned > 0 }))
}

function startWorker(ids) {
  const worker = new Worker(new URL(import.meta.url), { workerData: ids })
  return { worker, working: new Promise((resolve) => worker.once('message', resolve)) }
}

/** Never stops. */
async function work(ids) {
  const kept = []
  const eventer = await Eventer.init()
  let turns = 0
  eventer.addIn(0, () => {
    hold(kept, ids)
    for (;;) {
      // Mostly in here when it ends: in the dispatch of a loop, in a section that is not the isolate's own.
      safe.withSection(safe.makeSection(), () => {
        const section = safe.section()
        const blocks = Array.from({ length: 50 }, () => memtypes.malloc(fixed))
        for (const block of blocks) block.view()
        for (const block of blocks) block.free()
        section.end()
      })
      if (++turns === 20) parentPort.postMessage('working')
    }
  })
  eventer.start()
  await sleep(1e6)
}
