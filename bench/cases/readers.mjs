import { CaseResult } from '../harness/compare.mjs'
import { nativeProgram } from '../harness/native.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'readers'
export const describe = 'native: lines and frames read by coroutines beside a state machine made for them'

const metrics = [{ key: 'ns', unit: 'ns/record', better: 'lower' }]
const CASES = [
  { name: 'lines of 32 bytes, one at a time, 64 connections', task: 'lines-alone' },
  { name: 'lines of 32 bytes, 64 at a time, 64 connections', task: 'lines-burst' },
  { name: 'lines of 32 bytes in two pieces, 64 connections', task: 'lines-split' },
  { name: 'lines of 32 bytes, one at a time, 1,000 connections', task: 'lines-many' },
  { name: 'frames of 64 bytes, one at a time, 64 connections', task: 'frames-alone' },
  { name: 'frames of 64 bytes, 64 at a time, 64 connections', task: 'frames-burst' },
  { name: 'frames of 64 bytes in two pieces, 64 connections', task: 'frames-split' },
  { name: 'frames of 16 KiB, 4 at a time, 16 connections', task: 'frames-large' },
]

/** Yields one result a case. Every measurement has a process of its own, pinned to core 0. */
export async function* run(options) {
  const program = await nativeProgram('readers')
  const contestants = chosenContestants(program.contestants, options.only).map((name) => ({ name }))
  for (const { name, task } of chosenCases(CASES, options.caseFilter)) {
    const samples = await interleave(contestants, options.rounds, (contestant) =>
      program.measure(task, contestant.name),
    )
    yield new CaseResult(name, metrics, samples)
  }
}
