import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CaseResult } from '../harness/compare.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'config'
export const describe =
  'a value with three steps of fallback beside convict, config and nconf; a reload of 10,000 lines'

const runFile = promisify(execFile)
const MEASURE = fileURLToPath(new URL('../config/measure.mjs', import.meta.url))
const TIMEOUT_MS = 120_000
const READERS = ['heddle', 'heddle-place', 'heddle-fetch', 'heddle-reader', 'convict', 'config', 'nconf']
const COSTS = [
  { key: 'ns', unit: 'ns/get', better: 'lower' },
  { key: 'bytes', unit: 'B/get', isAside: true },
]
const CASES = [
  { name: 'get a value, three steps of fallback', question: 'get', contestants: READERS, metrics: COSTS },
  { name: 'get values of two domains in turn', question: 'turns', contestants: READERS, metrics: COSTS },
  {
    name: 'reload 10,000 lines of 11 files while another isolate reads',
    question: 'reload',
    contestants: ['heddle'],
    metrics: [
      { key: 'ms', unit: 'ms/reload', better: 'lower' },
      { key: 'worst', unit: 'ms worst of 20', isAside: true },
      { key: 'gap', unit: 'ms longest read', isAside: true },
      { key: 'idleGap', unit: 'ms without reloads', isAside: true },
    ],
  },
  {
    name: 'reload 100 stanzas while four isolates check generations',
    question: 'storm',
    contestants: ['heddle'],
    metrics: [
      { key: 'reloads', unit: 'reloads/s', better: 'higher' },
      { key: 'checks', unit: 'checks/s', isAside: true },
    ],
  },
]

async function measure(contestant, question, seconds) {
  const args = ['--expose-gc', MEASURE, contestant, question, String(seconds * 1000)]
  const { stdout } = await runFile(process.execPath, args, { timeout: TIMEOUT_MS })
  return JSON.parse(stdout)
}

/** Yields one result a case. Every measurement has a process of its own. */
export async function* run(options) {
  for (const { name, question, contestants, metrics } of chosenCases(CASES, options.caseFilter)) {
    const chosen = chosenContestants(contestants, options.only).map((name) => ({ name }))
    const samples = await interleave(chosen, options.rounds, (one) =>
      measure(one.name, question, options.seconds),
    )
    yield new CaseResult(name, metrics, samples)
  }
}
