// Ends isolates, worker threads and the program in the middle of jobs: `node job-ends.mjs SCENARIO`.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Eventer } from 'heddle'

const MODULE = new URL(import.meta.url).href
const job = (name) => ({ module: MODULE, export: name })

// --- the jobs

export const add = ({ a, b }) => a + b
export const exit = () => process.exit(3)
export const echo = (bytes) => bytes
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export const lose = () => {
  setImmediate(() => {
    throw new Error('planned')
  })
  return new Promise(() => {})
}
export const forget = () => new Promise(() => {})
export const hang = () => {
  for (;;);
}

// --- what is played

const start = () => {
  const eventer = Eventer.initSync()
  eventer.start()
  return eventer
}

const helper = (role, data) => new Worker(new URL(MODULE), { workerData: { role, ...data } })

const code = (promise) =>
  promise.then(
    (value) => value,
    (error) => error.code,
  )

const many = (queue, count = 300) =>
  Array.from({ length: count }, (_, i) => code(queue.run(job('add'), { a: i, b: 1 })))

/** How many of which. */
const tally = async (promises) => {
  const counts = {}
  for (const one of await Promise.all(promises)) {
    const key = typeof one === 'number' ? 'done' : one
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

const SCENARIOS = {
  /** The program ends with jobs in every state. */
  async exits() {
    const { jobqs } = start()
    const queue = jobqs.create('exits', { concurrency: 2 })
    const native = jobqs.create('native', { kind: 'native', concurrency: 2 })
    await queue.run(job('add'), { a: 1, b: 2 })
    many(queue)
    for (let i = 0; i < 300; i++) code(native.run({ native: 'heddle:nothing' }))
    code(queue.run(job('forget')))
    process.exit(5)
  },
  /** The isolate that made the queue ends: what another isolate has there ends, and is told so. */
  async hostEnds() {
    const { jobqs } = start()
    const host = helper('host', { name: 'theirs' })
    await once(host, 'message')
    const queue = jobqs.get('theirs')
    const sum = await queue.run(job('add'), { a: 1, b: 2 })
    const stuck = Array.from({ length: 50 }, () => code(queue.run(job('forget'))))
    await host.terminate()
    const late = await code((async () => jobqs.get('theirs')?.run(job('add'), { a: 1, b: 2 }))())
    const ends = await tally(stuck)
    const own = jobqs.create('theirs too')
    const again = await own.run(job('add'), { a: 2, b: 2 })
    return { sum, ends, late: typeof late, again }
  },
  /** The first that asked for the queues of everybody ends, in order or not: the others go on. */
  async firstEnds() {
    const ends = []
    for (const way of ['dispose', 'terminate']) {
      const first = helper('first', { way })
      await once(first, 'message')
      const { jobqs } = start()
      const shared = await jobqs.default.run(job('add'), { a: 1, b: 2 })
      await jobqs.get('theirs').run({ native: 'heddle:nothing' })
      const native = []
      let isOver = false
      const line = async () => {
        while (!isOver) native.push(await code(jobqs.native.run({ native: 'heddle:nothing' }).then(() => 1)))
      }
      const lines = Array.from({ length: 20 }, line)
      if (way === 'terminate') await first.terminate()
      else {
        first.postMessage('end')
        await once(first, 'exit')
      }
      isOver = true
      await Promise.all(lines)
      const gone = jobqs.get('theirs') === undefined && jobqs.get('default') === undefined
      const again = await jobqs.default.run(job('add'), { a: 2, b: 2 })
      ends.push({ shared, native: Object.keys(await tally(native)), gone, again })
      await Eventer.find()[Symbol.asyncDispose]()
    }
    start()
    return ends
  },
  /** An isolate that submits ends with its jobs under way: the queue serves the others. */
  async submitterEnds() {
    const { jobqs } = start()
    const queue = jobqs.create('shared', { concurrency: 2 })
    await queue.run(job('add'), { a: 1, b: 2 })
    for (let round = 0; round < 5; round++) {
      const submitter = helper('submitter', { name: 'shared' })
      await once(submitter, 'message')
      const mine = many(queue)
      await submitter.terminate()
      const ends = await tally(mine)
      if (ends.done !== 300) return ends
    }
    await queue.drain()
    const { backlog, inflight } = queue.stats()
    return { backlog, inflight }
  },
  /** Worker threads end in the middle of their jobs, in every way: only what they ran is lost. */
  async workersEnd() {
    const { jobqs } = start()
    const queue = jobqs.create('mortal', { concurrency: 2 })
    const deaths = []
    jobqs.on('fatal', () => deaths.push(1))
    const ends = []
    for (const way of ['exit', 'lose', 'exit']) {
      const dying = code(queue.run(job(way)))
      const others = many(queue, 100)
      ends.push(await dying, (await tally(others)).done)
    }
    // A job is told of its end before its host is.
    while (deaths.length < 3) await once(jobqs, 'fatal')
    return { ends, deaths: deaths.length }
  },
  /** A job that never returns is ended with its worker; the rest goes on. */
  async hangs() {
    const { jobqs } = start()
    const queue = jobqs.create('hangs', { concurrency: 1 })
    const hung = code(queue.run(job('hang'), undefined, { runTimeout: 200, cancel: 'terminate' }))
    const others = many(queue, 50)
    return { hung: await hung, others: await tally(others) }
  },
  /** Queues and isolates come and go; nothing is kept. */
  async rounds() {
    const { jobqs } = start()
    const queue = jobqs.create('rounds', { concurrency: 1 })
    let done = 0
    for (let round = 0; round < 10; round++) {
      const host = helper('host', { name: `round ${round}` })
      await once(host, 'message')
      const theirs = jobqs.get(`round ${round}`)
      const big = new Uint8Array(100_000).fill(round)
      const waits = Array.from({ length: 20 }, () => code(theirs.run(job('echo'), big)))
      done += (await tally(many(queue, 20))).done
      await host.terminate()
      await Promise.all(waits)
    }
    return { done }
  },
  /**
   * Nothing is burnt while nothing is to be done, by threads that have just worked and a loop that expects the end of a
   * job: the least of some moments, since the collector may still be at work in one.
   */
  async idle() {
    const { jobqs } = start()
    const queue = jobqs.create('idle', { concurrency: 2 })
    await Promise.all(many(queue, 5000))
    let isOver = false
    const slow = queue.run(job('pause'), 3000).then(() => {
      isOver = true
    })
    const shares = []
    while (!isOver) {
      const before = process.cpuUsage()
      const began = performance.now()
      await pause(500)
      const { user, system } = process.cpuUsage(before)
      if (!isOver) shares.push((user + system) / 1000 / (performance.now() - began))
    }
    await slow
    return { least: Math.min(...shares) }
  },
  /** Other handles of the isolate have their turn while jobs come and go without a pause. */
  async others() {
    const { jobqs } = start()
    const queue = jobqs.create('others', { concurrency: 1 })
    let stop = false
    const line = async () => {
      while (!stop) await queue.run(job('add'), { a: 1, b: 2 })
    }
    const lines = Array.from({ length: 8 }, line)
    let timers = 0
    let immediates = 0
    await new Promise((resolve) => {
      const immediate = () => {
        immediates++
        if (!stop) setImmediate(immediate)
      }
      immediate()
      const timer = setInterval(() => {
        if (++timers < 20) return
        clearInterval(timer)
        stop = true
        resolve()
      }, 5)
    })
    await Promise.all(lines)
    return { timers, immediates: immediates > 20 }
  },
}

const ROLES = {
  async host({ name }) {
    const { jobqs } = start()
    const queue = jobqs.create(name, { concurrency: 2 })
    await queue.run(job('add'), { a: 0, b: 0 })
    parentPort.postMessage('there')
  },
  async first({ way }) {
    const eventer = start()
    const { jobqs } = eventer
    await jobqs.native.run({ native: 'heddle:nothing' })
    await jobqs.default.run(job('add'), { a: 0, b: 0 })
    const theirs = jobqs.create('theirs', { kind: 'native', floor: 1 })
    await theirs.run({ native: 'heddle:nothing' })
    parentPort.postMessage('there')
    if (way !== 'dispose') return
    await once(parentPort, 'message')
    await eventer[Symbol.asyncDispose]()
    parentPort.close()
  },
  async submitter({ name }) {
    const { jobqs } = start()
    const queue = jobqs.get(name)
    await queue.run(job('add'), { a: 0, b: 0 })
    many(queue, 1000)
    parentPort.postMessage('there')
    many(queue, 1000)
  },
}

const role = workerData?.role
if (role !== undefined) {
  await ROLES[role](workerData)
} else if (isMainThread) {
  console.log(JSON.stringify(await SCENARIOS[process.argv[2]]()))
  await Eventer.find()[Symbol.asyncDispose]()
}
