/** Reloads, and what readers in other isolates see of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { median } from '../harness/stats.mjs'
import { define, DIST, library } from './subject.mjs'

const LINES = 10_000
const FILES = 10
const ROUNDS = 20

/** One of the files that are included: domains with comments. */
function partOf(number) {
  const stanza = (i) => [
    `# Domain ${i}, which is one of many.`,
    `Domain "d${i}.test" {`,
    `  limit = ${i}`,
    `  banner = "welcome to d${i}" /* said first */`,
    '  open = yes',
    '  sizes = ( 1 22 333 )',
    '}',
    '',
  ]
  const count = LINES / FILES / 8
  return Array.from({ length: count }, (_, i) => stanza(number * count + i).join('\n')).join('\n')
}

/** Reads without a break until the limit is -1, and says how long the longest read took in each span between two marks. */
const LOOKS = `
  const { workerData, parentPort } = require('node:worker_threads')
  const { ConfigReader } = require(workerData.dist)
  const reader = ConfigReader.attach()
  const limit = reader.slot('limit')
  const query = { domain: 'd7.test' }
  parentPort.postMessage('reads')
  let longest = 0, seen = 0
  for (let last = performance.now(); ; ) {
    const value = reader.value(limit)
    if (reader.value(limit, query) !== 7) throw new Error('another value')
    const now = performance.now()
    if (now - last > longest) longest = now - last
    last = now
    if (value === seen) continue
    // -2 begins, -3 and -1 end a span.
    if (value < -2 || value === -1) parentPort.postMessage(longest)
    if (value < 0) longest = 0
    if (value === -1) break
    seen = value
    last = performance.now()
  }`

/**
 * `reload()` of ten thousand lines in eleven files with comments: median and worst of twenty, and the longest time that
 * another isolate waited for two values meanwhile, beside that without reloads.
 */
export async function reload() {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-'))
  try {
    return await reloadIn(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function reloadIn(folder) {
  const { Config } = library()
  const file = join(folder, 'main.conf')
  const say = (limit) => writeFileSync(file, `# The start.\nlimit = "${limit}"\ninclude "domains"\n`)
  mkdirSync(join(folder, 'domains'))
  for (let i = 0; i < FILES; i++) writeFileSync(join(folder, 'domains', `${i}.conf`), partOf(i))
  const config = new Config({ file })
  define(config)
  const timed = async (limit) => {
    say(limit)
    const from = performance.now()
    await config.reload()
    return performance.now() - from
  }
  await timed(0)
  config.share()
  const worker = new Worker(LOOKS, { eval: true, workerData: { dist: DIST } })
  const next = () => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  await next()
  await timed(-2)
  const from = performance.now()
  const times = []
  for (let n = 1; n <= ROUNDS; n++) times.push(await timed(n))
  const span = performance.now() - from
  const busy = next()
  await timed(-3)
  const gap = await busy
  await new Promise((resolve) => setTimeout(resolve, span))
  const idle = next()
  await timed(-1)
  const idleGap = await idle
  await worker.terminate()
  return { ms: median(times), worst: Math.max(...times), gap, idleGap }
}

/** Takes snapshots until it is told that it is enough; both values must be of one generation, and the memory as it was written. */
const CHECKS = `
  const { workerData, parentPort } = require('node:worker_threads')
  const { ConfigReader } = require(workerData.dist)
  const reader = ConfigReader.attach()
  const limit = reader.slot('limit')
  const query = { domain: 'd' }
  parentPort.postMessage('reads')
  for (let reads = 1; ; reads++) {
    const snapshot = reader.snapshot()
    const value = snapshot.value(limit)
    if (snapshot.value(limit, query) !== value || !snapshot.verify()) throw new Error('a torn generation')
    snapshot.release()
    if (value < 0) { parentPort.postMessage(reads); break }
  }`

/** Reloads of a hundred stanzas, as fast as they go, while four isolates check each generation. */
export async function storm(ms) {
  const { Config } = library()
  const config = new Config()
  define(config)
  const filler = Array.from({ length: 100 }, (_, i) => `Domain "f${i}" { limit = ${i} }`).join('\n')
  const load = (n) => config.loadText(`limit = "${n}"\n${filler}\nDomain "d" { limit = "${n}" }`)
  await load(0)
  config.share()
  const workers = Array.from(
    { length: 4 },
    () => new Worker(CHECKS, { eval: true, workerData: { dist: DIST } }),
  )
  const next = () =>
    Promise.all(
      workers.map(
        (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
      ),
    )
  await next()
  const done = next()
  const from = performance.now()
  let reloads = 0
  while (performance.now() < from + ms) await load(++reloads)
  const seconds = (performance.now() - from) / 1000
  await load(-1)
  const reads = await done
  return { reloads: reloads / seconds, checks: reads.reduce((sum, count) => sum + count, 0) / seconds }
}
