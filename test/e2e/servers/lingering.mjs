// Closes descriptors whose closes block, all at once, and reports how late a timer of 10 ms came meanwhile. Then the
// peers go, which ends the lingering, and every close must be reported.
//
//   node lingering.mjs COUNT FD… PEER…      started by lingering.py
import { Eventer, Mask } from 'heddle'
import { closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const PERIOD_MS = 10
const WATCH_MS = 1000
const PATIENCE_MS = 10_000
const FEW = 5

const [count, ...descriptors] = process.argv.slice(2).map(Number)
const own = descriptors.slice(0, count)
const peers = descriptors.slice(count)

const eventer = await Eventer.init()
eventer.start()
let ticks = 0
let latestMs = 0
const timer = eventer.addIn(PERIOD_MS, (event) => {
  ticks++
  latestMs = Math.max(latestMs, eventer.now() - event.whence)
  event.whence = eventer.now() + PERIOD_MS
  return Mask.TIMER
})

let closed = 0
const closings = own.map(async (fd) => {
  const event = eventer.fdEvent(fd, Mask.READ, () => 0)
  await event.close()
  event.free()
  closed++
})
await sleep(WATCH_MS)
// A machine with other work may have let few of them come.
for (const until = performance.now() + PATIENCE_MS; ticks <= FEW && performance.now() < until; )
  await sleep(PERIOD_MS)
const report = { ticks, latestMs, closedWhileLingering: closed }
timer[Symbol.dispose]()
for (const fd of peers) closeSync(fd)
await Promise.all(closings)
console.log(JSON.stringify({ ...report, closed }))
await eventer[Symbol.asyncDispose]()
