import type { Waits } from '../io/reader'
import { deadlineOf, type WaitOptions, Waiter } from './wait'

/** Reads of a connection in the async style: each wait is a promise of its own. */
export class PlainWaits implements Waits {
  #waiter: Waiter | undefined

  get busy(): boolean {
    return this.#waiter !== undefined
  }

  deadline(options: WaitOptions | undefined): number {
    return deadlineOf(options)
  }

  /** Checked first, so that an aborted signal fails even where bytes are ready. */
  check(options: WaitOptions | undefined): void {
    options?.signal?.throwIfAborted()
  }

  async begin(deadline: number, signal: AbortSignal | undefined): Promise<number> {
    const waiter = new Waiter('read', deadline, signal)
    this.#waiter = waiter
    try {
      await waiter.promise
    } finally {
      if (this.#waiter === waiter) this.#waiter = undefined
    }
    return 0
  }

  resolve(): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.resolve()
  }

  reject(error: unknown): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.reject(error)
  }
}
