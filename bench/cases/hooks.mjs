import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CaseResult } from '../harness/compare.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'hooks'
export const describe = 'calls of hooks beside tapable, EventEmitter and a loop over an array'

const runFile = promisify(execFile)
const MEASURE = fileURLToPath(new URL('../hooks/measure.mjs', import.meta.url))
const TIMEOUT_MS = 120_000
const ALL = ['heddle', 'tapable', 'event-emitter', 'loop']
const COMPILING = ['heddle', 'tapable']
const call = [{ key: 'ns', unit: 'ns/call', better: 'lower' }]

const calls = [1, 3, 10].map((providers) => ({
  name: `void, ${plural(providers)}, two arguments`,
  contestants: ALL,
  providers,
}))
const values = [1, 3, 10].map((providers) => ({
  name: `with a result and a rule, ${plural(providers)}`,
  question: 'value',
  contestants: COMPILING,
  providers,
}))
const argumentsOf = [0, 1, 3, 4, 5, 6].map((args) => ({
  name: `void, 3 providers, ${args} arguments`,
  contestants: COMPILING,
  args,
}))
const many = [1, 3, 10].map((providers) => ({
  name: `void, ${plural(providers)}, 200 hooks that are all called`,
  contestants: ALL,
  providers,
  hooks: 200,
}))
const reloads = [
  { name: 'void, 3 providers, after 20 reloads: other closures', question: 'closures' },
  { name: 'void, 3 providers, after 20 reloads: other code', question: 'reload' },
  { name: 'void, 3 providers, 200 hooks after 20 reloads', question: 'closures', hooks: 200 },
].map((task) => ({ ...task, contestants: ['heddle'] }))
const CASES = [
  ...calls,
  ...values,
  ...argumentsOf,
  ...many,
  {
    name: 'void, 10 providers that all work on one number',
    question: 'shared',
    contestants: ALL,
    providers: 10,
  },
  ...reloads,
  { name: 'has', question: 'has', contestants: ALL },
]

function plural(providers) {
  return providers === 1 ? '1 provider' : `${providers} providers`
}

/** Ours runs where code cannot be made from text, which others need. */
function optionsOf(contestant) {
  return contestant === 'heddle' ? ['--disallow-code-generation-from-strings'] : []
}

async function measure(contestant, { question = 'void', providers = 3, args = 2, hooks = 1 }, seconds) {
  const numbers = [providers, args, hooks, seconds * 500].map(String)
  const command = [...optionsOf(contestant), MEASURE, contestant, question, ...numbers]
  const { stdout } = await runFile(process.execPath, command, { timeout: TIMEOUT_MS })
  return JSON.parse(stdout)
}

/** Yields one result a case. Every measurement has a process of its own. */
export async function* run(options) {
  for (const task of chosenCases(CASES, options.caseFilter)) {
    const names = chosenContestants(ALL, options.only).filter((name) => task.contestants.includes(name))
    const contestants = names.map((contestant) => ({ name: contestant }))
    const samples = await interleave(contestants, options.rounds, (contestant) =>
      measure(contestant.name, task, options.seconds),
    )
    yield new CaseResult(task.name, call, samples)
  }
}
