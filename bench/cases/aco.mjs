import { CaseResult } from '../harness/compare.mjs'
import { nativeProgram } from '../harness/native.mjs'
import { interleave } from '../harness/rounds.mjs'
import { chosenCases, chosenContestants } from '../harness/select.mjs'

export const name = 'aco'
export const describe = 'native: coroutine switches beside fcontext, and libaco as it was measured elsewhere'

/** The C library's, for the plain switch alone. */
const SWAP = 'swapcontext'
const SCALED = 'libaco (scaled)'
/** What fcontext took for a resume and a yield where libaco was measured; nanoseconds, as all of these. */
const FCONTEXT_THERE = 11.3

const turn = [{ key: 'ns', unit: 'ns/resume+yield', better: 'lower' }]
const life = [{ key: 'ns', unit: 'ns/create+run+finish', better: 'lower' }]
const space = [{ key: 'bytes', unit: 'resident bytes/suspended', better: 'lower' }]

/**
 * libaco is not installed: where `libaco` stands, its figure takes part, the lowest of those measured on another machine,
 * times what fcontext takes in this round over what it took there. fcontext's coroutines have a stack each, whatever
 * the case says of ours.
 */
const CASES = [
  { name: 'the same coroutine again', task: 'same', metrics: turn, libaco: 18 },
  {
    name: 'the same again, with floating-point control words',
    task: 'same-floating',
    metrics: turn,
    libaco: 18,
  },
  { name: 'alternating on one stack, 64 bytes in use', task: 'alternating-56', metrics: turn, libaco: 24 },
  { name: 'alternating on one stack, 256 bytes in use', task: 'alternating-256', metrics: turn, libaco: 34 },
  { name: 'alternating on one stack, 1 KiB in use', task: 'alternating-1024', metrics: turn, libaco: 51 },
  { name: 'alternating on one stack, 4 KiB in use', task: 'alternating-4096', metrics: turn, libaco: 127 },
  { name: '16 in turn, hot on 16 shared stacks', task: 'hot-16', metrics: turn },
  { name: '1,000 in turn, hot on 1,000 shared stacks', task: 'hot-1000', metrics: turn },
  { name: '20,000 in turn on one stack', task: 'in-turn-20000', metrics: turn },
  { name: 'made, run, finished', task: 'lives', metrics: life, libaco: 54 },
  // fcontext: 20,000, each with 64 KiB of address space.
  { name: 'a million suspended', task: 'suspended', metrics: space },
]

/** libaco's figure in the measure of each round of fcontext's plain switch. */
function scaled(plain, figure) {
  return plain.map(({ ns }) => ({ ns: (figure * ns) / FCONTEXT_THERE }))
}

async function measureNative(program, contestants, rounds, { name, task, metrics, libaco }) {
  const absent = (contestant) => contestant === SCALED || (contestant === SWAP && task !== 'same')
  const native = contestants.filter((contestant) => !absent(contestant)).map((name) => ({ name }))
  // fcontext's plain switch in the same rounds is the yardstick; it is measured under a name of its own.
  const yardstick = libaco && contestants.includes(SCALED) ? [{ name: SCALED }] : []
  const samples = await interleave([...native, ...yardstick], rounds, (contestant) =>
    contestant.name === SCALED ? program.measure('same', 'fcontext') : program.measure(task, contestant.name),
  )
  if (yardstick.length > 0) samples.set(SCALED, scaled(samples.get(SCALED), libaco))
  return new CaseResult(name, metrics, samples)
}

/** Yields one result a case. Every measurement has a process of its own. */
export async function* run(options) {
  const program = await nativeProgram('coroutines')
  const known = program.contestants
  const all = known.includes('fcontext') ? [...known, SCALED] : known
  const contestants = chosenContestants(all, options.only)
  for (const task of chosenCases(CASES, options.caseFilter)) {
    yield await measureNative(program, contestants, options.rounds, task)
  }
}
