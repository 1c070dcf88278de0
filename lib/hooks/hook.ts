import { HeddleError } from '../errors'
import { CallChoice } from './compiled-call'
import type { HookPoint } from './hook-point'
import type { Provider, ProviderPlace } from './provider'
import type { ProviderList } from './provider-list'
import type { HookRegistry } from './registry'
import type { Roster } from './roster'
import type { Site } from './site'

/** What hooks are called for: a transaction, a snapshot, anything that belongs to one generation. (HK-11) */
export interface HookTransaction {
  /** May throw ERR_RELEASED, when what it belongs to has been released. */
  readonly hookRegistry: HookRegistry
}

/** How a provider is registered. */
export interface RegisterOptions {
  /** Who registers, outside of the set-up of modules, which know their name. Default: the program. */
  readonly module?: string | undefined
  /**
   * Refuses another closure than the module's own object, instead of warning; for providers of modules that are no singletons.
   * Default: that of the Hooks. (HK-09)
   */
  readonly strictClosure?: boolean | undefined
}

/** A registered provider, to be taken out again. */
export interface HookRegistration extends Disposable {
  /** Takes the provider out of all generations; calls in progress go on with it. False where it is out already. */
  unregister(): boolean
}

/** The three kinds of hooks: without a result, with one, and with a verdict. */
export type HookKind = 'void' | 'value' | 'verdict'

/** Any hook that is found by its name. */
export type AnyHook = HookBase<unknown[], unknown, unknown>

/**
 * What all kinds of hooks can do. `A` are the arguments of a call, `R` its result, `P` what a provider may return.
 *
 * Thread rule: the isolate of its Hooks.
 */
export abstract class HookBase<A extends unknown[], R, P> {
  abstract readonly kind: HookKind
  /**
   * Calls the providers with the closure of each and these arguments, in their order, those that are registered at its start.
   * It needs no `this`. What it throws depends on the kind of hook. (HK-06, A-HK-14)
   */
  readonly call: (...args: A) => R
  readonly #point: HookPoint
  readonly #roster: Roster
  readonly #site: Site<R>

  readonly #stranger: string | undefined

  /** @internal Made by the declarations of Hooks; `stranger` is a module that may register, but not call. */
  constructor(roster: Roster, site: Site<R>, stranger?: string) {
    this.#roster = roster
    this.#site = site
    this.#point = site.point
    this.#stranger = stranger
    this.call = stranger === undefined ? this.#choice(site) : () => this.#refuse()
  }

  get scope(): string {
    return this.#point.scope
  }

  get name(): string {
    return this.#point.name
  }

  /** Providers that a call would find now; 0 is none. (HK-05) */
  has(): number {
    return this.#point.list.count
  }

  /** Providers of the generation that a transaction belongs to. ERR_RELEASED, ERR_INVALID_ARGUMENT. (HK-11) */
  hasTxn(txn: HookTransaction): number {
    return this.#listFor(this.#roster.registryOf(txn)).count
  }

  /**
   * Registers a provider in front of all that are there. The same function may be registered with several closures.
   * ERR_PHASE, ERR_WRONG_THREAD, ERR_HOOK_CLOSURE, ERR_RELEASED, ERR_INVALID_ARGUMENT. (HK-03, HK-04, HK-08)
   */
  registerFirst<C>(fn: Provider<C, A, P>, closure: C, options?: RegisterOptions): HookRegistration {
    return this.enlist('first', fn, closure, options)
  }

  /** Registers a provider behind all that are there. Errors as for `registerFirst`. (HK-03, HK-04, HK-08) */
  registerLast<C>(fn: Provider<C, A, P>, closure: C, options?: RegisterOptions): HookRegistration {
    return this.enlist('last', fn, closure, options)
  }

  /** As `call`, but waits for each provider that promises its result before it goes on to the next one. (HK-18) */
  async callAsync(...args: A): Promise<R> {
    return this.#runAsync(this.#roster.current, args)
  }

  /** As `call`, with the providers of a given generation. ERR_RELEASED, ERR_INVALID_ARGUMENT. (HK-11) */
  callTxn(txn: HookTransaction, ...args: A): R {
    if (this.#stranger !== undefined) this.#refuse()
    return this.#site.run(this.#listFor(this.#roster.registryOf(txn)), args)
  }

  /** As `callAsync`, with the providers of a given generation. (HK-11, HK-18) */
  async callTxnAsync(txn: HookTransaction, ...args: A): Promise<R> {
    return this.#runAsync(this.#roster.registryOf(txn), args)
  }

  #choice(site: Site<R>): (...args: A) => R {
    const writable = this as { call: unknown }
    const choice = new CallChoice(site, (call) => {
      writable.call = call
    })
    return choice.first as (...args: A) => R
  }

  #refuse(): never {
    const message = `hook ${this.#point.fullName}: module ${this.#stranger} may not call it`
    throw new HeddleError('ERR_HOOK_SCOPE', message)
  }

  async #runAsync(registry: HookRegistry, args: A): Promise<R> {
    if (this.#stranger !== undefined) this.#refuse()
    registry.enter()
    try {
      return await this.#site.runAsync(this.#listFor(registry), args)
    } finally {
      registry.leave()
    }
  }

  #listFor(registry: HookRegistry): ProviderList {
    return this.#roster.listFor(registry, this.#point)
  }

  protected enlist(
    place: ProviderPlace,
    fn: unknown,
    closure: unknown,
    options?: RegisterOptions,
    label?: string,
  ): HookRegistration {
    return this.#roster.register({ point: this.#point, place, fn, closure, options, label })
  }
}
