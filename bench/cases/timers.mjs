import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CaseResult, SUBJECT } from '../harness/compare.mjs'
import { SERVER_CORE, pinned } from '../harness/pin.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'timers'
export const describe = 'one million timers: insert, cancel, fire, lateness and bytes each'

const runFile = promisify(execFile)
const MEASURE = fileURLToPath(new URL('../timers/measure.mjs', import.meta.url))
const CONTESTANTS = ['heddle', 'heddle-events', 'heddle-js', 'set-timeout']
const TIMEOUT_MS = 120_000
const COUNT = 1_000_000

const lower = (key, unit) => ({ key, unit, better: 'lower' })
const CASES = [
  {
    name: 'far deadlines, inserted then cancelled',
    question: 'far',
    metrics: [
      lower('bothNs', 'ns/timer'),
      lower('insertNs', 'ns/insert'),
      lower('cancelNs', 'ns/cancel'),
      lower('bytes', 'bytes/timer'),
    ],
  },
  {
    name: 'due within 100 ms, inserted and fired',
    question: 'fire',
    metrics: [lower('totalNs', 'ns/timer'), lower('fireNs', 'ns/timer, firing alone')],
  },
  {
    name: 'due within 100 ms, lateness',
    question: 'lateness',
    metrics: [lower('medianMs', 'ms late, median'), lower('worstMs', 'ms late, worst')],
  },
]

async function measure(contestant, question) {
  const args = [MEASURE, contestant.name, question, String(COUNT)]
  const [command, pinnedArgs] = pinned(SERVER_CORE, process.execPath, args)
  const { stdout } = await runFile(command, pinnedArgs, { timeout: TIMEOUT_MS })
  const answer = JSON.parse(stdout)
  if (contestant.name === SUBJECT && answer.early > 0) throw new Error(`${answer.early} timers fired early`)
  return answer
}

/** Yields one result a case. Every measurement has a process of its own. */
export async function* run(options) {
  const names = chosenContestants(CONTESTANTS, options.only)
  const contestants = names.map((contestant) => ({ name: contestant }))
  for (const task of chosenCases(CASES, options.caseFilter)) {
    const samples = await interleave(contestants, options.rounds, (contestant) =>
      measure(contestant, task.question),
    )
    yield new CaseResult(`one million timers, ${task.name}`, task.metrics, samples)
  }
}
