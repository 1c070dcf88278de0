import { HookBase, type HookRegistration, type RegisterOptions } from './hook'
import { invalid } from '../arguments'
import type { Provider } from './provider'
import type { ProviderList } from './provider-list'
import type { Roster } from './roster'
import { Site } from './site'
import type { Entry } from './provider'
import { isThenable } from './thenable'

/**
 * What a provider of a verdict hook says. `continue`: nothing. `done`: it has seen to it; the others run nevertheless, and `done`
 * is the result. `abort`: the others do not run, and `abort` is the result. (HK-16)
 */
export type Verdict = 'continue' | 'done' | 'abort'

/** What a provider may return: nothing is `continue`. */
export type GivenVerdict =
  | Verdict
  | undefined
  | Promise<Verdict | undefined>
  | PromiseLike<Verdict | undefined>

/** The scope of all verdict hooks, which no other hook may have. */
export const VERDICT = 'verdict'

/** The newest registered runs first; a provider that throws ends the call with a HookError. */
export class VerdictSite extends Site<Verdict> {
  resume(list: ProviderList, from: number, args: readonly unknown[]): Verdict {
    let result: Verdict = 'continue'
    for (let at = from; at < list.entries.length; at++) {
      const entry = list.entries[at] as Entry
      const verdict = this.#verdict(entry, this.#ask(entry, args))
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

  protected nobody(): Verdict {
    return 'continue'
  }

  #ask(entry: Entry, args: readonly unknown[]): unknown {
    const { fn } = entry
    let said: unknown
    let isPromise: boolean
    try {
      said = fn(entry.closure, ...args)
      isPromise = isThenable(said)
    } catch (error) {
      throw this.failure(entry, error)
    }
    if (!isPromise) return said
    this.abandon(entry, said)
    throw this.asyncError(entry)
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
    if (said === undefined) return 'continue'
    if (said === 'continue' || said === 'done' || said === 'abort') return said
    throw this.failure(entry, invalid('a verdict', "is 'continue', 'done' or 'abort'", said))
  }
}

/**
 * A hook in libmtev's manner. Registering puts in front, without providers the verdict is `continue`. What a provider throws
 * comes out as a HookError, and those after it do not run. (HK-16)
 */
export class VerdictHook<A extends unknown[] = unknown[]> extends HookBase<A, Verdict, GivenVerdict> {
  readonly kind = 'verdict'
  /** Asks the providers, the newest first. ERR_HOOK_ASYNC where one promises: use `invokeAsync`. */
  readonly invoke: (...args: A) => Verdict

  /** @internal */
  constructor(roster: Roster, site: Site<Verdict>, stranger?: string) {
    super(roster, site, stranger)
    this.invoke = (...args) => this.call(...args)
  }

  /** Registers a provider under a name that errors and lists show; it runs before those that are there. */
  register<C>(
    name: string,
    fn: Provider<C, A, GivenVerdict>,
    closure: C,
    options?: RegisterOptions,
  ): HookRegistration {
    if (typeof name !== 'string' || name === '') throw invalid('the name of a provider', 'is a word', name)
    return this.enlist('first', fn, closure, options, name)
  }

  /** As `invoke`, but waits for providers that promise their verdict. (HK-18) */
  invokeAsync(...args: A): Promise<Verdict> {
    return this.callAsync(...args)
  }
}
