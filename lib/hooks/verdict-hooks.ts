import { invalid } from '../arguments'
import { HookBase, type HookRegistration, type RegisterOptions } from './hook'
import type { Provider } from './provider'
import type { Roster } from './roster'
import type { Site } from './site'
import type { Verdict } from './verdict-site'

/** What a provider may return: nothing is `continue`. */
export type GivenVerdict =
  | Verdict
  | undefined
  | Promise<Verdict | undefined>
  | PromiseLike<Verdict | undefined>

/** The scope of all verdict hooks, which no other hook may have. */
export const VERDICT = 'verdict'

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
