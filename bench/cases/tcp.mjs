import { CaseResult } from '../harness/compare.mjs'
import { corePercent, withContestants } from '../harness/contestant.mjs'
import { interleave } from '../harness/rounds.mjs'
import { loadTcp } from '../harness/tcp-load.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'tcp'
export const describe = 'TCP echo, 64 connections in ping-pong: messages and CPU time per message'

const CONTESTANTS = ['heddle', 'heddle-js', 'node-net', 'c-epoll']
const CONNECTIONS = 64
const WARM_UP_SECONDS = 1

const CASES = [
  { name: '64 B', bytes: 64 },
  { name: '512 B', bytes: 512 },
  { name: '16 KiB', bytes: 16_384 },
]

const METRICS = [
  { key: 'perSecond', unit: 'messages/s', better: 'higher' },
  { key: 'userUs', unit: 'user CPU us/message', better: 'lower' },
  { key: 'systemUs', unit: 'system CPU us/message', better: 'lower' },
  { key: 'p99Us', unit: 'us, 99th percentile', isAside: true },
  { key: 'corePercent', unit: '% of a core', isAside: true },
]

async function measure(contestant, { bytes }, seconds) {
  const before = await contestant.counters()
  const load = await loadTcp({ port: contestant.port, connections: CONNECTIONS, bytes, seconds })
  const after = await contestant.counters()
  const served = (after.units - before.units) / bytes
  if (served < load.messages || served > load.messages + CONNECTIONS) {
    throw new Error(`${contestant.name} echoed ${served} messages where ${load.messages} came back`)
  }
  return {
    perSecond: load.messages / load.seconds,
    userUs: (after.userUs - before.userUs) / served,
    systemUs: (after.systemUs - before.systemUs) / served,
    corePercent: corePercent(before, after, load.seconds),
    p99Us: load.p99Us,
  }
}

/** Yields one result a message size. */
export function run(options) {
  return runEcho(CONTESTANTS, CASES, options)
}

/** Ping-pong of these contestants; a task says its `bytes`. */
export async function* runEcho(all, cases, options) {
  const names = chosenContestants(all, options.only)
  const tasks = chosenCases(cases, options.caseFilter)
  for (const task of tasks) {
    yield await withContestants(names, 'tcp', 'echo', async (contestants) => {
      for (const contestant of contestants) await measure(contestant, task, WARM_UP_SECONDS)
      const { rounds, seconds } = options
      const samples = await interleave(contestants, rounds, (contestant) =>
        measure(contestant, task, seconds),
      )
      return new CaseResult(`echo, ${task.name}`, METRICS, samples)
    })
  }
}
