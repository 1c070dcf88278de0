// What asynchronous events and jobs of thread pools run on other threads.
import { appendFileSync, readFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'

const STEP = { work: 1, cleanup: 2 }

/** Writes down a step, in shared memory: which, and in which thread. */
const note = (cells, step) => {
  const at = Atomics.add(cells, 0, 1)
  Atomics.store(cells, 1 + 2 * at, step)
  Atomics.store(cells, 2 + 2 * at, threadId)
}

export const work = ({ cells }) => {
  note(cells, STEP.work)
  return 7
}
export const cleanup = ({ cells }) => {
  note(cells, STEP.cleanup)
  return 9
}
export const phases = (phase, { cells }) => {
  note(cells, STEP[phase])
  return phase
}
/** A phase that takes its time, and counts who is in it. */
export const inside = async ({ cells, fails }) => {
  const now = Atomics.add(cells, 0, 1) + 1
  if (now > Atomics.load(cells, 1)) Atomics.store(cells, 1, now)
  await new Promise((resolve) => setTimeout(resolve, 1))
  Atomics.add(cells, 2, 1)
  Atomics.sub(cells, 0, 1)
  if (fails) throw new Error('it failed')
}
/** As the system shows it. */
export const threadName = () => readFileSync('/proc/thread-self/comm', 'utf8').trim()
export const whereAmI = () => threadId
export const echo = (value) => value
export const echoNumber = ({ n, cells }) => {
  Atomics.add(cells, 0, 1)
  return n
}
export const count = ({ cells }) => {
  Atomics.add(cells, 1, 1)
}
export const failing = ({ text, code } = {}) => {
  throw Object.assign(new RangeError(text ?? 'it failed'), { code: code ?? 'EFAIL' })
}
export const throwUndefined = () => {
  throw undefined
}
export const failingSteps = ({ cells, failing }, step) => {
  note(cells, STEP[step])
  if (failing.includes(step)) throw new Error(`${step} failed`)
}
export const workThatFails = (closure) => failingSteps(closure, 'work')
export const cleanupThatFails = (closure) => failingSteps(closure, 'cleanup')

/** Goes on until it is told to stop; the last cell says that it has begun. */
export const untilSignal = ({ cells }, { signal }) => {
  Atomics.store(cells, 15, 1)
  while (!signal.aborted);
}
export const forEver = ({ cells }) => {
  Atomics.store(cells, 15, 1)
  for (;;);
}

export const loop = ({ cells }) => {
  note(cells, STEP.work)
  for (;;);
}
export const loopInWork = (phase, closure) => (phase === 'work' ? loop(closure) : cleanup(closure))

/** One function for all phases, whose work never ends; writes each down in a file. */
export const phasesForEver = (phase, { path, bytes }) => {
  appendFileSync(path, `${phase} ${bytes.length}\n`)
  while (phase === 'work');
}

/** Blocks its thread until the first cell is set; the second counts who has begun, the third how many at once, at most. */
export const held = ({ cells, value }) => {
  Atomics.add(cells, 1, 1)
  Atomics.wait(cells, 0, 0)
  return value
}
/** The same with other cells, so that steps can be written down as well. */
export const heldBeforeCleanup = ({ cells }) => {
  Atomics.store(cells, 15, 1)
  Atomics.wait(cells, 14, 0)
  return 'held'
}
export const burn = (ms) => {
  const end = performance.now() + ms
  while (performance.now() < end);
}
/** Counts in the first cell those that run at once, and keeps the highest count in the second. */
export const crowd = async ({ cells, failing = false }) => {
  const now = Atomics.add(cells, 0, 1) + 1
  for (let most = Atomics.load(cells, 1); now > most; most = Atomics.load(cells, 1)) {
    if (Atomics.compareExchange(cells, 1, most, now) === most) break
  }
  // The first waits for a second one, so that two do run at once.
  do await new Promise((resolve) => setTimeout(resolve, 2))
  while (Atomics.load(cells, 1) < 2)
  Atomics.sub(cells, 0, 1)
  if (failing) throw new Error('it failed')
}

/** Adds dependents of its own, the last of which adds another; they outlast it. */
export const withDependents = (_, ctx) => {
  for (let n = 0; n < 2; n++) ctx.addDependent({ module: import.meta.url, export: 'late' }, n)
  ctx.addDependent({ module: import.meta.url, export: 'withDependent' })
  return 'parent'
}
export const withDependent = (_, ctx) => {
  ctx.addDependent({ module: import.meta.url, export: 'late' })
}
export const late = () => new Promise((resolve) => setTimeout(resolve, 30))

/** Of a thread pool: called with the job and the closure. */
export const poolWork = (job, closure) => {
  if (job.closure !== closure) throw new Error('two closures')
  if (closure?.cells) note(closure.cells, STEP.work)
  return { thread: threadId, given: closure?.value }
}
/** Its completion, in the same thread. */
export const poolTold = (job, closure) => {
  const { cells } = closure
  note(cells, STEP.cleanup)
  Atomics.store(cells, 6, job.failed ? 2 : 1)
  Atomics.store(cells, 7, job.value?.thread ?? -1)
}
/** Writes down its beginning and its end. */
export const poolSlow = async (_, { cells }) => {
  note(cells, STEP.work)
  await new Promise((resolve) => setTimeout(resolve, 5))
  note(cells, STEP.work)
}
export const poolToldOfFailure = ({ error, failed }, { cells }) => {
  Atomics.store(cells, 6, failed && error instanceof Error && error.code === 'EFAIL' ? 3 : 4)
}
export const poolFailing = () => {
  throw Object.assign(new Error('it failed'), { code: 'EFAIL' })
}
export const poolHeld = (_, { cells, value }) => held({ cells, value })
export const poolCrowd = (_, closure) => crowd(closure)
/** How many calls deep it gets. */
export const poolDepth = () => {
  let depth = 0
  const down = () => {
    depth++
    down()
  }
  try {
    down()
  } catch {
    // RangeError: the stack is used up.
  }
  return { thread: threadId, depth }
}
export const poolLeave = () => process.exit(7)
export const poolRead = async (_, url) => (await fetch(url)).text()
export const notAFunction = 5
