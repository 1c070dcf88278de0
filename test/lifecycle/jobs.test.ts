import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

/** Exit code, what the program printed, and its errors. */
async function play(backend: string, scenario: string, env: NodeJS.ProcessEnv = {}) {
  const program = new Program(['test/lifecycle/programs/job-ends.mjs', scenario], {
    ...env,
    HEDDLE_BACKEND: backend,
  })
  programs.push(program)
  const code = await program.exit()
  const report = program.stdout === '' ? undefined : (JSON.parse(program.stdout) as unknown)
  return { code, report, stderr: program.stderr }
}

describe.each(['native', 'js'])('the end of those who take part in jobs, on the %s backend', (backend) => {
  it('the program exits with jobs in every state (JQ-13, TP-15)', async () => {
    expect(await play(backend, 'exits')).toEqual({ code: 5, report: undefined, stderr: '' })
  })

  it('worker threads exit and throw in the middle of jobs: those are lost, no others (TP-20, A-TP-11)', async () => {
    const ends = ['ERR_WORKER_DIED', 100, 'ERR_WORKER_DIED', 100, 'ERR_WORKER_DIED', 100]
    expect(await play(backend, 'workersEnd')).toEqual({ code: 0, report: { ends, deaths: 3 }, stderr: '' })
  })

  it('a job that never returns ends with its worker, the others run (JQ-17, AS-09)', async () => {
    const report = { hung: 'ETIME', others: { done: 50 } }
    expect(await play(backend, 'hangs')).toEqual({ code: 0, report, stderr: '' })
  })

  it('timers and immediates have their turn while jobs follow each other (JQ-01)', async () => {
    const report = { timers: 20, immediates: true }
    expect(await play(backend, 'others')).toEqual({ code: 0, report, stderr: '' })
  })
})

describe('isolates that share job queues', () => {
  it('the one that made a queue ends: jobs of others there end, and its name is free (JQ-13)', async () => {
    const { code, report, stderr } = await play('native', 'hostEnds')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(report).toMatchObject({ sum: 3, late: 'undefined', again: 4 })
    // Whether its workers have begun some is a matter of moments.
    const { ends } = report as { ends: Record<string, number> }
    const { ERR_JOBQ_SHUTDOWN: waited = 0, ERR_WORKER_DIED: ran = 0, ...others } = ends
    expect([waited + ran, others]).toEqual([50, {}])
    expect(ran).toBeLessThanOrEqual(2)
  })

  it('the first that used the common queues ends: the native one is there for the others, its own are not (JQ-13)', async () => {
    const end = { shared: 3, native: ['done'], gone: true, again: 4 }
    const { code, report, stderr } = await play('native', 'firstEnds', { HEDDLE_MEMORY_REPORT: '1' })
    expect({ code, report }).toEqual({ code: 0, report: [end, end] })
    expect(stderr).toBe('heddle: memory: no block is left\n')
  })

  it('one that has submitted ends: the queue goes on, and nothing stays in it (JQ-10)', async () => {
    const report = { backlog: 0, inflight: 0 }
    expect(await play('native', 'submitterEnds')).toEqual({ code: 0, report, stderr: '' })
  })

  it('come and go, and leave no memory (JQ-14, MT-20)', async () => {
    expect(await play('native', 'rounds', { HEDDLE_MEMORY_REPORT: '1' })).toEqual({
      code: 0,
      report: { done: 200 },
      stderr: 'heddle: memory: no block is left\n',
    })
  })
})

describe('threads that have nothing to do', () => {
  it('burn next to no processor time after 5,000 jobs (JQ-05)', async () => {
    const { code, report } = await play('native', 'idle')
    expect(code).toBe(0)
    // Of one processor. Three loops that wake five times a second take a tenth of this.
    expect((report as { least: number }).least).toBeLessThan(0.02)
  })
})
