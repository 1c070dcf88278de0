import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

interface Rounds {
  /** Resident memory after each round. */
  readonly rssMb: readonly number[]
  /** Descriptors that the last round has left behind. */
  readonly leftOver: readonly string[]
  readonly slowestTerminateMs: number
  readonly undisturbed: boolean
  readonly mainAnswered: boolean
}

const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

async function play(name: string, backend: string, options: object, before: string[] = []): Promise<Rounds> {
  const args = ['--expose-gc', ...before, `test/lifecycle/programs/${name}.mjs`, JSON.stringify(options)]
  const program = new Program(args, { HEDDLE_BACKEND: backend })
  programs.push(program)
  expect([await program.exit(), program.stderr]).toEqual([0, ''])
  return JSON.parse(program.stdout) as Rounds
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length

/** Nothing may be left over after any round: no descriptor, and memory that has stopped growing. */
function expectNothingLeft({ leftOver, rssMb }: Rounds, rounds: number): void {
  expect(leftOver).toEqual([])
  expect(rssMb).toHaveLength(rounds)
  if (rounds < 40) return
  expect(mean(rssMb.slice(-10)) - mean(rssMb.slice(10, 20))).toBeLessThan(20)
}

describe('worker threads that serve and are terminated in the middle of traffic', () => {
  it('leave nothing behind and disturb nobody, four at once, fifty times over (PK-06, A-PK-7, A-SD-3)', {
    timeout: 600_000,
  }, async () => {
    const report = await play('worker-rounds', 'native', { rounds: 50, workers: 4 })
    expectNothingLeft(report, 50)
    expect(report).toMatchObject({ undisturbed: true, mainAnswered: true })
    // Nobody waits for a peer or a job; what remains is Node's own work on a busy machine.
    expect(report.slowestTerminateMs).toBeLessThan(10_000)
  })

  it('leave nothing behind where loops have threads of their own (PO-01, PK-06, A-SD-3)', {
    timeout: 300_000,
  }, async () => {
    const before = ['--import=./test/lifecycle/programs/dedicated-loops.mjs']
    const report = await play('worker-rounds', 'native', { rounds: 10, workers: 4 }, before)
    expectNothingLeft(report, 10)
    expect(report).toMatchObject({ undisturbed: true, mainAnswered: true })
  })

  it('share a port with others that go on serving (PK-06, EV-24)', { timeout: 300_000 }, async () => {
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
      leftOver: string[]
    }
    expect(report).toMatchObject({ late: 0, leftOver: [] })
    expect(report.rounds.map(({ broken }) => broken)).toEqual([0, 0, 0, 0, 0])
  })

  it('leave nothing behind on the js backend either (PK-06)', { timeout: 300_000 }, async () => {
    const report = await play('worker-rounds', 'js', { rounds: 5, workers: 4 })
    expectNothingLeft(report, 5)
    expect(report).toMatchObject({ undisturbed: true, mainAnswered: true })
  })
})
