// What the cases of asynchronous calls run on other threads.
import { threadId } from 'node:worker_threads'

export const add = ({ a, b }) => a + b
export const whereAmI = () => threadId
export const fail = ({ text, code }) => {
  throw Object.assign(new TypeError(text), { code, extra: { deep: [1] } })
}
export const failOddly = (what) => {
  throw what === 'function'
    ? Object.assign(new Error('odd'), { code: 'EODD', handle: () => {} })
    : what === 'undefined'
      ? undefined
      : 'just text'
}
export const unclonable = () => () => {}
export const leave = () => process.exit(7)
export const explode = () =>
  new Promise(() =>
    setImmediate(() => {
      throw new Error('outside of the call')
    }),
  )
export const notAFunction = 5

/** Blocks its thread until the cell is set. Answers what it was given. */
export const held = ({ cells, at = 0, value }) => {
  Atomics.add(cells, 1, 1)
  Atomics.wait(cells, at, 0)
  return value
}
export const order = ({ cells, value }) => {
  cells[2 + Atomics.add(cells, 1, 1)] = value
}

/** Steps of a phased call, in shared memory: where each ran. */
export const phased = (phase, { cells, failing }) => {
  const at = Atomics.add(cells, 0, 1)
  cells[1 + 2 * at] = { work: 1, cleanup: 2, complete: 3 }[phase]
  cells[2 + 2 * at] = threadId
  if (failing?.includes(phase)) throw new Error(`${phase} failed`)
  return phase
}

/** The body of a coroutine that other isolates start: leaves word in the isolate where it runs. */
export const body = async (co) => {
  await co.sleep(0)
  globalThis.heddleWord = { thread: threadId, value: co.arg }
  return `${co.name} ${co.loop.name}`
}
