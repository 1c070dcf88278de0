import { clearImmediate, clearTimeout, setImmediate, setTimeout } from 'node:timers'

/** Longest delay of Node's timers. */
const MAX_DELAY_MS = 0x7fffffff

/**
 * Makes passes happen on the isolate's own event loop: at once, or after a sleep. While it is referenced a
 * pending pass keeps the process alive.
 */
export class Driver {
  readonly #pass: () => void
  readonly #time: () => number
  #isReferenced = true
  #immediate: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #wakeAt = Infinity

  constructor(pass: () => void, time: () => number) {
    this.#pass = pass
    this.#time = time
  }

  /** Runs a pass before the isolate sleeps. */
  soon(): void {
    if (this.#immediate !== undefined) return
    this.#immediate = setImmediate(() => this.#run())
    if (this.#isReferenced) return
    // An immediate without reference does not keep the isolate from sleeping; the shortest timer bounds that
    // sleep.
    this.#immediate.unref()
    this.#setTimer(this.#time() + 1)
  }

  /** Runs a pass at `at` or earlier. An earlier one that is set already stays. */
  sleepUntil(at: number): void {
    if (this.#timer !== undefined && this.#wakeAt <= at) return
    this.#setTimer(at)
  }

  ref(): void {
    this.#isReferenced = true
    this.#immediate?.ref()
    this.#timer?.ref()
  }

  unref(): void {
    this.#isReferenced = false
    this.#timer?.unref()
    if (this.#immediate === undefined) return
    this.#immediate.unref()
    this.#setTimer(this.#time() + 1)
  }

  cancel(): void {
    clearImmediate(this.#immediate)
    this.#immediate = undefined
    this.#clearTimer()
  }

  #setTimer(at: number): void {
    this.#clearTimer()
    // Rounded up: a timer of Node counts whole milliseconds, and waking early would only cost another pass.
    const delay = Math.min(Math.max(1, Math.ceil(at - this.#time())), MAX_DELAY_MS)
    this.#wakeAt = at
    this.#timer = setTimeout(() => {
      this.#clearTimer()
      this.#run()
    }, delay)
    if (!this.#isReferenced) this.#timer.unref()
  }

  #clearTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wakeAt = Infinity
  }

  #run(): void {
    clearImmediate(this.#immediate)
    this.#immediate = undefined
    this.#pass()
  }
}
