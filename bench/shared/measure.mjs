/**
 * One measurement of one contestant, in a process of its own: `node measure.mjs NAME QUESTION MS`, with the contestant
 * bench/shared/NAME.mjs and one of the questions below. Prints one JSON line.
 */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { getsPerSecond, keysOf, setsPerSecond } from './load.mjs'

const [contestant, question, msText] = process.argv.slice(2)
const ms = Number(msText)
const { create } = await import(`./${contestant}.mjs`)
const READER = fileURLToPath(new URL('reader.mjs', import.meta.url))
/** The third isolate's writes: so many every tick of so many milliseconds. */
const WRITES_PER_TICK = 20
const TICK_MS = 2

const numbers = (count) => Array.from({ length: count }, (_, i) => i * 1.5)
const texts = (count) => Array.from({ length: count }, (_, i) => `value-${i.toString(36).padStart(10, '0')}`)

async function filled(keys, values) {
  const store = await create()
  await store.setMany(keys, 0, keys.length, values)
  return store
}

async function get(values, keys = keysOf()) {
  const store = await filled(keys, values(keys.length))
  const rate = await getsPerSecond(store, keys, ms)
  await store.close()
  return { rate }
}

async function set() {
  const keys = keysOf()
  const values = numbers(keys.length)
  const store = await filled(keys, values)
  const rate = await setsPerSecond(store, keys, values, ms)
  await store.close()
  return { rate }
}

function startReader(store, gate) {
  const token = store.newToken?.() ?? store.token
  const transferList = store.newToken === undefined ? [] : [token]
  return new Worker(READER, { workerData: { contestant, token, gate, ms }, transferList })
}

/** So many isolates read while this one writes ten thousand values a second. The mean of the readers' rates. */
async function readers(count) {
  const keys = keysOf()
  const values = numbers(keys.length)
  const store = await filled(keys, values)
  const gate = new SharedArrayBuffer(4)
  const workers = Array.from({ length: count }, () => startReader(store, gate))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const answers = workers.map((worker) => once(worker, 'message'))
  Atomics.store(new Int32Array(gate), 0, 1)
  Atomics.notify(new Int32Array(gate), 0)
  let written = 0
  const started = performance.now()
  const writer = setInterval(() => {
    const due = Math.floor((performance.now() - started) / TICK_MS) * WRITES_PER_TICK
    const count = Math.min(due - written, 1000)
    if (count > 0) store.setMany(keys, written, count, values)
    written += Math.max(count, 0)
  }, TICK_MS)
  const rates = (await Promise.all(answers)).map(([rate]) => rate)
  clearInterval(writer)
  await store.close()
  return { rate: rates.reduce((a, b) => a + b) / count }
}

const QUESTIONS = {
  number: () => get(numbers),
  text: () => get(texts),
  hot: () => get(numbers, keysOf(64)),
  set,
  one: () => readers(1),
  two: () => readers(2),
}

process.stdout.write(`${JSON.stringify(await QUESTIONS[question]())}\n`)
process.exit()
