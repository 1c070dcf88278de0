import { threadId } from 'node:worker_threads'

// What the workers of the pools under test run. Everything they say goes through the calls below.

let context
let started = false
const events = []

export async function start(given) {
  context = given
  const { eventer, data, index } = given
  if (data?.fails === index)
    throw Object.assign(new RangeError('will not start'), { code: 'EWEAVE', loom: 3 })
  if (data?.exitsAtStart === index) process.exit(3)
  if (data?.starts !== undefined && Atomics.add(data.starts, 0, 1) >= 2) {
    if (data.how === 'exits') process.exit(4)
    throw new Error('not a third time')
  }
  eventer.nameCallback('note', (event, mask, closure) => {
    events.push({ kind: event.kind, mask, closure, loop: eventer.currentLoop().name })
    return closure?.stays ? mask : 0
  })
  await new Promise((resolve) => eventer.addIn(1, () => resolve()))
  started = true
}

export const hasStarted = () => started

export const where = (arg, { eventer, loop, pool, index }) => ({
  arg,
  threadId,
  pool,
  index,
  loopName: loop.name,
  loopId: loop.loopId,
  loops: eventer.loops.map(({ name }) => name),
  pools: eventer.pools.map((each) => [each.name, each.kind, each.concurrency]),
  threads: eventer.pools.flatMap((each) => each.threads.map((thread) => [thread.name, thread.loopId])),
  sleep: loop.maxSleepMs,
  data: context?.data,
})

/** The same, out of a callback of the loop. */
export const insideCallback = (_, { eventer }) =>
  new Promise((resolve) => {
    eventer.addIn(0, () => {
      const event = eventer.timerIn(0, () => 0)
      event.owner = eventer.chooseOwner(2)
      resolve({
        moved: event.owner.name,
        chosenHere: [0, 1, 2].map((n) => eventer.chooseOwner(n).name),
        inLoop: eventer.inLoop(),
        inPool: eventer.inLoop('web'),
        inDefault: eventer.inLoop('default'),
        loop: eventer.currentLoop().pool,
        index: eventer.loopIndex(),
        owner: event.owner.name,
        poolOf: eventer.poolOf(event).name,
        chosen: [0, 1, 2].map((n) => eventer.chooseOwner(n, eventer.pool('web')).name),
      })
      event.free()
    })
  })

export const taken = () => events.splice(0)

/** A timer that waits for a trigger. */
export const target = (_, { eventer }) => {
  const event = eventer.addIn(60_000, (_event, mask) => {
    events.push({ triggered: mask })
    return 0
  })
  return event.eventRef
}

/** Calls a sibling and the loops of the isolate that made the pool, by what this worker knows of them. */
export const reachOut = ({ name, to }, { eventer }) => {
  const [pool, index] = to.split('/')
  const loop = eventer.pool(pool).threads[Number(index)]
  loop.add({ kind: 'timer', whence: Date.now(), callback: name, closure: { from: threadId } })
  loop.wakeup()
}

/** Burns time in a callback; when it began and ended, epoch milliseconds. */
export const burn = (ms, { eventer }) =>
  new Promise((resolve) => {
    eventer.addIn(0, () => {
      const began = Date.now()
      const end = performance.now() + ms
      while (performance.now() < end);
      resolve({ began, ended: Date.now(), threadId })
    })
  })

export const die = (how) => {
  if (how === 'exit') process.exit(7)
  setImmediate(() => {
    throw new TypeError('a worker broke')
  })
  return new Promise(() => {})
}

export const answerAndExit = async (value) => {
  setImmediate(() => process.exit(0))
  return value
}

export const fail = () => {
  throw Object.assign(new SyntaxError('not woven'), { code: 'EWEFT', thread: 'blue' })
}

export const failStrangely = (what) => {
  if (what === 'string') throw 'just text'
  if (what === 'abort') throw AbortSignal.abort().reason
  throw Object.assign(new Error('with a function'), { code: 'EFN', call: () => {} })
}

export const failTyped = (_, { eventer }) => eventer.chooseOwner(0.5)

export const uncloneable = () => () => {}

/** Resolves when the pool ends, and says so where the test can see it. */
export const untilEnd = (cells, { signal }) => {
  signal.addEventListener('abort', () => Atomics.add(cells, 0, 1))
}

/** Does not return. */
export const stick = () => {
  for (;;);
}

/** Keeps a worker from ending by itself. */
export const linger = () => void setInterval(() => {}, 1000)
