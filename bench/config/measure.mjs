/**
 * One measurement of one contestant, in a process of its own: `node measure.mjs NAME QUESTION MS`. Prints one JSON line.
 * The question is one of the functions below; what a contestant cannot answer it does not name.
 */
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

const [contestant, question, msText] = process.argv.slice(2)
const ms = Number(msText)
const require = createRequire(import.meta.url)
const BATCH = 1000
const LINES = 10_000

/** The same setting three steps deep: of a domain in a binding, of the domain, of all. */
const TEXT = 'limit = 1\nDomain "d" { limit = 2 }\nBinding "b" { Domain "other" { limit = 3 } }'

async function heddle() {
  const { Config } = require('../../dist')
  const config = new Config()
  const limit = config.registerOption({
    name: 'limit',
    type: 'int',
    fallback: 'Binding:Domain>Domain>Global',
    default: '0',
  })
  await config.loadText(TEXT)
  return { config, limit, query: { binding: 'b', domain: 'd' } }
}

/** Contestants by question: what makes a function that reads one value. */
const READS = {
  get: {
    async heddle() {
      const { config, limit, query } = await heddle()
      return () => config.value(limit, query)
    },
    async 'heddle-place'() {
      const { config, limit, query } = await heddle()
      const place = config.place(query)
      return () => place.value(limit)
    },
    async 'heddle-fetch'() {
      const { config, limit, query } = await heddle()
      return () => {
        const value = config.fetch(limit, query)
        const read = value.value
        value.release()
        return read
      }
    },
    async 'heddle-reader'() {
      const { config, query } = await heddle()
      const { ConfigReader } = require('../../dist')
      const reader = ConfigReader.attach(config.share())
      const limit = reader.slot('limit')
      return () => reader.value(limit, query)
    },
    async convict() {
      const config = require('convict')({ domain: { d: { limit: { format: 'int', default: 2 } } } })
      return () => config.get('domain.d.limit')
    },
    async config() {
      process.env.NODE_CONFIG = JSON.stringify({ domain: { d: { limit: 2 } } })
      process.env.SUPPRESS_NO_CONFIG_WARNING = '1'
      const module = await import('config')
      const config = module.default ?? module
      return () => config.get('domain.d.limit')
    },
    async nconf() {
      const nconf = require('nconf')
      nconf.use('memory')
      nconf.set('domain:d:limit', 2)
      return () => nconf.get('domain:d:limit')
    },
  },
}

async function get() {
  const read = await READS.get[contestant]()
  if (read() !== 2) throw new Error(`${contestant} reads ${read()}`)
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
  return { ns: ((now - from) * 1e6) / reads }
}

function largeText(n) {
  const lines = Array.from({ length: LINES / 2 - 1 }, (_, i) => `Domain "d${i}.test" {\n  limit = ${i} }`)
  return `limit = ${n}\nother = x\n${lines.join('\n')}`
}

const READER = `
  const { workerData, parentPort } = require('node:worker_threads')
  const { ConfigReader } = require(workerData.dist)
  const reader = ConfigReader.attach()
  const limit = reader.slot('limit')
  parentPort.postMessage('reads')
  let longest = 0, last = performance.now(), value = 0
  while ((value = reader.value(limit, { domain: 'd7.test' }) + reader.value(limit)) !== 7 - 1) {
    const now = performance.now()
    if (now - last > longest) longest = now - last
    last = now
  }
  parentPort.postMessage(longest)`

/** A reload of ten thousand lines, and the longest time that another isolate waited for a value while five were made. */
async function reload() {
  const { config } = await heddle()
  await config.loadText(largeText(1))
  config.share()
  const worker = new Worker(READER, { eval: true, workerData: { dist: require.resolve('../../dist') } })
  const next = () => new Promise((resolve) => worker.once('message', resolve))
  await next()
  const longest = next()
  let shortest = Infinity
  const rounds = 10
  for (let n = 1; n <= rounds; n++) {
    const text = largeText(n === rounds ? -1 : n).replace('= -1', '= "-1"')
    const from = performance.now()
    await config.loadText(text)
    shortest = Math.min(shortest, performance.now() - from)
  }
  const gap = await longest
  await worker.terminate()
  return { ms: shortest, gap }
}

const answer = await { get, reload }[question]()
console.log(JSON.stringify(answer))
process.exit(0)
