// What the cases of job queues run on other threads.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { markAsUntransferable, threadId } from 'node:worker_threads'
import { currentJob, safe } from 'heddle'

export const echo = (value) => value
export const laterEcho = async (value) => {
  await sleep(1)
  return value
}
export const add = ({ a, b }) => a + b
export const whereAmI = () => threadId
export const nothing = () => {}
/** As the system shows it, on Linux. */
export const threadName = () => readFileSync('/proc/thread-self/comm', 'utf8').trim()

/** Counts itself in cell 1, and blocks its thread until cell 0 is set. */
export const held = ({ cells, value }) => {
  Atomics.add(cells, 1, 1)
  Atomics.notify(cells, 1)
  Atomics.wait(cells, 0, 0)
  return value
}

/** The same; then cell 2 says whether it was asked to stop. */
export const heldUnasked = ({ cells }, job) => {
  held({ cells })
  cells[2] = job.cancelled ? 2 : 1
}

/** The same as `held`, letting others run meanwhile. */
export const laterHeld = async ({ cells, value }) => {
  Atomics.add(cells, 1, 1)
  while (Atomics.load(cells, 0) === 0) await sleep(1)
  return value
}

/** Writes its number where the next free cell is: cell 1 counts. */
export const order = ({ cells, value }) => {
  cells[2 + Atomics.add(cells, 1, 1)] = value
}

