// Coroutines that sleep beside classic events of one loop: node examples/sleeping-coroutine.mjs
//
// Each reads as if it blocked, and none holds up the others: while they sleep the loop serves whoever is due, here a timer
// that counts what runs between the wake-ups. When the last coroutine has ended, so does the program.
import { aco, Eventer } from 'heddle'

const WAKE_UPS = 3
const SLEEP_MS = 20

const eventer = await Eventer.init()
eventer.start()

const sleepers = ['warp', 'weft'].map((name) => start(name))
console.log(`started ${aco.list().map(({ name, state }) => `${name} (${state})`)}`)

let ticks = 0
const ticking = eventer.addIn(1, (event, mask, _, now) => {
  ticks++
  eventer.updateWhence(event, now + 1)
  return mask
})

await Promise.all(sleepers.map(({ done }) => done))
ticking[Symbol.dispose]()
console.log(`${aco.stats().switches} wake-ups, ${ticks > 0 ? 'and' : 'but not'} the timer ran meanwhile`)
await eventer[Symbol.asyncDispose]()

/** Could be called from anywhere after `Eventer.init`: the body runs at once, until its first wait. */
function start(name) {
  return aco.start(myCoroutine, SLEEP_MS, { name })
}

async function myCoroutine(co) {
  for (let turn = 1; turn <= WAKE_UPS; turn++) {
    await co.sleep(co.arg)
    console.log(`${co.name} wakes up to do something, ${turn} of ${WAKE_UPS}`)
  }
}
