// What the cases about the order of jobs run in worker threads of a queue. Cells are shared with the case.
import { threadId } from 'node:worker_threads'

/** Places in the cells: what the case lets through, what runs, the most that ran at once, and how many have begun. */
const [PERMITS, RUNNING, PEAK, BEGUN, LOG] = [0, 1, 2, 3, 8]

function begin(cells) {
  const running = Atomics.add(cells, RUNNING, 1) + 1
  for (let peak = Atomics.load(cells, PEAK); running > peak; peak = Atomics.load(cells, PEAK))
    if (Atomics.compareExchange(cells, PEAK, peak, running) === peak) break
  return Atomics.add(cells, BEGUN, 1)
}

/** Blocks the thread until there is a permit, and takes it. */
function awaitPermit(cells) {
  for (;;) {
    const permits = Atomics.load(cells, PERMITS)
    if (permits === 0) Atomics.wait(cells, PERMITS, 0)
    else if (Atomics.compareExchange(cells, PERMITS, permits, permits - 1) === permits) return
  }
}

/** Writes its number where its turn is, waits to be let through, and answers with its thread. */
export const turn = ({ cells, number = 1 }) => {
  Atomics.store(cells, LOG + begin(cells), number)
  awaitPermit(cells)
  Atomics.sub(cells, RUNNING, 1)
  return threadId
}

export const pause = ({ cells, ms }) => {
  begin(cells)
  Atomics.wait(cells, PERMITS, 0, ms)
  Atomics.sub(cells, RUNNING, 1)
}

export const where = () => threadId
export const subqueue = (_, job) => job.subqueue
export const dependentSubqueue = async (given, job) => {
  const { module } = given
  const own = given.subqueue === undefined ? {} : { subqueue: given.subqueue }
  const found = await job.addDependent({ module, export: 'subqueue' }, null, own)
  return [job.subqueue, found]
}

/** Says what it was told, in cells: 1 work, 2 cleanup, 4 cleanup that was told that the time was up. */
export const work = ({ cells }) => void Atomics.or(cells, LOG, 1)
export const cleanup = ({ cells }, job) => {
  Atomics.or(cells, LOG, job.timedOut ? 4 : 2)
  Atomics.add(cells, LOG + 1, 1)
}

/** Of the parent that runs on this thread, with all that depend on it: cells go from the isolate that made them only. */
let shared
const stamp = (place) => Atomics.store(shared, place, Atomics.add(shared, BEGUN, 1) + 1)

/** Adds three jobs that it does not wait for, of which one adds another; stamps when their completions have run. */
export const parent = ({ cells, module }, job) => {
  shared = cells
  for (let number = 0; number < 3; number++)
    job.addDependent({ module, export: 'child' }, { module, number }).then(() => stamp(LOG + number))
  return 'parent'
}
export const child = ({ module, number }, job) => {
  if (number === 1) job.addDependent({ module, export: 'grandchild' }).then(() => stamp(LOG + 3))
}
export const grandchild = () => {}
