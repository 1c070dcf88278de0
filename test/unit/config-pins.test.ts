import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CURRENT,
  currentWord,
  HEAD_BYTES,
  imageOf,
  pinAt,
  readerAt,
  signAt,
} from '../../lib/config/image/head'
import { asking, burying, claiming, showing, type Wait } from '../../lib/config/image/life'
import { dropping, pinning, reading, run, type Steps, unpinning } from '../../lib/config/image/pins'

/** What the model has of each. */
const ROWS = 3
const ISOLATES = 4
const IMAGES = 4
const SIGNS = 3
const FREED = -1
const RUNS = { numRuns: 1000 }

/** Operations that a test may replace by careless ones. */
const CAREFUL = { pinning, showing, burying }

/** An isolate that reads, from its first claim to its death at any step. */
class Isolate {
  readonly steps: Steps<void>
  /** Signs that were woken and are not shown again. */
  readonly woken: number[] = []
  row: number | undefined

  constructor(
    readonly memory: Memory,
    readonly thread: number,
  ) {
    this.steps = this.#life()
  }

  *#life(): Steps<void> {
    const { memory, thread } = this
    const { words, content, how } = memory
    const wait: Wait = (word) => memory.wait(word, this)
    this.row = yield* claiming(words, thread, wait, ROWS, SIGNS)
    const { row } = this
    if (row === undefined) return
    for (;;) {
      const image = (yield* how.pinning(words, row)) as number
      const first = content[image]
      yield
      if (first === FREED || content[image] !== first) memory.torn++
      yield
      yield* unpinning(words, row, image)
      yield
      // Its loop turns.
      for (const word of this.woken.splice(0)) yield* how.showing(words, row, word - signAt(row, 0), wait)
    }
  }
}

/** What an image holds: the generation, or nothing; who waits for which word; and what must never happen. */
class Memory {
  readonly words = new Int32Array(HEAD_BYTES / 4)
  readonly content = [0, ...new Array<number>(IMAGES - 1).fill(FREED)]
  readonly isolates: Isolate[] = []
  readonly #waiting = new Map<number, Set<Isolate>>()
  readonly #owner: Steps<void>
  torn = 0
  buriedAlive = 0
  #threads = 0

  constructor(readonly how = CAREFUL) {
    for (let i = 0; i < ISOLATES; i++) this.isolates.push(this.#born())
    this.#owner = this.#owning()
  }

  wait(word: number, isolate: Isolate): boolean {
    if (this.words[word] !== 0) return false
    this.#waiting.set(word, (this.#waiting.get(word) ?? new Set()).add(isolate))
    return true
  }

  wake(word: number): number {
    const waiting = this.#waiting.get(word) ?? []
    this.#waiting.delete(word)
    for (const isolate of waiting) isolate.woken.push(word)
    return [...waiting].length
  }

  /** It ends where it is, and its waits with it. Another one starts. */
  kill(place: number): void {
    const isolate = this.isolates[place] as Isolate
    for (const waiting of this.#waiting.values()) waiting.delete(isolate)
    this.isolates[place] = this.#born()
  }

  step(turn: number): void {
    if (turn === 0) this.#owner.next()
    else if (turn <= ISOLATES) this.isolates[turn - 1]?.steps.next()
    else this.kill(turn - ISOLATES - 1)
  }

  #born(): Isolate {
    return new Isolate(this, this.#threads++)
  }

  /** Makes generations, frees images and buries the dead in turn, as the publisher does. */
  *#owning(): Steps<void> {
    const { words, content } = this
    for (let generation = 1; ; generation++) {
      const free = content.indexOf(FREED)
      if (free >= 0) {
        content[free] = generation
        yield
        Atomics.store(words, CURRENT, currentWord(generation, free))
        yield
      }
      for (let row = 0; row < ROWS; row++) yield* this.#asking(row)
      for (let image = 0; image < IMAGES; image++) {
        if (content[image] === FREED || image === imageOf(Atomics.load(words, CURRENT))) continue
        const isRead = yield* reading(words, image, ROWS)
        if (!isRead) content[image] = FREED
        yield
      }
    }
  }

  *#asking(row: number): Steps<void> {
    const owner = Atomics.load(this.words, readerAt(row))
    yield
    if (owner === 0) return
    const lives = yield* asking(this.words, row, (_, word) => this.wake(word), SIGNS)
    if (lives !== false) return
    if (this.isolates.some(({ thread }) => thread === Math.abs(owner) - 1)) this.buriedAlive++
    yield* this.how.burying(this.words, row, SIGNS)
  }
}

