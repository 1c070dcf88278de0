// The open descriptors of this process, told apart by what they are, so that one too many can be named.
import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Far more than a busy machine needs to close what nobody uses any more. */
const PATIENCE_MS = 30_000
const LOOK_MS = 10
/** Looks in a row that must agree before a count is taken for the one at rest. */
const AGREEING = 5

/** Number to what it leads to, like `socket:[4711]`. The directory that is being read is not among them. */
export function openDescriptors() {
  const open = new Map()
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      open.set(Number(name), readlinkSync(`/proc/self/fd/${name}`))
    } catch {
      // Closed since it was listed: the one of the listing, or one that was on its way.
    }
  }
  return open
}

/** What is open when nothing is on its way any more: `idle` holds, and the count has stopped changing. */
export async function descriptorsAtRest(idle = () => true) {
  const until = performance.now() + PATIENCE_MS
  let open = new Map()
  for (let same = 0; same < AGREEING; await sleep(LOOK_MS)) {
    if (performance.now() > until)
      throw new Error(`the descriptors never came to rest: ${[...open.values()]}`)
    const now = openDescriptors()
    same = now.size === open.size && idle() ? same + 1 : 0
    open = now
  }
  return open
}

/**
 * What is open and was not `before`, as "number target", when there are more than before; nothing when those go away
 * in time. A peer in this very process closes its end a turn or two after ours, hence the wait: a leak stays however
 * long one looks.
 */
export async function leftOver(before) {
  const until = performance.now() + PATIENCE_MS
  let open = openDescriptors()
  while (open.size > before.size && performance.now() < until) {
    await sleep(LOOK_MS)
    open = openDescriptors()
  }
  if (open.size <= before.size) return []
  return [...open].filter(([fd, target]) => before.get(fd) !== target).map((entry) => entry.join(' '))
}
