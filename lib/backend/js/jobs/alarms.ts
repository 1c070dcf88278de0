import { clearTimeout, setTimeout } from 'node:timers'
import { type Deadline, DeadlineHeap } from '../deadline-heap'

/** Longest delay of Node's timers. */
const MAX_DELAY_MS = 0x7fffffff

export type Alarm = Deadline<() => void>

/** Calls at given times of the isolate, by one timer of Node, which keeps no process alive. */
export class Alarms {
  readonly #heap = new DeadlineHeap<() => void>()
  #timer: NodeJS.Timeout | undefined
  #wakeAt = Number.POSITIVE_INFINITY

  /** Never early. `at`: loop milliseconds. */
  set(at: number, call: () => void): Alarm {
    const alarm = this.#heap.add(at, call)
    this.#arm()
    return alarm
  }

  /** One that has gone off or was cleared is ignored. */
  clear(alarm: Alarm | undefined): void {
    if (alarm === undefined) return
    this.#heap.remove(alarm)
    if (this.#heap.size === 0) this.#stop()
  }

  #arm(): void {
    const next = this.#heap.peek()
    if (next === undefined || next.time >= this.#wakeAt) return
    this.#stop()
    this.#wakeAt = next.time
    const delay = Math.min(Math.max(1, Math.ceil(next.time - performance.now())), MAX_DELAY_MS)
    this.#timer = setTimeout(() => this.#ring(), delay)
    this.#timer.unref()
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wakeAt = Number.POSITIVE_INFINITY
  }

  #ring(): void {
    this.#stop()
    const now = performance.now()
    for (let due = this.#heap.peek(); due !== undefined && due.time <= now; due = this.#heap.peek()) {
      this.#heap.remove(due)
      due.value()
    }
    this.#arm()
  }
}
