/**
 * One measurement of one contestant, in a process of its own: `node --expose-gc measure.mjs NAME QUESTION MS`. Prints one JSON
 * line. What a contestant cannot answer it does not name.
 */
import { READS } from './reads.mjs'
import { reload, storm } from './reloads.mjs'

const [contestant, question, msText] = process.argv.slice(2)
const ms = Number(msText)
const BATCH = 1000
/** Few enough that the collector does not run in between. */
const COUNTED = 50_000

/** What a read costs, and how many bytes it leaves to the collector. */
async function get() {
  const read = await READS[question][contestant]()
  const first = [read(), read()]
  const expected = question === 'get' ? [2, 2] : [2, 3]
  if (first.join() !== expected.join()) throw new Error(`${contestant} reads ${first}`)
  let sum = 0
  let reads = 0
  const until = performance.now() + ms / 4
  while (performance.now() < until) for (let i = 0; i < BATCH; i++) sum += read()
  const from = performance.now()
  let now = from
  for (; now < from + ms; now = performance.now()) {
    for (let i = 0; i < BATCH; i++) sum += read()
    reads += BATCH
  }
  if (sum === 0) throw new Error('nothing was read')
  return { ns: ((now - from) * 1e6) / reads, bytes: bytesOf(read) }
}

/** The least of several counts: whatever else runs in the process allocates too. */
function bytesOf(read) {
  let least = Infinity
  for (let round = 0; round < 5; round++) {
    globalThis.gc()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < COUNTED; i++) read()
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / COUNTED)
  }
  return Math.max(0, Number(least.toFixed(1)))
}

const answer = await { get, turns: get, reload, storm: () => storm(ms) }[question]()
console.log(JSON.stringify(answer))
process.exit(0)
