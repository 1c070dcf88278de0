import type { Coroutine } from './coroutine'
import type { NativeCoroutine } from './native-coroutine'

/** What listeners of `resume` get. Of native coroutines it is told after the fact, when the pass is over. */
export interface ResumeReport {
  readonly co: Coroutine | NativeCoroutine
  /** Stack that a native coroutine had in use at its last wait, 0 the first time; 0 of an async function. */
  readonly stackBytes: number
  /** More than 2048 bytes, all of which are copied when another coroutine needs the stack. */
  readonly large: boolean
}

/** Who wants to hear of resumed coroutines, in this isolate. (AC-06) */
class Watchers {
  readonly #listeners = new Set<(report: ResumeReport) => void>()
  readonly #changes = new Set<() => void>()

  get none(): boolean {
    return this.#listeners.size === 0
  }

  add(listener: (report: ResumeReport) => void): void {
    this.#listeners.add(listener)
    this.#changed()
  }

  delete(listener: (report: ResumeReport) => void): void {
    this.#listeners.delete(listener)
    this.#changed()
  }

  resumed(report: ResumeReport): void {
    for (const listener of this.#listeners) listener(report)
  }

  /** Calls this when listeners come or go, until what is returned is called. */
  onChange(changed: () => void): () => void {
    this.#changes.add(changed)
    return () => void this.#changes.delete(changed)
  }

  #changed(): void {
    for (const changed of this.#changes) changed()
  }
}

export const watchers = new Watchers()
