import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CURRENT, currentWord, HEAD_BYTES, imageOf, pinAt } from '../../lib/config/image/head'
import {
  claimRow,
  clearRow,
  clearThread,
  pinning,
  reading,
  run,
  type Steps,
  unpinning,
} from '../../lib/config/image/pins'

/** Rows the model uses. */
const ROWS = 3
const IMAGES = 4
const FREED = -1

type Pinning = typeof pinning

/** What an image holds: the generation, or nothing. */
class Memory {
  readonly words = new Int32Array(HEAD_BYTES / 4)
  readonly content = [0, ...new Array<number>(IMAGES - 1).fill(FREED)]
  torn = 0
}

/** Reads again and again: an image must stay what it was for as long as it is pinned. */
function* reader(memory: Memory, row: number, pin: Pinning): Steps<void> {
  for (;;) {
    const image = yield* pin(memory.words, row)
    const first = memory.content[image]
    yield
    if (first === FREED || memory.content[image] !== first) memory.torn++
    yield
    yield* unpinning(memory.words, row, image)
    yield
  }
}

/** Makes generations and frees images in turn, as the publisher does. */
function* owner(memory: Memory): Steps<void> {
  const { words, content } = memory
  for (let generation = 1; ; generation++) {
    const free = content.indexOf(FREED)
    if (free >= 0) {
      content[free] = generation
      yield
      Atomics.store(words, CURRENT, currentWord(generation, free))
      yield
    }
    for (let image = 0; image < IMAGES; image++) {
      if (content[image] === FREED || image === imageOf(Atomics.load(words, CURRENT))) continue
      const isRead = yield* reading(words, image, ROWS)
      if (!isRead) content[image] = FREED
      yield
    }
  }
}

/** Torn reads in one order of steps. */
function tornIn(schedule: readonly number[], pin: Pinning): number {
  const memory = new Memory()
  const actors = [owner(memory), ...Array.from({ length: ROWS }, (_, row) => reader(memory, row, pin))]
  for (const turn of schedule) actors[turn]?.next()
  return memory.torn
}

/** Long stretches of one actor as well as single steps, so that a reader sleeps while images come round. */
const SCHEDULE = fc
  .array(fc.tuple(fc.nat({ max: ROWS }), fc.nat({ max: 30 })), { minLength: 20, maxLength: 80 })
  .map((turns) => turns.flatMap(([actor, times]) => new Array<number>(times).fill(actor)))

/** Without the second look. */
function* careless(words: Int32Array, row: number): Steps<number> {
  const image = imageOf(Atomics.load(words, CURRENT))
  yield
  Atomics.add(words, pinAt(row, image), 1)
  yield
  return image
}

describe('pins of images', () => {
  it('no order of steps lets a reader see an image that was freed (CF-34)', () => {
    fc.assert(
      fc.property(SCHEDULE, (schedule) => {
        expect(tornIn(schedule, pinning)).toBe(0)
      }),
      { numRuns: 3000 },
    )
  })

  it('the model finds what a reader without its second look would see', () => {
    const found = fc.check(
      fc.property(SCHEDULE, (schedule) => tornIn(schedule, careless) === 0),
      { numRuns: 3000, seed: 1 },
    )
    expect(found.failed).toBe(true)
  })

  it('gives back what a thread and those it started held, and nothing of others (CF-34)', () => {
    const { words } = new Memory()
    const rows = [
      [5, 0],
      [6, 5 + 1],
      [7, 6 + 1],
      [8, 0],
    ].map(([thread, parent]) => claimRow(words, thread as number, parent as number) as number)
    expect(rows).toEqual([0, 1, 2, 3])
    for (const row of rows) run(pinning(words, row))
    clearThread(words, 5)
    expect(rows.map((row) => words[pinAt(row, 0)])).toEqual([0, 0, 0, 1])
    expect(claimRow(words, 9, 0)).toBe(0)
    clearRow(words, 3)
    expect(run(reading(words, 0))).toBe(false)
  })

  it('has a row for 256 readers and refuses the next', () => {
    const { words } = new Memory()
    for (let i = 0; i < 256; i++) expect(claimRow(words, i, 0)).toBe(i)
    expect(claimRow(words, 256, 0)).toBeUndefined()
  })
})
