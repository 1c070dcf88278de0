import { In } from '../protocol'
import { type Deadline, DeadlineHeap } from './deadline-heap'
import type { Inbox } from './inbox'

const INDEX_MASK = 0xffffff

/** Armed timers of one engine, by event handle (TM-03: never early, by time, then by insertion). */
export class Timers {
  readonly #heap = new DeadlineHeap<number>()
  readonly #byIndex: (Deadline<number> | undefined)[] = []

  get size(): number {
    return this.#heap.size
  }

  /** Loop milliseconds of the nearest deadline; Infinity without timers. */
  get nearest(): number {
    return this.#heap.peek()?.time ?? Infinity
  }

  /** Arms a timer; one that is armed already moves. */
  add(handle: number, time: number): void {
    const index = handle & INDEX_MASK
    const armed = this.#byIndex[index]
    if (armed !== undefined) this.#heap.remove(armed)
    this.#byIndex[index] = this.#heap.add(time, handle)
  }

  delete(handle: number): void {
    const index = handle & INDEX_MASK
    const armed = this.#byIndex[index]
    if (armed === undefined || armed.value !== handle) return
    this.#byIndex[index] = undefined
    this.#heap.remove(armed)
  }

  /** Reports what is strictly past, at most `max` timers (TM-08). */
  collect(inbox: Inbox, now: number, max: number): void {
    for (let fired = 0; fired < max; fired++) {
      const due = this.#heap.peek()
      if (due === undefined || due.time >= now) return
      if (!inbox.push1(In.TIMER, due.value)) return
      this.#byIndex[due.value & INDEX_MASK] = undefined
      this.#heap.remove(due)
    }
  }
}
