import { describe, expect, it } from 'vitest'
import * as jobs from '../lib/backend/jobs'
import { loadNative } from '../lib/backend/native'
import * as protocol from '../lib/backend/protocol'
import * as shared from '../lib/backend/shared'
import { read } from './repo-files'

/** Macro of native/loop/protocol.h → the object of protocol.ts that must hold the same names and numbers. */
const TABLES = {
  HEDDLE_IN_KINDS: protocol.In,
  HEDDLE_OUT_KINDS: protocol.Out,
  HEDDLE_CONTROL_CELLS: protocol.Control,
  HEDDLE_CLOCK_CELLS: protocol.Clock,
  HEDDLE_PHASES: protocol.Phase,
  HEDDLE_REQUEST_FLAGS: protocol.RequestFlag,
  HEDDLE_RESPOND_FLAGS: protocol.RespondFlag,
  HEDDLE_CLOSE_REASONS: protocol.CloseReason,
} as const

/** The same of native/job/words.h and jobs.ts. */
const JOB_TABLES = {
  HEDDLE_JOB_OUTCOMES: jobs.JobOutcome,
  HEDDLE_JOB_FLAGS: jobs.JobFlag,
  HEDDLE_JOB_CLAIMS: jobs.Claim,
  HEDDLE_JOB_STATS: jobs.JobStat,
} as const

const header = read('native/loop/protocol.h')
const words = read('native/job/words.h')

/** Names and numbers of one X-macro list: the run of lines that end in a backslash, and the one after. */
function macro(name: string, text = header): Record<string, number> {
  const list = new RegExp(`#define ${name}\\(X\\)((?:.*\\\\\\n)+.*)`).exec(text)?.[1] ?? ''
  const entries = [...list.matchAll(/X\((\w+), (\d+)\)/g)]
  return Object.fromEntries(entries.map((entry) => [entry[1], Number(entry[2])]))
}

/** The strings of a constexpr array of http_names.cc, in order. */
function names(array: string): string[] {
  const list = new RegExp(`${array} = \\{([^}]*)\\}`).exec(read('native/net/http_names.cc'))?.[1] ?? ''
  return [...list.matchAll(/"([^"]*)"/g)].map((match) => match[1] as string)
}

/** A number that the text of a file gives to a name. */
function constant(name: string, text = header): number {
  return Number(new RegExp(`\\b${name} = ([\\w']+)[;, ]`).exec(text)?.[1]?.replaceAll("'", ''))
}

describe('the protocol is the same on both sides', () => {
  it.each(Object.keys(TABLES) as (keyof typeof TABLES)[])('%s in the text of the header', (name) => {
    expect(macro(name)).toEqual(TABLES[name])
  })

  it.each(Object.keys(JOB_TABLES) as (keyof typeof JOB_TABLES)[])('%s of jobs', (name) => {
    expect(macro(name, words)).toEqual(JOB_TABLES[name])
  })

  it('kinds of job queues, their safety, wishes and sizes', () => {
    for (const [name, value] of Object.entries({ ...jobs.JobQueueKind, ...jobs.JobSafety })) {
      expect(constant(name, words), name).toBe(value)
    }
    for (const [name, value] of Object.entries(protocol.JobWorkerWish)) {
      expect(constant(name, words), name).toBe(value)
    }
    expect(constant('kJobStats', words)).toBe(jobs.JOB_STATS)
    expect(constant('kClaims', words)).toBe(jobs.CLAIMS)
    expect(words).toContain('kBegins = kClaims;')
    expect(jobs.BEGINS).toBe(jobs.CLAIMS)
    expect(words).toContain('kClaimCells = 2 * kClaims;')
    expect(jobs.CLAIM_CELLS).toBe(2 * jobs.CLAIMS)
    expect(constant('kLeastNativeThreads', read('native/job/registry.cc'))).toBe(jobs.LEAST_NATIVE_THREADS)
    expect(read('native/job/registry.h')).toContain(`kNativeQueue = "${jobs.NATIVE_QUEUE}"`)
  })

  it('sizes of the control and clock memory', () => {
    expect(constant('kControlWords')).toBe(protocol.CONTROL_WORDS)
    expect(constant('kClockCells')).toBe(protocol.CLOCK_CELLS)
  })

  it('ids of methods and of known headers', () => {
    expect(names('kMethodNames')).toEqual([...protocol.METHODS])
    expect(names('kFieldNames')).toEqual(['', ...protocol.KNOWN_HEADERS])
  })

  it('limits, kinds and marks of shared structures', () => {
    const values = read('native/binding/shared_arguments.h')
    expect(constant('kMaxKeyBytes', read('native/shared/key.h'))).toBe(shared.MAX_KEY_BYTES)
    expect(constant('kScratchBytes', read('native/binding/bind_map.cc'))).toBe(shared.SCRATCH_BYTES)
    expect(constant('kMark', read('native/shared/versions.h'))).toBe(shared.MARK)
    expect(constant('kBytesValue', values)).toBe(shared.ValueKind.BYTES)
    expect(constant('kCloneValue', values)).toBe(shared.ValueKind.CLONE)
  })

  it('what the addon was compiled with', () => {
    const compiled = loadNative().protocol
    expect(compiled.In).toEqual(protocol.In)
    expect(compiled.Out).toEqual(protocol.Out)
    expect(compiled.Control).toEqual(protocol.Control)
  })

  it('modules of the built-in memtypes', () => {
    const built = [...read('native/mem/builtin_types.h').matchAll(/X\(k\w+, "(\w+):/g)].map(
      ([, name]) => name,
    )
    const own = /OWN_MODULES[^[]*\[\s*\.\.\.\[([^\]]*)\]/.exec(read('lib/memory/memtypes.ts'))?.[1] ?? ''
    const known = new Set([...own.matchAll(/'(\w+)'/g)].map(([, name]) => name))
    expect(built.length).toBeGreaterThan(20)
    expect(built.filter((name) => !known.has(name))).toEqual([])
  })
})
