// Brings handles into states of their life and dies in one of the ways a program can.
//
//   node die.mjs '{"kind":"timer","states":["created",…],"death":"exit"}'
//
// end: nothing is left to do · exit: process.exit(7) · throw: an uncaught exception · double: every handle is
// closed three times over · collect: every handle is forgotten and the garbage collected.
import { Eventer } from 'heddle'
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { KINDS, STATES } from './states.mjs'

const { kind, states = STATES, death } = JSON.parse(process.argv[2])
/** A callback that never comes must not look like a clean end. */
const PATIENCE_MS = 20_000

const deaths = {
  end: () => {},
  exit: () => process.exit(7),
  // Not within the caller: an HTTP handler that throws is answered with 500.
  throw: () =>
    queueMicrotask(() => {
      throw new Error('planned')
    }),
  double: () => {},
  collect: () => collect(),
}

let inFlight = false
const eventer = Eventer.initSync()
if (kind !== 'eventer') eventer.start()
let closers = await bringToStates()
if (states.includes('inFlight')) await untilInFlight()
else deaths[death]()

if (death === 'double') await closeThrice()
if (death === 'collect') {
  closers = undefined
  for (let i = 0; i < 5; i++) {
    collect()
    await sleep(5)
  }
}
// From here on nothing of ours keeps the program alive.
eventer.unref()
writeSync(1, 'finished\n')

async function bringToStates() {
  const made = []
  for (const state of STATES.filter((name) => states.includes(name)))
    made.push(await KINDS[kind][state](arrive))
  return made
}

/** The one callback that matters has come. */
function arrive() {
  if (inFlight) return
  inFlight = true
  writeSync(1, 'in flight\n')
  deaths[death]()
}

async function untilInFlight() {
  const until = performance.now() + PATIENCE_MS
  while (!inFlight && performance.now() < until) await sleep(2)
  if (!inFlight) process.exit(3)
}

async function closeThrice() {
  for (const close of closers) await Promise.all([close(), close()])
  for (const close of closers) await close()
}

function collect() {
  for (let i = 0; i < 3; i++) globalThis.gc()
}
