import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

/** Exit code, what the program printed, and its errors. */
async function play(backend: string, scenario: string, before: string[] = []) {
  const args = [...before, 'test/lifecycle/programs/ends.mjs', scenario]
  const program = new Program(args, { HEDDLE_BACKEND: backend })
  programs.push(program)
  const code = await program.exit()
  const report = program.stdout === '' ? undefined : (JSON.parse(program.stdout) as unknown)
  return { code, report, stderr: program.stderr }
}

describe.each(['native', 'js'])('the end of workers and programs on the %s backend', (backend) => {
  it('workers that drain under traffic end by themselves and leave nothing (PK-06, LS-12)', async () => {
    const report = { codes: [0, 0, 0], leftOver: [] }
    expect(await play(backend, 'normally')).toEqual({ code: 0, report, stderr: '' })
  })

  it('the program exits while workers serve (PK-06)', async () => {
    expect(await play(backend, 'mainExits')).toEqual({ code: 5, report: {}, stderr: '' })
  })

  it('process.exit in a callback ends its worker only', async () => {
    expect(await play(backend, 'workerExits')).toEqual({ code: 0, report: { code: 4 }, stderr: '' })
  })

  it('an exception in a callback ends its worker, and the parent is told (EV-14)', async () => {
    const report = { message: 'planned', code: 1 }
    expect(await play(backend, 'workerThrows')).toEqual({ code: 0, report, stderr: '' })
  })

  it('a program with a listener for uncaught exceptions goes on and loses no record (EV-14)', async () => {
    const report = { ran: 20, seen: 10, allocations: 0 }
    expect(await play(backend, 'survives')).toEqual({ code: 0, report, stderr: '' })
  })

  it('a program without one ends with code 1 and the report of Node (EV-14)', async () => {
    expect(await play(backend, 'uncaught')).toEqual({
      code: 1,
      report: undefined,
      stderr: expect.stringContaining('Error: planned, port true'),
    })
  })
})

describe('descriptors of a worker that is terminated', () => {
  it('are closed, except those that another thread watches by now (PK-06, EV-24)', async () => {
    const report = { near: true, far: false, ended: true }
    expect(await play('native', 'handsOver')).toEqual({ code: 0, report, stderr: '' })
  })
})

describe.each([
  ['native', 'of its own', ['--import=./test/lifecycle/programs/dedicated-loops.mjs']],
  ['native', 'of the isolate', []],
  ['js', 'of the isolate', []],
])('a loop of the %s backend with the thread %s', (backend, _, before) => {
  it('does not keep the process alive when it is not referenced (EV-03)', async () => {
    expect(await play(backend, 'unreferenced', before)).toEqual({ code: 0, report: undefined, stderr: '' })
  })

  it('keeps it alive while it is referenced again (EV-03)', async () => {
    expect(await play(backend, 'referenced', before)).toEqual({ code: 0, report: 'fired', stderr: '' })
  })
})
