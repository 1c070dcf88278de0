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

/** Deadlines within DUE_WITHIN_MS of now, in random order. */
function dueDeadlines() {
  const random = seededRandom(2)
  const start = performance.now()
  return Float64Array.from({ length: count }, () => start + random() * DUE_WITHIN_MS)
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
function insertAndFire(hold) {
  const deadlines = dueDeadlines()
  let left = count
  return new Promise((resolve) => {
    const onTimer = () => {
      if (--left === 0) resolve(performance.now())
    }
    for (let i = 0; i < count; i++) insertAt(deadlines[i], onTimer)
    hold()
  })
}

/** From the first insertion to the last callback, then firing alone: all are overdue when the loop gets its turn. */
async function fire() {
  await warmUpFiring()
  const started = performance.now()
  const total = (await insertAndFire(nothing)) - started
  let released = 0
  const finished = await insertAndFire(() => {
    released = performance.now() + DUE_WITHIN_MS + 5
    while (performance.now() < released);
  })
  return { totalNs: nsEach(total), fireNs: nsEach(finished - released) }
}

/** How late each one runs when the loop is left alone after the last insertion, and how many run too soon. */
async function lateness() {
  await warmUpFiring()
  const deadlines = dueDeadlines()
  const late = new Float64Array(count)
  let left = count
  await new Promise((resolve) => {
    for (let i = 0; i < count; i++) {
      insertAt(deadlines[i], () => {
        late[i] = performance.now() - deadlines[i]
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
