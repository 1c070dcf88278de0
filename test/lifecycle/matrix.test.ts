import { afterAll, describe, expect, it } from 'vitest'
import { Program } from '../e2e/program'

/** Ways to die, and the exit code each must lead to. A signal would stand in its place as a name. */
const DEATHS = { end: 0, exit: 7, throw: 1, double: 0, collect: 0 } as const
const KINDS = [
  'eventer',
  'fdEvent',
  'timer',
  'listener',
  'connection',
  'server',
  'request',
  'coroutine',
] as const
const STATES = ['created', 'armed', 'draining', 'closed', 'inFlight'] as const
/** What the native core prints when its last isolate has ended; Node ends none when it is told to exit. */
const NONE_LEFT = 'heddle: memory: no block is left\n'
/** Far more than a busy machine needs; a child that hangs is ended by the test's own time-out. */
const BOUND_MS = 240_000

/** The native backend with each loop on a thread of its own, here and in workers. */
const DEDICATED = './test/lifecycle/programs/dedicated-loops.mjs'

const programs = new Set<Program>()

afterAll(async () => {
  for (const program of programs) await program.stop()
})

type Variant = 'native' | 'dedicated' | 'js'

async function run(variant: Variant, program: string, options: object): Promise<Program> {
  const before = variant === 'dedicated' ? [`--import=${DEDICATED}`] : []
  const args = ['--expose-gc', ...before, `test/lifecycle/programs/${program}.mjs`, JSON.stringify(options)]
  const backend = variant === 'js' ? 'js' : 'native'
  const child = new Program(args, { HEDDLE_BACKEND: backend, HEDDLE_MEMORY_REPORT: '1' })
  programs.add(child)
  await child.exit()
  programs.delete(child)
  return child
}

function lastWords(variant: Variant, code: number): string {
  return variant !== 'js' && code === 0 ? NONE_LEFT : ''
}

/** An isolate has one eventer, so its states need a child each; of the others a child has one of each. */
function batches(kind: string): (readonly string[])[] {
  return kind === 'eventer' ? STATES.map((state) => [state]) : [STATES]
}

/**
 * Deaths worth a child. On the js backend nothing of ours can outlive JavaScript; and output under way keeps a program
 * on node:net alive whatever is unreferenced, so there is no end to wait for.
 */
const DEATHS_OF = {
  native: Object.entries(DEATHS),
  dedicated: Object.entries(DEATHS),
  js: Object.entries(DEATHS).filter(([death]) => death === 'throw' || death === 'double'),
}

const VARIANTS: readonly Variant[] = ['native', 'dedicated', 'js']

describe.each(VARIANTS)('every state of every handle (%s)', (variant) => {
  describe.each(KINDS)('%s', (kind) => {
    it.concurrent.each(DEATHS_OF[variant])(
      'survives the death of the process by %s and leaves no block of memory (PK-06, MT-18)',
      async (death, code) => {
        for (const states of batches(kind)) {
          const child = await run(variant, 'die', { kind, death, states })
          expect([states, await child.exit(), child.stderr]).toEqual([
            states,
            code,
            death === 'throw' ? expect.stringContaining('Error: planned') : lastWords(variant, code),
          ])
          // It died where it was to die, not before.
          expect(child.stdout.includes('in flight')).toBe(states.includes('inFlight'))
        }
      },
      BOUND_MS,
    )

    it.concurrent(
      'survives worker.terminate() and leaves no descriptor and no block of memory (PK-06, MT-18, A-SD-3)',
      async () => {
        const child = await run(variant, 'terminate', { kind })
        // Said each time that no worker is left.
        expect([await child.exit(), child.stderr.replaceAll(NONE_LEFT, '')]).toEqual([0, ''])
        expect(child.stderr.includes(NONE_LEFT)).toBe(variant !== 'js')
        expect(JSON.parse(child.stdout)).toEqual({ codes: STATES.map(() => 1), leftOver: [] })
      },
      BOUND_MS,
    )
  })
})
