/** The rows of readers as their owner sees them: who pins what, and who has ended and is to be buried. */
import { IMAGES, pinAt, READERS, readerAt, SIGNS, signAt } from './head'
import { asking, burying } from './life'
import { run } from './pins'

/** How long nobody is asked again who was asked and has not turned its loop since. Doubles each time. */
const FIRST_PAUSE_MS = 100
/** A row that takes longer to be taken belongs to somebody who ended in the middle, and holds nothing. */
const CLAIM_MS = 60_000

const wake = (words: Int32Array, word: number): number => Atomics.notify(words, word)

export class Readers {
  readonly #words: Int32Array
  /** When each was asked last. */
  readonly #askedAt = new Float64Array(READERS)
  /** Rows that are being taken: by whom, and since when that is known. */
  readonly #claims = new Map<number, { readonly owner: number; readonly since: number }>()

  constructor(words: Int32Array) {
    this.#words = words
  }

  /** Whether it pins an image that is not the current one. */
  isBehind(row: number, current: number | undefined): boolean {
    for (let image = 0; image < IMAGES; image++)
      if (image !== current && Atomics.load(this.#words, pinAt(row, image)) !== 0) return true
    return false
  }

  /** Whether so many rows are taken that somebody may soon find none. */
  get areMany(): boolean {
    return [...this.#taken()].length > READERS / 2
  }

  /** What all of them hold. */
  get pins(): number {
    let sum = 0
    for (const row of this.#taken())
      for (let image = 0; image < IMAGES; image++) sum += Atomics.load(this.#words, pinAt(row, image))
    return sum
  }

  /** Buries those that have ended, among the rows that are of interest. */
  look(isOfInterest: (row: number) => boolean): void {
    const now = performance.now()
    for (const row of this.#taken()) if (isOfInterest(row)) this.#ask(row, now)
  }

  /** Buries a thread that has ended for sure. */
  ended(thread: number): void {
    for (const row of this.#taken())
      if (Math.abs(Atomics.load(this.#words, readerAt(row))) === thread + 1) run(burying(this.#words, row))
  }

  /** Ends the waits of all: nobody is asked any more. */
  dismiss(): void {
    for (const row of this.#taken())
      for (let sign = 0; sign < SIGNS; sign++) Atomics.notify(this.#words, signAt(row, sign))
  }

  *#taken(): Generator<number> {
    for (let row = 0; row < READERS; row++) if (Atomics.load(this.#words, readerAt(row)) !== 0) yield row
  }

  #ask(row: number, now: number): void {
    const owner = Atomics.load(this.#words, readerAt(row))
    if (owner > 0 && !this.#mayAsk(row, now)) return
    this.#askedAt[row] = now
    const lives = run(asking(this.#words, row, wake))
    if (lives === false) run(burying(this.#words, row))
    else if (lives === undefined && owner < 0) this.#awaitClaim(row, owner, now)
  }

  #mayAsk(row: number, now: number): boolean {
    const silent = this.#silent(row)
    return silent === 0 || now >= (this.#askedAt[row] as number) + FIRST_PAUSE_MS * 2 ** silent
  }

  /** Signs that were used up and not renewed. */
  #silent(row: number): number {
    let count = 0
    for (let sign = 0; sign < SIGNS; sign++) count += 1 - Atomics.load(this.#words, signAt(row, sign))
    return count
  }

  #awaitClaim(row: number, owner: number, now: number): void {
    const known = this.#claims.get(row)
    if (known?.owner !== owner) this.#claims.set(row, { owner, since: now })
    else if (now - known.since >= CLAIM_MS) {
      this.#claims.delete(row)
      // If it is finished just now, it is its owner's.
      Atomics.compareExchange(this.#words, readerAt(row), owner, 0)
    }
  }
}