/** What went wrong in one order of steps. */
function faultsIn(schedule: readonly number[], how = CAREFUL): { torn: number; buriedAlive: number } {
  const memory = new Memory(how)
  for (const turn of schedule) memory.step(turn)
  return { torn: memory.torn, buriedAlive: memory.buriedAlive }
}

const NONE = { torn: 0, buriedAlive: 0 }

/** Long stretches of one actor as well as single steps, so that a reader sleeps while images come round; and deaths. */
const SCHEDULE = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: fc.tuple(fc.nat({ max: ISOLATES }), fc.nat({ max: 40 })) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.integer({ min: ISOLATES + 1, max: ISOLATES * 2 }), fc.constant(1)),
      },
    ),
    { minLength: 20, maxLength: 100 },
  )
  .map((turns) => turns.flatMap(([actor, times]) => new Array<number>(times).fill(actor)))

/** Whether the model finds an order of steps in which that fails. */
function isFound(careless: Partial<typeof CAREFUL>): boolean {
  const how = { ...CAREFUL, ...careless }
  const wrong = (schedule: readonly number[]): boolean => {
    const { torn, buriedAlive } = faultsIn(schedule, how)
    return torn + buriedAlive > 0
  }
  return fc.check(
    fc.property(SCHEDULE, (schedule) => !wrong(schedule)),
    { numRuns: 5000, seed: 1, endOnFailure: true },
  ).failed
}

const CARELESS: readonly (readonly [what: string, how: Partial<typeof CAREFUL>])[] = [
  [
    'pins without a second look',
    {
      *pinning(words: Int32Array, row: number): Steps<number> {
        const image = imageOf(Atomics.load(words, CURRENT))
        yield
        Atomics.add(words, pinAt(row, image), 1)
        yield
        return image
      },
    },
  ],
  [
    'says that it waits before it does',
    {
      *showing(words: Int32Array, row: number, sign: number, wait: Wait): Steps<void> {
        Atomics.store(words, signAt(row, sign), 1)
        yield
        Atomics.store(words, signAt(row, sign), 0)
        wait(signAt(row, sign), row)
        Atomics.store(words, signAt(row, sign), 1)
      },
    },
  ],
  [
    'gives a row away before it is empty',
    {
      *burying(words: Int32Array, row: number): Steps<void> {
        Atomics.store(words, readerAt(row), 0)
        for (let i = 0; i < 30; i++) yield
        yield* dropping(words, row)
      },
    },
  ],
]

describe('pins of images', () => {
  it('no order of steps and deaths lets a reader see an image that was freed, or takes a living one for dead (CF-34)', () => {
    fc.assert(
      fc.property(SCHEDULE, (schedule) => {
        expect(faultsIn(schedule)).toEqual(NONE)
      }),
      RUNS,
    )
  })

  it.each(CARELESS)('the model finds one who %s', (_, how) => {
    expect(isFound(how)).toBe(true)
  })

  it('whoever dies at whatever step holds nothing after it (CF-26, CF-34)', () => {
    fc.assert(
      fc.property(SCHEDULE, (schedule) => {
        const memory = new Memory()
        const { words } = memory
        for (const turn of schedule) memory.step(turn)
        const spent = rows().filter((row) => isSilent(words, row))
        for (let place = 0; place < ISOLATES; place++) memory.kill(place)
        for (let i = 0; i < 2000; i++) memory.step(0)
        for (const row of rows()) {
          if (spent.includes(row)) continue
          expect(words[readerAt(row)]).toBe(0)
          expect(pinsOf(words, row)).toEqual([])
        }
        // Nobody answers for what was given up before its first sign, nor for one that was asked too often: see Readers.
        for (const row of spent.filter((row) => (words[readerAt(row)] as number) < 0))
          expect(pinsOf(words, row)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('has a row for 256 isolates and refuses the next (CF-34)', () => {
    const { words } = new Memory()
    for (let i = 0; i < 256; i++) expect(run(claiming(words, i, () => true))).toBe(i)
    expect(run(claiming(words, 256, () => true))).toBeUndefined()
    run(burying(words, 7))
    expect(run(claiming(words, 256, () => true))).toBe(7)
  })
})

function rows(): number[] {
  return Array.from({ length: ROWS }, (_, row) => row)
}

/** Images that are pinned. */
function pinsOf(words: Int32Array, row: number): number[] {
  return Array.from({ length: IMAGES }, (_, image) => image).filter((image) => words[pinAt(row, image)] !== 0)
}

/** Waits for none of its words: has been asked too often, or has not begun. */
function isSilent(words: Int32Array, row: number): boolean {
  return words.subarray(signAt(row, 0), signAt(row, SIGNS)).every((shown) => shown === 0)
}
