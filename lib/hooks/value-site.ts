import { HeddleError } from '../errors'
import type { HookPoint } from './hook-point'
import type { ProviderList } from './provider-list'
import type { Entry } from './provider'
import { type Reporter, Site } from './site'
import { isThenable } from './thenable'

/** Looked at after each provider: `ret` ends the call with a value. (HK-02) */
export type ReturnRule<R> = (returned: R, ret: (value: R) => void) => void

/** What a call without providers returns. */
export interface DefaultValue<R> {
  readonly value: R
}

/** No rule is being looked at. */
export const IDLE = 0
/** A rule runs, `ret` may be called. */
export const ARMED = 1
/** It has been called. */
export const RETURNED = 2

/**
 * The rule is looked at after each provider, the last value is the result where it ends nothing. What a provider throws the
 * caller gets, the next one does not run. (HK-02, HK-07, HK-20)
 */
export class ValueSite<R> extends Site<R> {
  /** IDLE, ARMED or RETURNED. A rule that calls the hook again finds it ARMED: that call uses `decide`, which keeps it. */
  state = IDLE
  value: R | undefined
  /** What rules get. The first call counts. ERR_PHASE when the rule is over. */
  readonly ret = (value: R): void => {
    if (this.state === IDLE)
      throw new HeddleError(
        'ERR_PHASE',
        `hook ${this.point.fullName}: the provider's value was judged already`,
      )
    if (this.state === RETURNED) return
    this.state = RETURNED
    this.value = value
  }

  constructor(
    point: HookPoint,
    reporter: Reporter,
    readonly rule: ReturnRule<R> | undefined,
    readonly fallback: DefaultValue<R> | undefined,
  ) {
    super(point, reporter)
  }

  /** What `ret` was given, which is kept no longer. */
  take(): R {
    const value = this.value as R
    this.value = undefined
    this.state = IDLE
    return value
  }

  resume(list: ProviderList, from: number, args: readonly unknown[]): R {
    const { entries } = list
    let last: R | undefined
    for (let at = from; at < entries.length; at++) {
      const entry = entries[at] as Entry
      last = this.#ask(entry, args)
      const early = this.#decide(last)
      if (early !== undefined) return early.value
    }
    return last as R
  }

  async runAsync(list: ProviderList, args: readonly unknown[]): Promise<R> {
    if (list.entries.length === 0) return this.nobody()
    let last: R | undefined
    for (const entry of list.entries) {
      const { fn } = entry
      try {
        const result = fn(entry.closure, ...args)
        last = (isThenable(result) ? await result : result) as R
      } catch (error) {
        throw this.failure(entry, error)
      }
      const early = this.#decide(last)
      if (early !== undefined) return early.value
    }
    return last as R
  }

  /** Provider `at`, or the rule after it, has thrown in a compiled call. */
  failed(list: ProviderList, at: number, error: unknown): R {
    const inRule = this.state !== IDLE
    this.state = IDLE
    this.value = undefined
    throw inRule ? error : this.failure(list.entries[at] as Entry, error)
  }

  /** Provider `at` has promised its result in a compiled call. */
  promised(list: ProviderList, at: number, result: unknown): R {
    const entry = list.entries[at] as Entry
    this.abandon(entry, result)
    throw this.asyncError(entry)
  }

  protected nobody(): R {
    if (this.fallback !== undefined) return this.fallback.value
    throw new HeddleError(
      'ERR_NO_PROVIDER',
      `hook ${this.point.fullName} has no provider, and no default was declared`,
    )
  }

  #ask(entry: Entry, args: readonly unknown[]): R {
    const { fn } = entry
    let result: unknown
    let isPromise: boolean
    try {
      result = fn(entry.closure, ...args)
      isPromise = isThenable(result)
    } catch (error) {
      throw this.failure(entry, error)
    }
    if (!isPromise) return result as R
    this.abandon(entry, result)
    throw this.asyncError(entry)
  }

  #decide(last: R): DefaultValue<R> | undefined {
    if (this.rule === undefined) return undefined
    const { state, value } = this
    this.state = ARMED
    this.value = undefined
    try {
      this.rule(last, this.ret)
      // The rule may have changed it, which the compiler does not see.
      return (this.state as number) === RETURNED ? { value: this.value as R } : undefined
    } finally {
      this.state = state
      this.value = value
    }
  }
}
