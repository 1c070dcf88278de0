import type { MemoryBackend } from '../backend/memory'
import { HeddleError } from '../errors'

/** Misuse of typed memory: a `HeddleError` that names the memtypes that were mixed up. (MT-07) */
export class MemtypeError extends HeddleError {
  /** Description of the memtype the caller named. */
  readonly given: string | undefined
  /** Description of the block's own memtype. */
  readonly actual: string | undefined

  constructor(code: string, message: string, types: { given?: string; actual?: string } = {}) {
    super(code, message)
    this.given = types.given
    this.actual = types.actual
  }
}

/** Misuse of safe memory. (SM-05) */
export class SmrError extends HeddleError {}

/** What happens at misuse: an exception, or the end of the process by SIGABRT with the same text. (MT-07) */
export type MisusePolicy = 'throw' | 'abort'

/** Raises misuse as the policy wants it. */
export class Misuse {
  policy: MisusePolicy = 'throw'

  raise(backend: MemoryBackend, error: HeddleError): never {
    if (this.policy === 'abort') backend.abort(error.message)
    throw error
  }
}

/** One a isolate: the policy holds for all of its typed and safe memory. */
export const misuse = new Misuse()
