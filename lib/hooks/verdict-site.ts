import { invalid } from '../arguments'
import type { HeddleError } from '../errors'
import type { Entry } from './provider'
import type { ProviderList } from './provider-list'
import { Site } from './site'
import { isThenable } from './thenable'

/**
 * What a provider of a verdict hook says. `continue`: nothing. `done`: it has seen to it; the others run nevertheless, and `done`
 * is the result. `abort`: the others do not run, and `abort` is the result. (HK-16)
 */
export type Verdict = 'continue' | 'done' | 'abort'

/** The newest registered runs first; a provider that throws ends the call with a HookError. */
export class VerdictSite extends Site<Verdict> {
  resume(list: ProviderList, from: number, args: readonly unknown[], before: Verdict = 'continue'): Verdict {
    let result = before
    for (let at = from; at < list.entries.length; at++) {
      const entry = list.entries[at] as Entry
      const said = this.#ask(entry, args)
      if (!isSaid(said)) throw this.#odd(entry, said)
      const verdict = said ?? 'continue'
      if (verdict === 'abort') return verdict
      if (verdict === 'done') result = verdict
    }
    return result
  }

  async runAsync(list: ProviderList, args: readonly unknown[]): Promise<Verdict> {
    let result: Verdict = 'continue'
    for (const entry of list.entries) {
      const verdict = this.#verdict(entry, await this.#askAsync(entry, args))
      if (verdict === 'abort') return verdict
      if (verdict === 'done') result = verdict
    }
    return result
  }

  /** Provider `at` has thrown in a compiled call. */
  failed(list: ProviderList, at: number, error: unknown): never {
    throw this.failure(list.entries[at] as Entry, error)
  }

  /** Provider `at` has said in a compiled call what is no verdict. */
  odd(list: ProviderList, at: number, said: unknown): never {
    throw this.#odd(list.entries[at] as Entry, said)
  }

  protected nobody(): Verdict {
    return 'continue'
  }

  #ask(entry: Entry, args: readonly unknown[]): unknown {
    const { fn } = entry
    try {
      return fn(entry.closure, ...args)
    } catch (error) {
      throw this.failure(entry, error)
    }
  }

  async #askAsync(entry: Entry, args: readonly unknown[]): Promise<unknown> {
    const { fn } = entry
    try {
      const said = fn(entry.closure, ...args)
      return isThenable(said) ? await said : said
    } catch (error) {
      throw this.failure(entry, error)
    }
  }

  #verdict(entry: Entry, said: unknown): Verdict {
    if (isSaid(said)) return said ?? 'continue'
    throw this.#nonsense(entry, said)
  }

  /** The error of a synchronous call: what was said is promised, or cannot be read, or is nonsense. */
  #odd(entry: Entry, said: unknown): HeddleError {
    let isPromise: boolean
    try {
      isPromise = isThenable(said)
    } catch (error) {
      return this.failure(entry, error)
    }
    if (!isPromise) return this.#nonsense(entry, said)
    this.abandon(entry, said)
    return this.asyncError(entry)
  }

  #nonsense(entry: Entry, said: unknown): HeddleError {
    return this.failure(entry, invalid('a verdict', "is 'continue', 'done' or 'abort'", said))
  }
}

function isSaid(said: unknown): said is Verdict | undefined {
  return said === undefined || said === 'continue' || said === 'done' || said === 'abort'
}
