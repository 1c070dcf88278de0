import type { Loop } from '../eventer/loop'
import { cancelTimeout, scheduleTimeout, type TimeoutId } from '../eventer/timeouts'

/** Who disarms the deadlines that are armed on its behalf, when it ends. */
export interface DeadlineOwner {
  readonly loop: Loop
  /** @internal Those that are armed; made when there is one. */
  armed: Set<LazyDeadline> | undefined
}

/**
 * A deadline that is set and cleared far more often than it passes: once for each read of a connection, say. Clearing
 * leaves the timeout of the loop armed; one that fires too soon is armed again for the deadline of then. So a wait with a
 * limit costs no record, and one timeout is armed at most. Never early.
 *
 * Its owner disarms it at the end, so that nothing is left behind.
 */
export class LazyDeadline {
  readonly #expired: () => void
  readonly #fire = (): void => this.#fired()
  #owner: DeadlineOwner | undefined
  #id: TimeoutId = 0
  /** When the armed timeout comes, loop milliseconds; never after `#deadline`. */
  #due = Number.POSITIVE_INFINITY
  #deadline = Number.POSITIVE_INFINITY

  constructor(expired: () => void) {
    this.#expired = expired
  }

  /** Calls `expired` at `deadline`, loop milliseconds, unless it is cleared or set anew before. */
  set(owner: DeadlineOwner, deadline: number): void {
    if (this.#owner !== undefined && (this.#owner !== owner || this.#due > deadline)) this.disarm()
    this.#deadline = deadline
    if (this.#owner === undefined) this.#arm(owner)
  }

  clear(): void {
    this.#deadline = Number.POSITIVE_INFINITY
  }

  disarm(): void {
    this.clear()
    const owner = this.#owner
    if (owner === undefined) return
    this.#owner = undefined
    owner.armed?.delete(this)
    cancelTimeout(owner.loop.core.loops, this.#id)
  }

  #arm(owner: DeadlineOwner): void {
    this.#id = scheduleTimeout(owner.loop, this.#fire, this.#deadline, undefined)
    this.#due = this.#deadline
    this.#owner = owner
    owner.armed ??= new Set()
    owner.armed.add(this)
  }

  #fired(): void {
    const owner = this.#owner as DeadlineOwner
    this.#owner = undefined
    owner.armed?.delete(this)
    if (this.#deadline === Number.POSITIVE_INFINITY) return
    if (this.#due < this.#deadline) this.#arm(owner)
    else this.#expired()
  }
}
