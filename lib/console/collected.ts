import type { CommitResult, Config, Transaction } from '../config'
import { HeddleError } from '../errors'

/** Who sets what is set on a console, as its origin shows it. */
export const BY = '<console>'

/**
 * The changes that one client collects between `config begin` and `config commit`. A commit that fails keeps them: what was wrong
 * can be set again. Where another transaction has come before they have to be made again to what is active then, and
 * only when whoever collects them says so. (CF-28)
 *
 * Thread rule: the isolate of the Config.
 */
export class Collected {
  readonly #config: Config
  #txn: Transaction
  #isOvertaken = false

  constructor(config: Config, fromScratch: boolean) {
    this.#config = config
    this.#txn = config.begin({ by: BY, fromScratch })
  }

  /** The number of the generation that they are changes of. */
  get generation(): number {
    return this.#txn.generation
  }

  /** To be read and changed. ERR_CONFIG_CONFLICT: only after `replay`. */
  get txn(): Transaction {
    if (this.#isOvertaken) throw overtaken()
    return this.#txn
  }

  /** Makes them active. Where it rejects they are still there. */
  async commit(): Promise<CommitResult> {
    const { txn } = this
    try {
      return await txn.commit()
    } catch (error) {
      this.#isOvertaken = true
      // On what they were made to, nothing has changed by making them again.
      if (txn.generation === this.#config.generation) this.#replayIfAllowed()
      throw isConflict(error) ? overtaken(error) : error
    }
  }

  /** Makes them again, to what is active now. ERR_CONFIG_VETO and the like; nothing is lost then. */
  replay(): void {
    const again = this.#txn.replay()
    this.#txn.rollback()
    this.#txn = again
    this.#isOvertaken = false
  }

  rollback(): void {
    this.#txn.rollback()
  }

  /** A refusal is told by the `replay` that asks for it. */
  #replayIfAllowed(): void {
    try {
      this.replay()
    } catch {}
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof HeddleError && error.code === 'ERR_CONFIG_CONFLICT'
}

function overtaken(cause?: unknown): HeddleError {
  const text = 'another transaction has come before: config replay, or config rollback'
  return new HeddleError('ERR_CONFIG_CONFLICT', text, { cause })
}
