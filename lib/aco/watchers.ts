import type { Coroutine } from './coroutine'

/** What listeners of `resume` get. `stackBytes`: saved stack of a native coroutine; of an async function always 0. */
export interface ResumeReport {
  readonly co: Coroutine
  readonly stackBytes: number
}

/** Who wants to hear of resumed coroutines, in this isolate. (AC-06) */
class Watchers {
  readonly #listeners = new Set<(report: ResumeReport) => void>()

  get none(): boolean {
    return this.#listeners.size === 0
  }

  add(listener: (report: ResumeReport) => void): void {
    this.#listeners.add(listener)
  }

  delete(listener: (report: ResumeReport) => void): void {
    this.#listeners.delete(listener)
  }

  resumed(co: Coroutine): void {
    for (const listener of this.#listeners) listener({ co, stackBytes: 0 })
  }
}

export const watchers = new Watchers()
