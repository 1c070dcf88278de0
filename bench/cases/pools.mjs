import { readFileSync } from 'node:fs'
import { CaseResult } from '../harness/compare.mjs'
import { Contestant } from '../harness/contestant.mjs'
import { checkAnswer } from '../harness/http-check.mjs'
import { loadHttp } from '../harness/http-load.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'
import { HELLO } from '../servers/task.mjs'

export const name = 'pools'
export const describe =
  'HTTP on each kind of pool: rate, CPU time of the process and of the thread that runs JavaScript'

/** Server program and its variant. The first is what the others are compared with: one embedded loop. */
const PROGRAMS = {
  heddle: ['heddle-pool', 'embedded-1'],
  'native-1': ['heddle-pool', 'native-1'],
  'native-2': ['heddle-pool', 'native-2'],
  'worker-1': ['heddle-pool', 'worker-1'],
  'worker-2': ['heddle-pool', 'worker-2'],
  'node-http': ['node-http', 'hello'],
  cluster: ['node-cluster', 'cluster-2'],
}
const WARM_UP_SECONDS = 1
const CASES = [
  { name: '13 B answer, 1 connection', connections: 1, expected: HELLO },
  { name: '13 B answer, 64 connections', connections: 64, expected: HELLO },
  { name: 'pipelined by 16, 64 connections', connections: 64, pipelining: 16, expected: HELLO },
]
const METRICS = [
  { key: 'perSecond', unit: 'requests/s', better: 'higher' },
  { key: 'cpuUs', unit: 'CPU us/request', better: 'lower' },
  { key: 'mainUs', unit: 'CPU us/request, main thread', better: 'lower' },
  { key: 'p99Us', unit: 'us, 99th percentile', isAside: true },
]

/** Nanoseconds that the main thread of a process has run. On Linux only; elsewhere 0. */
function mainThreadNs(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    return 0
  }
}

async function measure(contestant, task, seconds) {
  await checkAnswer(contestant, task)
  const before = await contestant.counters()
  const mainBefore = mainThreadNs(contestant.pid)
  const load = await loadHttp({ ...task, url: `http://127.0.0.1:${contestant.port}/`, seconds })
  const mainAfter = mainThreadNs(contestant.pid)
  const after = await contestant.counters()
  const served = after.units - before.units
  return {
    perSecond: load.requests / load.seconds,
    cpuUs: (after.userUs - before.userUs + after.systemUs - before.systemUs) / served,
    mainUs: (mainAfter - mainBefore) / 1000 / served,
    p99Us: load.p99Us,
  }
}

async function runCase(task, names, { rounds, seconds }) {
  const started = []
  try {
    for (const name of names) {
      const [program, variant] = PROGRAMS[name]
      const contestant = await Contestant.start(program, 'http', variant)
      contestant.name = name
      started.push(contestant)
    }
    for (const contestant of started) await measure(contestant, task, WARM_UP_SECONDS)
    const samples = await interleave(started, rounds, (contestant) => measure(contestant, task, seconds))
    return new CaseResult(task.name, METRICS, samples)
  } finally {
    await Promise.allSettled(started.map((contestant) => contestant.stop()))
  }
}

/** Yields one result a case. */
export async function* run(options) {
  const names = chosenContestants(Object.keys(PROGRAMS), options.only)
  for (const task of chosenCases(CASES, options.caseFilter)) {
    yield await runCase(task, names, options)
  }
}
