import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Thread } from '../../lib/backend/js/jobs/thread'
import { Play, type Step } from './js-jobs-play'

/** So long each property is looked at. */
const PLAY_MS = 2000

type Steps = fc.Arbitrary<Step>

const which = fc.nat(1000)
const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 4 })
const ms = fc.integer({ min: 1, max: 30 })

const plainAdd: Steps = fc.record({
  op: fc.constant('add' as const),
  subqueue: fc.constant(0),
  priority: fc.constant(0),
})
const add: Steps = fc.record({
  op: fc.constant('add' as const),
  subqueue: fc.nat(3),
  priority: fc.integer({ min: -1, max: 1 }),
})
/** With everything that a job can have. */
const fullAdd = fc.record({
  op: fc.constant('add' as const),
  subqueue: fc.nat(2),
  priority: fc.constantFrom(0, 0, 0, 1),
  cancel: fc.constantFrom('none' as const, 'signal' as const, 'terminate' as const),
  phased: fc.boolean(),
  droppable: fc.boolean(),
  // Between the times at which steps happen.
  deadline: sometimes(fc.integer({ min: -10, max: 30 }).map((n) => n + 0.5)),
  runTimeout: sometimes(ms),
  bound: sometimes(which),
  parent: sometimes(which),
  completes: fc.boolean(),
}) as Steps

const answer: Steps = fc.record({ op: fc.constant('answer' as const), which })
const start: Steps = fc.record({ op: fc.constant('start' as const), which })
const rare: Steps = fc.oneof(
  fc.record({ op: fc.constantFrom('die' as const, 'remove' as const), which }),
  fc.record({ op: fc.constant('desired' as const), threads: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ op: fc.constantFrom('lifo' as const, 'pause' as const), on: fc.boolean() }),
  fc.record({ op: fc.constant('drop' as const), onlyDroppable: fc.boolean() }),
)
const timed: Steps = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('tick' as const), ms }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('tick' as const), ms: fc.constantFrom(300, 600, 6000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constantFrom('stop' as const, 'end' as const, 'occupy' as const, 'complete' as const),
      which,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('deadline' as const), which, ms: fc.constant(10.5) }),
  },
)

const stepsOf = (adds: Steps): fc.Arbitrary<Step[]> => mixed([6, adds], [5, answer], [4, start], [4, rare])

/** Of jobs that are to stop, more fail to answer. */
const hardStepsOf = (adds: Steps): fc.Arbitrary<Step[]> =>
  mixed([6, adds], [2, answer], [3, start], [5, timed], [3, rare])

function mixed(...parts: readonly (readonly [number, Steps])[]): fc.Arbitrary<Step[]> {
  const weighted = parts.map(([weight, arbitrary]) => ({ weight, arbitrary }))
  return fc.array(fc.oneof(...weighted), { maxLength: 120, size: 'max' })
}

const simple = stepsOf(add)
const lines = stepsOf(fc.oneof({ weight: 4, arbitrary: plainAdd }, { weight: 1, arbitrary: add }))
const everything = hardStepsOf(
  fc.oneof({ weight: 2, arbitrary: fullAdd }, { weight: 1, arbitrary: plainAdd }),
)
const linesOfEverything = hardStepsOf(
  fc.oneof({ weight: 1, arbitrary: fullAdd }, { weight: 4, arbitrary: plainAdd }),
)

/** `rooms`: how many jobs threads may have in line. */
function plays(steps: fc.Arbitrary<Step[]>, ...rooms: readonly number[]): void {
  const property = fc.property(steps, (list) => {
    const play = new Play(...rooms)
    for (const step of list) play.step(step)
    play.finish()
  })
  fc.assert(property, { numRuns: 1000, interruptAfterTimeLimit: PLAY_MS })
}

const plain = { subqueue: 0, priority: 0 }
const addOne = { op: 'add', ...plain } as const
const stepOf = (op: 'answer' | 'start'): Step => ({ op, which: 0 })

const die: Step = { op: 'die', which: 0 }
const stop: Step = { op: 'stop', which: 0 }
const tick = (passing: number): Step => ({ op: 'tick', ms: passing })
const phased: Step = { ...addOne, phased: true }
const asked: Step = { ...phased, cancel: 'signal' }
const late: Step = { ...phased, cancel: 'terminate', deadline: 10.5 }
const limited: Step = { ...late, runTimeout: 5 }

/** One thread has a line of seven, and one job waits. */
function lined(...rooms: readonly number[]): Play {
  const play = new Play(...rooms)
  const pause = (on: boolean): Step => ({ op: 'pause', on })
  const before: Step[] = [{ op: 'desired', threads: 1 }, addOne, stepOf('start'), stepOf('answer')]
  const eight = Array.from({ length: 8 }, () => addOne)
  for (const step of [...before, pause(true), ...eight, pause(false)]) play.step(step)
  return play
}

describe('js job queues against a model', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('JQ-02 JQ-07 JQ-12 JQ-17 begins jobs in exactly the order that the rules give', () => {
    plays(simple, 1)
  })

  it('JQ-02 JQ-13 JQ-17 accounts for every job once, with jobs in line at threads', () => {
    plays(lines, 8, 1, 3)
  })

  it('AS-06 AS-08 AS-09 JQ-13 JQ-17 ends each job as it must, at its time, when its dependents are complete', () => {
    plays(everything, 1)
  })

  it('AS-06 AS-08 AS-09 JQ-13 JQ-17 does so with jobs in line at threads', () => {
    plays(linesOfEverything, 8, 1, 3)
  })

  it.each<[what: string, steps: Step[]]>([
    ['a cleanup keeps the place of its job', [phased, stepOf('start'), addOne, die, stepOf('start')]],
    [
      'a cleanup was not asked to stop',
      [asked, stepOf('start'), stop, die, stepOf('start'), tick(600), addOne],
    ],
    [
      'the grace begins when it is asked first',
      [asked, stepOf('start'), stop, tick(300), stop, addOne, tick(250)],
    ],
    ['the first reason counts', [limited, stepOf('start'), tick(20), die, stepOf('start'), tick(20)]],
    ['a deadline ends no cleanup', [late, stepOf('start'), die, stepOf('start'), tick(20)]],
  ])('AS-01 AS-09 JQ-17 holds: %s', (_what, steps) => {
    const play = new Play(1)
    play.step({ op: 'desired', threads: 1 })
    for (const step of steps) play.step(step)
    play.finish()
  })

  it('JQ-17 hands no thread more than it has room for', () => {
    const play = lined(1, 8)
    const lengths = () => [...play.queue.crew].map(({ jobs }) => jobs.size)
    expect(lengths()).toEqual([7])
    play.step({ op: 'desired', threads: 2 })
    for (const step of [stepOf('start'), stepOf('start')]) play.step(step)
    expect(lengths()).toEqual([7, 1])
    play.step({ op: 'answer', which: 1 })
    expect(lengths()).toEqual([6, 1])
    play.finish()
  })

  it('goes on when a thread could not be given a job', () => {
    const play = lined(8)
    const [thread] = play.queue.crew
    play.step(stepOf('start'))
    for (let n = 0; n < 8; n++) play.step(stepOf('answer'))
    const broken = new Error('broken')
    const give = vi.spyOn(thread as Thread, 'give').mockImplementationOnce(() => {
      throw broken
    })
    expect(() => play.add(plain)).toThrow(broken)
    play.add(plain)
    expect(give).toHaveBeenCalledTimes(2)
    expect(thread?.jobs.size).toBe(1)
  })
})
