import { CaseResult } from '../harness/compare.mjs'
import { nativeProgram } from '../harness/native.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'epoch'
export const describe = 'native: epoch sections and reclamation beside Concurrency Kit and liburcu'

const section = [{ key: 'ns', unit: 'ns/enter+leave', better: 'lower' }]
const object = [{ key: 'ns', unit: 'ns/object', better: 'lower' }]
const tick = [{ key: 'ns', unit: 'ns/tick', better: 'lower' }]
/** liburcu takes part in sections alone: what it defers costs ten times the others'. */
const CASES = [
  { name: 'enter and leave, one thread', task: 'sections-one', metrics: section, urcu: true },
  { name: 'enter and leave, two threads', task: 'sections-two', metrics: section, urcu: true },
  { name: 'retire and reclaim alone, batches of 1,024', task: 'reclaim-alone-1024', metrics: object },
  { name: 'retire and reclaim alone, batches of 65,536', task: 'reclaim-alone-65536', metrics: object },
  {
    name: 'retire and reclaim, a reader runs, batches of 1,024',
    task: 'reclaim-reading-1024',
    metrics: object,
  },
  {
    name: 'retire and reclaim, a reader runs, batches of 4,096',
    task: 'reclaim-reading-4096',
    metrics: object,
  },
  {
    name: 'retire and reclaim, a reader runs, batches of 65,536',
    task: 'reclaim-reading-65536',
    metrics: object,
  },
  { name: 'section around 100 steps while another thread retires', task: 'ticks-100', metrics: tick },
  { name: 'section around 10,000 steps while another thread retires', task: 'ticks-10000', metrics: tick },
]

/** Yields one result a case. Every measurement has a process of its own, its threads pinned to cores of their own. */
export async function* run(options) {
  const program = await nativeProgram('epochs')
  const all = chosenContestants(program.contestants, options.only)
  for (const { name, task, metrics, urcu } of chosenCases(CASES, options.caseFilter)) {
    const contestants = all.filter((contestant) => urcu || contestant !== 'urcu').map((name) => ({ name }))
    const samples = await interleave(contestants, options.rounds, (contestant) =>
      program.measure(task, contestant.name),
    )
    yield new CaseResult(name, metrics, samples)
  }
}
