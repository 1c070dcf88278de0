import { afterEach, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

const programs: Program[] = []

afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop()
})

/** Plays a program of shared structures to its end, which it must reach by itself. */
async function play(args: readonly string[], backend: string): Promise<string> {
  const program = new Program(['--expose-gc', ...args], { HEDDLE_BACKEND: backend })
  programs.push(program)
  expect([await program.exit(), program.stderr]).toEqual([0, ''])
  return program.stdout
}

interface Report {
  readonly wrong: readonly string[]
  readonly uneven: number
  readonly terminations: number
  readonly entries: readonly [number, number]
  readonly left: { readonly entries: number; readonly bytes: number }
  readonly rssMb: readonly number[]
}

const BACKENDS = ['native', 'js']
const MAPS: readonly [string, object][] = [
  ['without limits', {}],
  ['with a budget', { maxBytes: 300_000 }],
  ['with a budget and a time to live', { maxBytes: 300_000, ttl: 20 }],
]
const CASES = BACKENDS.flatMap((backend) => MAPS.map(([name, map]) => [backend, name, map] as const))

describe('workers that are terminated in the middle of using a shared map', () => {
  it.each(CASES)(
    'leave it whole for the others, on the %s backend, %s (SM-09)',
    async (backend, _name, map) => {
      const options = JSON.stringify({ rounds: 15, workers: 3, map })
      const report = JSON.parse(
        await play(['test/lifecycle/programs/shared-terminate.mjs', options], backend),
      ) as Report
      expect(report).toMatchObject({ wrong: [], added: true, walked: true })
      if (!('ttl' in map)) expect(report.entries[0]).toBe(report.entries[1])
      expect(report.left).toMatchObject({ entries: 0, bytes: 0 })
      if ('maxBytes' in map) return
      expect(report.uneven).toBeGreaterThanOrEqual(0)
      expect(report.uneven).toBeLessThanOrEqual(report.terminations)
    },
  )
})

describe('a process that holds shared structures', () => {
  it.each(BACKENDS)(
    'ends by itself, in whatever state they are, on the %s backend (SM-09)',
    async (backend) => {
      for (const state of ['opened', 'closed', 'walking', 'worker holds', 'worker asks', 'exit']) {
        const out = await play(['test/lifecycle/programs/shared-ends.mjs', state], backend)
        expect([state, out]).toEqual([state, 'reached the end\n'])
      }
    },
  )
})

describe('a worker of the js backend that opens a map before the main thread has used the package', () => {
  it.each([
    ['late', 'opened late\n'],
    ['never', 'ETIME\n'],
  ])('waits for it, but not for ever: %s (SM-09)', async (when, said) => {
    expect(await play(['test/lifecycle/programs/shared-late.mjs', when], 'js')).toBe(said)
  })
})
