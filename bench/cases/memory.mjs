import { CaseResult } from '../harness/compare.mjs'
import { nativeProgram } from '../harness/native.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'memory'
export const describe = 'native: memtypes with accounts on beside glibc, mimalloc and jemalloc'

const time = { key: 'ns', unit: 'ns/allocate+free', better: 'lower' }
const space = { key: 'bytes', unit: 'resident bytes/live block', better: 'lower' }
const CASES = [
  { name: 'fixed 64 bytes, allocate and free at once', task: 'pair', metrics: [time] },
  { name: 'fixed 64 bytes, random churn over 10,000 live', task: 'churn-10k', metrics: [time] },
  { name: 'fixed 64 bytes, random churn over 1,000,000 live', task: 'churn-1m', metrics: [time, space] },
  { name: 'fixed 64 bytes, freed on another thread, in turn', task: 'handed', metrics: [time] },
  { name: 'fixed 64 bytes, freed on another thread, at the same time', task: 'streamed', metrics: [time] },
  { name: 'variable 16 to 1024 bytes, churn over 10,000 live', task: 'mixed-10k', metrics: [time] },
  { name: 'variable 16 to 1024 bytes, churn over 1,000,000 live', task: 'mixed-1m', metrics: [time, space] },
]

/** Yields one result a case. Every measurement has a process of its own. */
export async function* run(options) {
  const program = await nativeProgram('allocators')
  const contestants = chosenContestants(program.contestants, options.only).map((name) => ({ name }))
  for (const { name, task, metrics } of chosenCases(CASES, options.caseFilter)) {
    const samples = await interleave(contestants, options.rounds, (contestant) =>
      program.measure(task, contestant.name),
    )
    yield new CaseResult(name, metrics, samples)
  }
}
