import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

/**
 * Of one processor, the whole process. Loops wake five times a second, with nothing to do: some of them take a fifth of this
 * on a slow machine. One thread that looks for work instead of sleeping takes fifty times as much.
 */
const MOST = 0.02

let program: Program | undefined

afterEach(() => program?.stop())

describe.each(['native', 'js'])('a process that waits, on the %s backend', (backend) => {
  it('burns next to no processor time with pools of every kind, job queues and servers (PO-01, JQ-05)', async () => {
    program = new Program(['test/lifecycle/programs/idle.mjs', `${MOST}`], { HEDDLE_BACKEND: backend })
    const code = await program.exit()
    expect({ code, stderr: program.stderr }).toEqual({ code: 0, stderr: '' })
    const { least, busy, used } = JSON.parse(program.stdout) as { least: number; busy: number; used: unknown }
    expect(least).toBeLessThan(MOST)
    // Other threads count, too.
    expect(busy).toBeGreaterThan(2 * MOST)
    expect(used).toEqual({ last: 2000, answers: 1 })
  }, 60_000)
})
