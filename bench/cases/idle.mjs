import { setTimeout as sleep } from 'node:timers/promises'
import { CaseResult } from '../harness/compare.mjs'
import { withContestants } from '../harness/contestant.mjs'
import { descriptorLimit, holdConnections } from '../harness/idle-load.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'idle'
export const describe = 'resident bytes in the server for each of 10,000 idle connections'

const CONNECTIONS = 10_000
const WARM_UP_CONNECTIONS = 500
/** Descriptors a server needs for itself. */
const SPARE_DESCRIPTORS = 200
const SETTLE_MS = 2_000

const TCP = ['heddle', 'heddle-js', 'node-net', 'c-epoll']
const HTTP = ['heddle', 'heddle-js', 'node-http', 'fastify', 'c-epoll']
const CASES = [
  { name: 'TCP, never used', protocol: 'tcp', exchange: 'none', contestants: TCP },
  { name: 'TCP, after one echo', protocol: 'tcp', exchange: 'echo', contestants: TCP },
  { name: 'HTTP, never used', protocol: 'http', exchange: 'none', contestants: HTTP },
  { name: 'HTTP, after one request', protocol: 'http', exchange: 'http', contestants: HTTP },
]

const METRICS = [{ key: 'bytes', unit: 'bytes/connection', better: 'lower' }]

async function residentAfterSettling(contestant) {
  await sleep(SETTLE_MS)
  return (await contestant.counters()).rssBytes
}

/**
 * Memory as a user sees it: resident size with the connections less resident size without, no collection forced.
 * A few connections come and go first, so that code and pools that any use brings in count for nobody.
 */
async function measure(contestant, { exchange }, connections) {
  const warmUp = await holdConnections(contestant.port, WARM_UP_CONNECTIONS, exchange)
  await warmUp.release()
  const before = await residentAfterSettling(contestant)
  const held = await holdConnections(contestant.port, connections, exchange)
  const after = await residentAfterSettling(contestant)
  await held.release()
  return { bytes: (after - before) / connections }
}

/** Every measurement gets a process of its own: what a server keeps after the first crowd would hide the second. */
async function runCase(task, names, { rounds }, connections) {
  const samples = new Map(names.map((contestant) => [contestant, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contestant of names) {
      const sample = await withContestants([contestant], task.protocol, 'hello', ([server]) =>
        measure(server, task, connections),
      )
      samples.get(contestant).push(sample)
    }
  }
  return new CaseResult(`${task.name}, ${connections} connections`, METRICS, samples)
}

/** Yields one result a case. */
export async function* run(options) {
  const chosen = chosenContestants([...new Set([...TCP, ...HTTP])], options.only)
  const connections = Math.min(CONNECTIONS, descriptorLimit() - SPARE_DESCRIPTORS)
  for (const task of chosenCases(CASES, options.caseFilter)) {
    const names = task.contestants.filter((contestant) => chosen.includes(contestant))
    if (names.length === 0) continue
    yield await runCase(task, names, options, connections)
  }
}
