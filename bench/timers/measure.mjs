/**
 * One measurement of one timer implementation, in a process of its own: `node measure.mjs NAME QUESTION COUNT`
 * with the adapter bench/timers/NAME.mjs and one of the questions below. Prints one JSON line.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { seededRandom, shuffled } from './random.mjs'

const [adapter, question, countText] = process.argv.slice(2)
const { insertIn, insertAt, cancel, finish } = await import(`./${adapter}.mjs`)
const count = Number(countText)

/** Far deadlines lie this far apart and begin after a minute, so that none is due while we measure. */
const FAR_STEP_MS = 1_000
const FAR_START_MS = 60_000
const DUE_WITHIN_MS = 100
const WARM_UP = 200_000

const nsEach = (milliseconds) => (milliseconds * 1e6) / count
const nothing = () => {}

/** Inserts far timers and cancels them; what an implementation puts off to its next turn is counted as well. */
async function insertAndCancel(delays, timers) {
  const started = performance.now()
  for (let i = 0; i < delays.length; i++) timers[i] = insertIn(delays[i], nothing)
  await nextTurn()
  const inserted = performance.now()
  const rssBytes = process.memoryUsage.rss()
  const again = performance.now()
  for (let i = 0; i < delays.length; i++) cancel(timers[i])
  await nextTurn()
  return { insertMs: inserted - started, cancelMs: performance.now() - again, rssBytes }
}

async function far() {
  const delays = shuffled(count, seededRandom(1)).map((place) => FAR_START_MS + place * FAR_STEP_MS)
  const timers = new Array(count).fill(undefined)
  await insertAndCancel(delays.subarray(0, WARM_UP), timers)
  timers.fill(undefined)
  await nextTurn()
  const before = process.memoryUsage.rss()
  const { insertMs, cancelMs, rssBytes } = await insertAndCancel(delays, timers)
  return {
    insertNs: nsEach(insertMs),
    cancelNs: nsEach(cancelMs),
    bothNs: nsEach(insertMs + cancelMs),
    bytes: (rssBytes - before) / count,
  }
}

/** How long after the start each one is due, in random order. Drawing the numbers is nobody's work to be timed. */
function dueOffsets() {
  const random = seededRandom(2)
  return Float64Array.from({ length: count }, () => random() * DUE_WITHIN_MS)
}

async function warmUpFiring() {
  let left = WARM_UP
  await new Promise((resolve) => {
    for (let i = 0; i < WARM_UP; i++)
      insertIn(i % 10, () => {
        if (--left === 0) resolve()
      })
  })
}

/** Inserts all and resolves with the time when the last one has run. `hold` blocks the loop before its turn. */
function insertAndFire(offsets, hold) {
  const start = performance.now()
  let left = count
  return new Promise((resolve) => {
    const onTimer = () => {
      if (--left === 0) resolve(performance.now())
    }
    for (let i = 0; i < count; i++) insertAt(start + offsets[i], onTimer)
    hold()
  })
}

/**
 * From the first insertion to the last callback, then firing alone: all are overdue when the loop gets its turn. A
 * server does this for hours: a first million, which makes heap and tables as large as they need to be, is not timed.
 */
async function fire() {
  await warmUpFiring()
  const offsets = dueOffsets()
  await insertAndFire(offsets, nothing)
  const started = performance.now()
  const total = (await insertAndFire(offsets, nothing)) - started
  let released = 0
  const finished = await insertAndFire(offsets, () => {
    released = performance.now() + DUE_WITHIN_MS + 5
    while (performance.now() < released);
  })
  return { totalNs: nsEach(total), fireNs: nsEach(finished - released) }
}

/** How late each one runs when the loop is left alone after the last insertion, and how many run too soon. */
async function lateness() {
  await warmUpFiring()
  const offsets = dueOffsets()
  const start = performance.now()
  const late = new Float64Array(count)
  let left = count
  await new Promise((resolve) => {
    for (let i = 0; i < count; i++) {
      insertAt(start + offsets[i], () => {
        late[i] = performance.now() - start - offsets[i]
        if (--left === 0) resolve()
      })
    }
  })
  late.sort()
  const early = late.findIndex((milliseconds) => milliseconds >= 0)
  return { medianMs: late[count >> 1], worstMs: late[count - 1], early: early < 0 ? count : early }
}

const answer = await { far, fire, lateness }[question]()
process.stdout.write(`${JSON.stringify(answer)}\n`)
await finish?.()
