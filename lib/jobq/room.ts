import type { JobDesk } from './job-desk'

/** How often room is looked for that no end of a job of this loop has told of. */
const LOOK_MS = 5

interface Waiter {
  /** False: there was no room. */
  readonly tries: () => boolean
  readonly stops: () => void
}

/** Those who wait until a queue has room for one more, in order. (JQ-06) */
export class Room {
  readonly #desk: JobDesk
  readonly #waiters = new Set<Waiter>()
  #unwatch: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #isLooking = false

  constructor(desk: JobDesk) {
    this.#desk = desk
  }

  /** `tries` is called, also now, until it says that it has done its thing; then the promise is fulfilled. */
  wait(tries: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        tries: () => {
          let done: boolean
          try {
            done = tries()
          } catch (error) {
            waiter.stops()
            reject(error)
            return true
          }
          if (!done) return false
          waiter.stops()
          resolve()
          return true
        },
        stops: () => {
          signal?.removeEventListener('abort', aborted)
          this.#waiters.delete(waiter)
          if (this.#waiters.size === 0) this.#rest()
        },
      }
      const aborted = (): void => {
        waiter.stops()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', aborted)
      this.#waiters.add(waiter)
      if (this.#waiters.size === 1) this.#begin()
      this.look()
    })
  }

  /** Somebody waits. */
  get isWaitedFor(): boolean {
    return this.#waiters.size > 0
  }

  /** There may be room: who has waited longest goes first. */
  look(): void {
    // Code of the user may ask while one tries (getters of its argument); who comes meanwhile has its turn behind it.
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      for (const waiter of this.#waiters) if (!waiter.tries()) return
    } finally {
      this.#isLooking = false
    }
  }

  #begin(): void {
    this.#unwatch = this.#desk.watch(() => this.look())
    this.#timer = setInterval(() => this.look(), LOOK_MS)
  }

  #rest(): void {
    this.#unwatch?.()
    clearInterval(this.#timer)
  }
}
