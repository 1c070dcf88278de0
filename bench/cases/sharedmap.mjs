import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CaseResult, SUBJECT } from '../harness/compare.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'sharedmap'
export const describe =
  'a map that all isolates see: gets and sets beside lmdb, Map and Map behind postMessage'

const runFile = promisify(execFile)
const MEASURE = fileURLToPath(new URL('../shared/measure.mjs', import.meta.url))
const TIMEOUT_MS = 120_000
const SHARING = ['heddle', 'heddle-js', 'lmdb', 'map-post-message']
const ALL = [...SHARING, 'map']

const gets = [{ key: 'rate', unit: 'gets/s', better: 'higher' }]
const CASES = [
  { name: 'get a number, one isolate, 16,384 keys', question: 'number', contestants: ALL, metrics: gets },
  { name: 'get a string of 16, one isolate, 16,384 keys', question: 'text', contestants: ALL, metrics: gets },
  { name: 'get a number, one isolate, 64 keys', question: 'hot', contestants: ALL, metrics: gets },
  {
    name: 'get a number, each of two isolates while a third writes 10,000/s',
    question: 'two',
    contestants: SHARING,
    metrics: gets,
  },
  {
    name: 'set a number, one isolate',
    question: 'set',
    contestants: ALL,
    metrics: [{ key: 'rate', unit: 'sets/s', better: 'higher' }],
  },
]

async function measure(contestant, question, seconds) {
  const args = [MEASURE, contestant, question, String(seconds * 1000)]
  const { stdout } = await runFile(process.execPath, args, { timeout: TIMEOUT_MS })
  return JSON.parse(stdout)
}

/** The cost of company: heddle's own rate in each of two isolates beside that in one, the writer in both. */
async function* company(options) {
  const contestants = [
    { name: SUBJECT, question: 'two' },
    { name: 'heddle, one reader', question: 'one' },
  ]
  const samples = await interleave(contestants, options.rounds, ({ question }) =>
    measure(SUBJECT, question, options.seconds),
  )
  yield new CaseResult('two reading isolates beside one, while another writes 10,000/s', gets, samples)
}

const COMPANY = { name: 'two reading isolates beside one', run: company }

/** Yields one result a case. Every measurement has a process of its own. */
export async function* run(options) {
  for (const task of chosenCases([...CASES, COMPANY], options.caseFilter)) {
    if (task.run) {
      if (!options.only) yield* task.run(options)
      continue
    }
    const names = chosenContestants(ALL, options.only).filter((name) => task.contestants.includes(name))
    const contestants = names.map((contestant) => ({ name: contestant }))
    const samples = await interleave(contestants, options.rounds, (contestant) =>
      measure(contestant.name, task.question, options.seconds),
    )
    yield new CaseResult(task.name, task.metrics, samples)
  }
}
