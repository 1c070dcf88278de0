import { isThenable } from '../hooks/thenable'

/** Counts what uses objects of modules outside of hooks: commands and closures. Owner: Modules. */
export class Uses {
  #count = 0
  #waiting: (() => void)[] = []

  /** Counts until `use` has returned, or what it promises is settled; then `over` is called. */
  during<R>(use: () => R, over: () => void): R {
    this.#count++
    const leave = (): void => {
      over()
      this.#leave()
    }
    try {
      const result = use()
      // Also of a thenable that begins its work when it is asked: it is asked once, by this.
      if (isThenable(result)) return settled(result, leave) as R
      leave()
      return result
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Resolves when nothing is used. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #leave(): void {
    this.#count--
    if (this.#count > 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

async function settled<R>(result: PromiseLike<R>, leave: () => void): Promise<R> {
  try {
    return await result
  } finally {
    leave()
  }
}
