import { AsyncLocalStorage } from 'node:async_hooks'
import { HeddleError } from '../errors'

/** One call into a module. */
interface Phase {
  isOver: boolean
}

/**
 * What must not overlap has its turn here, one after the other: the set-up of a generation, post-init, the end. Code of modules
 * that runs in a turn cannot wait for another one, which would begin when it has ended. Owner: Modules.
 */
export class Turns {
  readonly #phases = new AsyncLocalStorage<Phase>()
  #open = 0
  #last: Promise<void> = Promise.resolve()

  /** Resolves when it is the caller's turn, with what ends it. EDEADLK in a phase of a module. */
  async take(what: string): Promise<() => void> {
    this.check(what)
    return await this.queue()
  }

  /** The same for whom nobody waits. */
  async queue(): Promise<() => void> {
    const before = this.#last
    let end = (): void => {}
    this.#last = new Promise((resolve) => {
      end = resolve
    })
    await before
    return end
  }

  /** EDEADLK in a phase of a module. */
  check(what: string): void {
    if (!this.isInPhase) return
    throw new HeddleError('EDEADLK', `a phase of a module cannot wait for ${what}, which waits for its end`)
  }

  /** Whether the caller is the code of a module, in a phase that is not over. */
  get isInPhase(): boolean {
    return this.#open > 0 && this.#phases.getStore()?.isOver === false
  }

  /** Calls the code of a module. */
  async phase<T>(run: () => Promise<T>): Promise<T> {
    const phase: Phase = { isOver: false }
    this.#open++
    try {
      return await this.#phases.run(phase, run)
    } finally {
      phase.isOver = true
      // Without it each promise of the program would go on paying for the storage.
      if (--this.#open === 0) this.#phases.disable()
    }
  }
}