export const burn = (ms) => {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Keeps its thread busy as soon as it is over: in the turn that has run it. */
export const burnBehind = (ms) => {
  setImmediate(burn, ms)
}
export const fail = ({ text, code }) => {
  throw Object.assign(new TypeError(text), { code, extra: { deep: [1] } })
}
export const failWithCause = () => {
  throw new RangeError('outside', { cause: Object.assign(new Error('inside'), { code: 'EINSIDE' }) })
}
export const failTogether = () => Promise.any([Promise.reject(new TypeError('one')), Promise.reject('two')])
export const failAborted = () => AbortSignal.abort().throwIfAborted()
export const failLater = async () => {
  await sleep(1)
  throw new SyntaxError('later')
}
const ODD = {
  text: () => 'just text',
  number: () => 5,
  undefined: () => undefined,
  function: () => () => {},
  symbol: () => Symbol('odd'),
  closure: () => Object.assign(new Error('odd'), { code: 'EODD', handle: () => {} }),
  getter: () =>
    Object.defineProperty(new Error('trap'), 'message', {
      get() {
        throw new Error('no message')
      },
    }),
}
export const failOddly = (what) => {
  throw ODD[what]()
}
export const returnOddly = (what) =>
  ({
    function: () => () => {},
    nested: () => ({ deep: { er: () => {} } }),
    getter: () => ({
      get trap() {
        throw new Error('the getter')
      },
    }),
    thenable: () =>
      Object.defineProperty({}, 'then', {
        value: (resolve) => {
          resolve('first')
          resolve('second')
          throw new Error('too late')
        },
      }),
    badThen: () =>
      Object.defineProperty({}, 'then', {
        get() {
          throw new Error('the then')
        },
      }),
  })[what]()

export const leave = (code) => process.exit(code)
export const leaveLater = async (code) => {
  await sleep(1)
  process.exit(code)
}
/** Told by a file, so that its argument is a plain one. */
export const leaveWhenThere = async ({ path }) => {
  while (!existsSync(path)) await sleep(1)
  process.exit(0)
}
export const explode = () =>
  new Promise(() =>
    setImmediate(() => {
      throw new Error('outside of the call')
    }),
  )
export const forever = ({ cells } = {}) => {
  if (cells) Atomics.add(cells, 1, 1)
  for (;;);
}
export const eatMemory = () => {
  const kept = []
  for (;;) kept.push(new Array(10_000).fill({ x: kept.length }))
}
export const notAFunction = 5

/** Loops until it is told to stop, without letting anything else run. */
export const untilSignalled = ({ cells }, job) => {
  Atomics.add(cells, 1, 1)
  while (!job.signal.aborted);
  return `${job.signal.reason.name} ${job.cancelled}`
}
export const untilAborted = ({ cells }, job) =>
  new Promise((resolve) => {
    if (job.signal.aborted) return resolve('too late to hear of it')
    job.signal.addEventListener('abort', () => resolve('heard'))
    // Only now: an abort between the two would be one that nobody hears of.
    Atomics.add(cells, 1, 1)
  })
export const untilThrown = ({ cells }, job) => {
  Atomics.add(cells, 1, 1)
  for (;;) job.signal.throwIfAborted()
}

/** Phases write where they ran: 3 cells a step from cell 2 on. */
const note = (cells, step) => {
  const at = 2 + 2 * Atomics.add(cells, 1, 1)
  cells[at] = step
  cells[at + 1] = threadId
}
export const work = ({ cells, failing }) => {
  note(cells, 1)
  if (failing?.includes('work')) throw new Error('work failed')
  return 'worked'
}
export const laterWork = async ({ cells }) => {
  note(cells, 1)
  await sleep(5)
  return 'worked'
}
export const heldWork = ({ cells }) => {
  note(cells, 1)
  Atomics.wait(cells, 0, 0)
}
export const foreverWork = ({ cells }) => {
  note(cells, 1)
  for (;;);
}
export const cleanup = ({ cells, failing }, job) => {
  note(cells, job.timedOut ? 3 : 2)
  if (failing?.includes('cleanup')) throw new Error('cleanup failed')
  return 'cleaned'
}

/** These two write down that they have begun, and end their thread. */
export const workAndLeave = ({ cells }) => {
  note(cells, 1)
  process.exit(0)
}
export const workAndExplode = ({ cells }) => {
  note(cells, 1)
  return explode()
}
/** Goes on until cell 0 is set, unless it is asked to stop, and says which it was. */
export const heldCleanup = ({ cells }, job) => {
  note(cells, 2)
  while (Atomics.load(cells, 0) === 0 && !job.cancelled);
  note(cells, job.cancelled ? 4 : 3)
}

/** Does not await what it adds. */
export const addBurn = (ms, job) => {
  job.addDependent({ module: import.meta.url, export: 'burn' }, ms).catch(() => {})
}

let keptHere
export const keep = (arg) => {
  keptHere = [arg]
}
export const kept = () => keptHere

export const describeJob = async (_, job) => {
  const seen = [job.queue, job.subqueue, job.cancelled, job.timedOut, currentJob() === job]
  await sleep(1)
  return [...seen, currentJob() === job]
}
export const noJobOutside = async () => {
  const store = await new Promise((resolve) => setImmediate(() => resolve(currentJob()?.queue)))
  return store
}
export const move = (size, job) => {
  const memory = new ArrayBuffer(size)
  new Uint8Array(memory).fill(7)
  globalThis.heddleMoved = memory
  return job.transfer(memory, [memory])
}
export const wasMoved = () => globalThis.heddleMoved.byteLength === 0
export const movePort = (_, job) => {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage('from afar')
  return job.transfer({ port: port2 }, [port2])
}
export const hear = ({ port }) =>
  new Promise((resolve) => port.once('message', (message) => resolve(message) || port.close()))
export const inSection = () => safe.inSection()
export const laterInSection = async () => {
  const before = safe.inSection()
  await sleep(1)
  return [before, safe.inSection()]
}
export const freeSome = (count) => {
  for (let n = 0; n < count; n++) safe.free(safe.alloc(64))
}
export const safeStats = () => safe.stats()
export const environment = (name) => process.env[name]

/** Tries to add dependents with options that mean nothing; gives the codes, and where it ran. */
export const addBadly = async (_, job) => {
  const codes = []
  for (const options of [
    { subqueue: 5 },
    { subqueue: -1n },
    { priority: 'x' },
    { priority: Symbol('p') },
    { transfer: 5 },
    { transfer: 'all' },
    null,
    7,
  ]) {
    const adding = job.addDependent({ module: import.meta.url, export: 'echo' }, 1, options)
    codes.push(await adding.catch((error) => error.code))
  }
  return { codes, worker: threadId }
}
export const addWell = async (_, job) =>
  job.addDependent({ module: import.meta.url, export: 'describeJob' }, 1, { subqueue: 7n, priority: 3 })

/** Goes on where others would end: its module handles what nothing catches. Gives how many ran at once, at most. */
let [running, most, isArmed] = [0, 0, false]
export const survive = async ({ how }) => {
  if (!isArmed && how === 'listener') process.on('uncaughtException', () => {})
  if (!isArmed && how === 'capture') process.setUncaughtExceptionCaptureCallback(() => {})
  isArmed = true
  most = Math.max(most, ++running)
  const before = safe.inSection()
  await new Promise((resolve) => {
    setImmediate(() => {
      setTimeout(resolve, 20)
      throw new Error('a stray one')
    })
  })
  running--
  return { most, sections: [before, safe.inSection()] }
}
/** Its handler fails, so that the thread ends all the same. */
export const surviveBadly = () => {
  process.on('uncaughtException', () => {
    throw new Error('the handler')
  })
  return explode()
}

const stuck = {
  pool: () => Buffer.from('x').buffer,
  wasm: () => new WebAssembly.Memory({ initial: 1 }).buffer,
  marked: () => {
    const memory = new ArrayBuffer(2 << 20)
    markAsUntransferable(memory)
    return memory
  },
}
/** Moves what cannot be moved, or what is no list. */
export const moveStuck = (what, job) => {
  const memory = stuck[what]()
  return job.transfer(memory, [memory])
}
export const moveTwice = (size, job) => {
  const memory = new ArrayBuffer(size)
  return job.transfer(memory, [memory, memory])
}
export const moveNothing = (list, job) => job.transfer(1, list)
