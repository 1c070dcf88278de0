import { CaseResult } from '../harness/compare.mjs'
import { corePercent, withContestants } from '../harness/contestant.mjs'
import { checkAnswer } from '../harness/http-check.mjs'
import { loadHttp } from '../harness/http-load.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'
import { ECHO_BODY, HELLO, JSON_ANSWER, THREE_HEADERS } from '../servers/task.mjs'

export const name = 'http'
export const describe = 'HTTP/1.1 requests with a JavaScript handler each: rate and CPU time per request'

const CONTESTANTS = ['heddle', 'heddle-js', 'node-http', 'fastify', 'c-epoll']
const WARM_UP_SECONDS = 1

const json = JSON.stringify(JSON_ANSWER)
const CASES = [
  { name: '13 B answer, 64 connections', variant: 'hello', connections: 64, expected: HELLO },
  { name: '13 B answer, 256 connections', variant: 'hello', connections: 256, expected: HELLO },
  {
    name: 'pipelined by 16, 64 connections',
    variant: 'hello',
    connections: 64,
    pipelining: 16,
    expected: HELLO,
  },
  {
    name: 'three headers read',
    variant: 'headers',
    connections: 64,
    headers: THREE_HEADERS,
    expected: HELLO,
  },
  { name: 'JSON answer', variant: 'json', connections: 64, expected: json },
  { name: '1 KiB POST echoed', variant: 'echo', connections: 64, body: ECHO_BODY, expected: ECHO_BODY },
]

const METRICS = [
  { key: 'perSecond', unit: 'requests/s', better: 'higher' },
  { key: 'userUs', unit: 'user CPU us/request', better: 'lower' },
  { key: 'systemUs', unit: 'system CPU us/request', better: 'lower' },
  { key: 'p99Us', unit: 'us, 99th percentile', isAside: true },
  { key: 'corePercent', unit: '% of a core', isAside: true },
]

/** Requests the server saw must be those the client had answered, but for what was under way at the end. */
function checkCount(contestant, served, answered, { connections, pipelining = 1 }) {
  if (served >= answered && served <= answered + connections * pipelining) return
  throw new Error(`${contestant.name} served ${served} requests where ${answered} were answered`)
}

async function measure(contestant, task, seconds) {
  await checkAnswer(contestant, task)
  const before = await contestant.counters()
  const load = await loadHttp({ ...task, url: `http://127.0.0.1:${contestant.port}/`, seconds })
  const after = await contestant.counters()
  const served = after.units - before.units
  checkCount(contestant, served, load.requests, task)
  return {
    perSecond: load.requests / load.seconds,
    userUs: (after.userUs - before.userUs) / served,
    systemUs: (after.systemUs - before.systemUs) / served,
    corePercent: corePercent(before, after, load.seconds),
    p99Us: load.p99Us,
  }
}

async function runCase(task, names, { rounds, seconds }) {
  return withContestants(names, 'http', task.variant, async (contestants) => {
    for (const contestant of contestants) await measure(contestant, task, WARM_UP_SECONDS)
    const samples = await interleave(contestants, rounds, (contestant) => measure(contestant, task, seconds))
    return new CaseResult(task.name, METRICS, samples)
  })
}

/** Yields one result a case. */
export async function* run(options) {
  const names = chosenContestants(CONTESTANTS, options.only)
  for (const task of chosenCases(CASES, options.caseFilter)) {
    yield await runCase(task, names, options)
  }
}
