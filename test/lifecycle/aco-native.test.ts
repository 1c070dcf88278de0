import { afterAll, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'
import { compileModule } from '../native-module'

const programs = new Set<Program>()
afterAll(async () => {
  for (const program of programs) await program.stop()
})

const NONE_LEFT = 'heddle: memory: no block is left\n'

/** A program that dies so in this state: how it ended. */
async function play(state: string, death: string): Promise<{ code: number | string; program: Program }> {
  const module = compileModule('test/modules/procedures.c')
  const args = ['test/lifecycle/programs/aco-native.mjs', module, state, death]
  const env = { HEDDLE_BACKEND: 'native', HEDDLE_MEMORY_REPORT: '1' }
  const program = new Program(args, env, { input: true })
  programs.add(program)
  const code = await program.exit()
  programs.delete(program)
  return { code, program }
}

const STATES = ['loaded', 'sleeping', 'cleaning up', 'stubborn', 'parked', 'busy', 'calling', 'asking']

/** Functions on other threads that outlive their callers keep the memory that they work on. */
const OUTLIVED = new Set(['calling', 'asking'])

/** What a coroutine in this state says when it is ended; a worker each. */
const LAST_WORDS: Record<string, string> = {
  'cleaning up': 'cleaned up\n',
  stubborn: 'cleaned up\n',
  parked: 'canceled\n',
  asking: 'canceled\n',
}

describe('a process with native coroutines', () => {
  it.each(STATES)('ends by itself when its eventer does: %s (AC-04, AC-32)', async (state) => {
    const { code, program } = await play(state, 'end')
    const stderr = OUTLIVED.has(state)
      ? expect.stringContaining('heddle: memory: blocks are left')
      : NONE_LEFT
    expect([code, program.stdout, program.stderr]).toEqual([0, LAST_WORDS[state] ?? '', stderr])
  })

  it.each(STATES)('can exit in the middle: %s', async (state) => {
    const { code, program } = await play(state, 'exit')
    expect([code, program.stdout, program.stderr]).toEqual([7, '', ''])
  })

  it.each(STATES)('dies of an exception as any other does: %s', async (state) => {
    const { code, program } = await play(state, 'throw')
    expect(code).toBe(1)
    expect(program.stderr).toContain('Error: planned')
  })

  it.each(STATES)('goes on when workers with them are terminated: %s (AC-04)', async (state) => {
    const { code, program } = await play(state, 'terminate')
    const stderr = OUTLIVED.has(state)
      ? expect.stringContaining('heddle: memory: blocks are left')
      : NONE_LEFT
    const said = (LAST_WORDS[state] ?? '').repeat(3)
    expect([code, program.stdout, program.stderr]).toEqual([0, said, stderr])
  })

  it('has the procedures of a module that a worker has loaded which is gone', async () => {
    const { code, program } = await play('sleeping', 'outlive')
    expect([code, program.stdout, program.stderr]).toEqual([0, 'intact\n', NONE_LEFT])
  })

  it('is aborted by a procedure that returns without exit, which says so (A-AC-9, AC-04)', async () => {
    const { code, program } = await play('returns', 'end')
    expect(code).toBe('SIGABRT')
    expect(program.stderr).toMatch(/heddle: .*without exit/)
  })
})
