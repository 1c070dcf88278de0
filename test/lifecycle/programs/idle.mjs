// Has pools of every kind, job queues and a server, uses them, and then does nothing: `node idle.mjs MOST`. Prints the
// share of one processor that the whole process took in some seconds of that: the least of three, where it is more than MOST.
import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { capabilities, createServer, Eventer } from 'heddle'

const MOST = Number(process.argv[2])
const TRIES = 3
const IDLE_MS = 3000
const BURN_MS = 300
const job = (name) => ({ module: import.meta.url, export: name })

/** What all threads of the process take, as a share of one processor. */
async function shareOf(during) {
  const before = process.cpuUsage()
  const began = performance.now()
  await during()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / (performance.now() - began)
}

export const add = ({ a, b }) => a + b
export const burn = (ms) => {
  const end = performance.now() + ms
  while (performance.now() < end);
}
export const hello = (_req, res) => res.end('hello')

async function main() {
  const { backend } = capabilities()
  const kinds = backend === 'native' ? ['embedded', 'native', 'worker'] : ['embedded', 'worker']
  // Several workers cannot listen together without native code.
  const concurrency = backend === 'native' ? 2 : 1
  const pools = Object.fromEntries(kinds.map((kind) => [`p-${kind}`, { kind, concurrency }]))
  const eventer = await Eventer.init({ pools })
  eventer.start()
  const servers = kinds.map((kind) => createServer({ pool: `p-${kind}` }, job('hello')))
  for (const server of servers) await server.listen({ port: 0, host: '127.0.0.1' })
  const queue = eventer.jobqs.create('idle', { concurrency: 2, floor: 2 })

  const use = async () => {
    const jobs = Array.from({ length: 2000 }, (_, n) => queue.run(job('add'), { a: n, b: 1 }))
    const sums = await Promise.all([...jobs, eventer.jobqs.nativeJobs.crc32c(Buffer.from('heddle'))])
    const answers = await Promise.all(
      servers.map(async ({ port }) => (await fetch(`http://127.0.0.1:${port}`)).text()),
    )
    return { last: sums[1999], answers: new Set(answers).size }
  }

  await use()
  const shares = []
  do shares.push(await shareOf(() => pause(IDLE_MS)))
  while (shares.length < TRIES && shares.at(-1) >= MOST)
  // What a thread of a queue burns is seen, and all goes on as before.
  const busy = await shareOf(() => queue.run(job('burn'), BURN_MS))
  const used = await use()
  for (const server of servers) await server.close()
  await eventer[Symbol.asyncDispose]()
  console.log(JSON.stringify({ least: Math.min(...shares), busy, used }))
}

// Not awaited: loops of this isolate import the module for its handler.
if (isMainThread) main()
