import { HeddleError } from '../errors'
import type { HookPoint } from './hook-point'
import type { ProviderList } from './provider-list'
import type { Entry } from './provider'
import { type Reporter, Site } from './site'
import { isThenable } from './thenable'

/** Looked at after each provider: `ret` ends the call with a value. (HK-02) */
export type ReturnRule<R> = (returned: R, ret: (value: R) => void) => void

/** A value that may be undefined. */
export interface Given<R> {
  readonly value: R
}

/**
 * The rule is looked at after each provider, the last value is the result where it ends nothing. What a provider throws the
 * caller gets, the next one does not run. (HK-02, HK-07, HK-20)
 */
export class ValueSite<R> extends Site<R> {
  constructor(
    point: HookPoint,
    reporter: Reporter,
    readonly rule: ReturnRule<R> | undefined,
    /** What a call without providers returns. */
    readonly fallback: Given<R> | undefined,
  ) {
    super(point, reporter)
  }

  /** The error of a rule that returns when it is over. */
  late(): HeddleError {
    const message = `hook ${this.point.fullName}: the rule of this call is over`
    return new HeddleError('ERR_PHASE', message)
  }

  resume(list: ProviderList, from: number, args: readonly unknown[], before?: R): R {
    const { entries } = list
    let last = before
    const decide = this.#judge()
    for (let at = from; at < entries.length; at++) {
      const entry = entries[at] as Entry
      last = this.#ask(entry, args)
      const early = decide(last)
      if (early !== undefined) return early.value
    }
    return last as R
  }

  async runAsync(list: ProviderList, args: readonly unknown[]): Promise<R> {
    if (list.entries.length === 0) return this.nobody()
    let last: R | undefined
    const decide = this.#judge()
    for (const entry of list.entries) {
      const { fn } = entry
      try {
        const result = fn(entry.closure, ...args)
        last = (isThenable(result) ? await result : result) as R
      } catch (error) {
        throw this.failure(entry, error)
      }
      const early = decide(last)
      if (early !== undefined) return early.value
    }
    return last as R
  }

  /** Provider `at` has thrown in a compiled call. */
  failed(list: ProviderList, at: number, error: unknown): never {
    throw this.failure(list.entries[at] as Entry, error)
  }

  /** Provider `at` has promised its result in a compiled call. */
  promised(list: ProviderList, at: number, result: unknown): never {
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

  /** What the rule says of the results of one call. */
  #judge(): (last: R) => Given<R> | undefined {
    const { rule } = this
    if (rule === undefined) return () => undefined
    let isRuling = false
    let early: Given<R> | undefined
    const ret = (value: R): void => {
      if (!isRuling) throw this.late()
      early ??= { value }
    }
    return (last) => {
      isRuling = true
      try {
        rule(last, ret)
      } finally {
        isRuling = false
      }
      return early
    }
  }
}
