/** A sample counts for so much more than was expected at most: a thread that was not let run says little about its job. */
const MOST_TIMES = 4
const LEAST_MS = 0.02

/** How long the next job is going to run, guessed from the last ones: outliers pull slowly. */
export class Guess {
  #ms = Number.POSITIVE_INFINITY

  get ms(): number {
    return this.#ms
  }

  add(ms: number): void {
    const known = this.#ms
    if (known === Number.POSITIVE_INFINITY) this.#ms = ms
    else this.#ms = 0.8 * known + 0.2 * Math.min(ms, MOST_TIMES * known + LEAST_MS)
  }
}
