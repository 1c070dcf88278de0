import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

interface Rounds {
  readonly rounds: readonly { readonly descriptors: number; readonly rssMb: number }[]
  readonly slowestTerminateMs: number
  readonly undisturbed: boolean
  readonly mainAnswered: boolean
}

const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

async function play(name: string, backend: string, options: object): Promise<Rounds> {
  const args = ['--expose-gc', `test/lifecycle/programs/${name}.mjs`, JSON.stringify(options)]
  const program = new Program(args, { HEDDLE_BACKEND: backend })
  programs.push(program)
  expect([await program.exit(), program.stderr]).toEqual([0, ''])
  return JSON.parse(program.stdout) as Rounds
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length

/** Nothing may be left over: the same descriptors after every round, memory that has stopped growing. */
function expectNothingLeft({ rounds }: Rounds): void {
  const descriptors = rounds.map((round) => round.descriptors)
  expect(Math.max(...descriptors.slice(1))).toBe(descriptors[1])
  if (rounds.length < 40) return
  const rss = rounds.map((round) => round.rssMb)
  expect(mean(rss.slice(-10)) - mean(rss.slice(10, 20))).toBeLessThan(20)
}

describe('worker threads that serve and are terminated in the middle of traffic', () => {
  it('leave nothing behind and disturb nobody, four at once, fifty times over (PK-06, A-PK-7, A-SD-3)', {
    timeout: 300_000,
  }, async () => {
    const report = await play('worker-rounds', 'native', { rounds: 50, workers: 4 })
    expect(report.rounds).toHaveLength(50)
    expectNothingLeft(report)
    expect(report).toMatchObject({ undisturbed: true, mainAnswered: true })
    // Nobody waits for a peer or a job; what remains is Node's own work on a busy machine.
    expect(report.slowestTerminateMs).toBeLessThan(10_000)
  })

  it('share a port with others that go on serving (PK-06, EV-24)', { timeout: 120_000 }, async () => {
    const program = new Program(
      ['test/lifecycle/programs/worker-shared-port.mjs', JSON.stringify({ workers: 4 })],
      { HEDDLE_BACKEND: 'native' },
    )
    programs.push(program)
    expect([await program.exit(), program.stderr]).toEqual([0, ''])
    // Only what lay in the backlog of a worker that went is lost, and no answer is ever cut.
    const report = JSON.parse(program.stdout) as {
      rounds: { broken: number }[]
      late: number
      leftOver: number
    }
    expect(report).toMatchObject({ late: 0, leftOver: 0 })
    expect(report.rounds.map(({ broken }) => broken)).toEqual([0, 0, 0, 0, 0])
  })

  it('leave nothing behind on the js backend either (PK-06)', { timeout: 120_000 }, async () => {
    const report = await play('worker-rounds', 'js', { rounds: 5, workers: 4 })
    expect(report.rounds).toHaveLength(5)
    expectNothingLeft(report)
    expect(report).toMatchObject({ undisturbed: true, mainAnswered: true })
  })
})
