import { afterAll, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

const programs = new Set<Program>()
afterAll(async () => {
  for (const program of programs) await program.stop()
})

async function play(backend: string, options: object): Promise<Program> {
  const args = ['test/lifecycle/programs/memory.mjs', JSON.stringify(options)]
  const program = new Program(args, { HEDDLE_BACKEND: backend, HEDDLE_MEMORY_REPORT: '1' })
  programs.add(program)
  await program.exit()
  programs.delete(program)
  return program
}

const NONE_LEFT = 'heddle: memory: no block is left\n'

describe.each(['native', 'js'] as const)('typed and safe memory on the %s backend', (backend) => {
  it.each([
    ['end', 0],
    ['exit', 7],
    ['throw', 1],
  ] as const)(
    'survive a death by %s inside a callback, with sections open and views in use (SM-01, SM-03, MT-10)',
    async (death, code) => {
      const program = await play(backend, { death })
      expect([await program.exit(), program.stdout]).toEqual([code, 'in a section\n'])
      // Node ends no environment when it is told to exit.
      if (death === 'end') expect(program.stderr).toBe(backend === 'native' ? NONE_LEFT : '')
      if (death === 'exit') expect(program.stderr).toBe('')
      if (death === 'throw') expect(program.stderr).toContain('Error: planned')
    },
  )

  it('leave nothing behind when workers are terminated in the middle, and hold nobody up (SM-03, SM-13, A-SM-6, MT-17)', async () => {
    const program = await play(backend, { death: 'terminate', rounds: 15 })
    expect([await program.exit(), program.stderr]).toEqual([0, backend === 'native' ? NONE_LEFT : ''])
    expect(JSON.parse(program.stdout)).toEqual({
      isClean: true,
      left: [0, 0, 0],
      abandoned: backend === 'native',
    })
  })
})
