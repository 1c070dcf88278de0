import { HeddleError } from '../errors'
import { HookError } from './hook-error'
import type { HookPoint } from './hook-point'
import { ASYNC, type ProviderList } from './provider-list'
import type { Entry } from './provider'
import { isThenable, promiseOf } from './thenable'

/** Takes what a provider threw that no caller hears of. */
export type Reporter = (error: HookError) => void

/**
 * How the providers of one declared hook are called, one kind of hook a class. This is the form that needs no compiled caller:
 * for asynchronous calls, those for a given generation, long lists, and whatever goes wrong in a compiled one.
 */
export abstract class Site<R> {
  /** Set by who chooses compiled callers, which call it with another number of arguments than theirs. */
  other = (args: ArrayLike<unknown>): unknown => this.run(this.point.list, Array.from(args))
  /** Set by the same: the compiled caller of that number of arguments for the current list. */
  moved =
    (_count: number): ((...args: unknown[]) => unknown) =>
    (...args) =>
      this.run(this.point.list, args)
  /** Set by the same: a counter has come to its end. */
  often = (): void => {}

  constructor(
    readonly point: HookPoint,
    protected readonly reporter: Reporter,
  ) {}

  /** Calls the providers of a list, none of which may promise its result. */
  run(list: ProviderList, args: readonly unknown[]): R {
    if (list.size <= 0) return this.none(list)
    return this.resume(list, 0, args)
  }

  /** The rest of a synchronous call, from provider `from` on. */
  abstract resume(list: ProviderList, from: number, args: readonly unknown[]): R

  /** One provider after the other, each awaited if it promises. */
  abstract runAsync(list: ProviderList, args: readonly unknown[]): Promise<R>

  /** The result where nobody provides one. */
  protected abstract nobody(): R

  /** For lists that have nothing to call: empty ones, and those that only an asynchronous call takes. */
  none(list: ProviderList): R {
    if (list.size === ASYNC) throw this.asyncError()
    return this.nobody()
  }

  protected failure(entry: Entry, cause: unknown): HookError {
    return new HookError(this.point.fullName, entry, cause)
  }

  /** Nobody waits for this promise, but its failure is told. */
  protected abandon(entry: Entry, result: unknown): void {
    promiseOf(result).catch((error) => this.reporter(this.failure(entry, error)))
  }

  protected asyncError(entry?: Entry): HeddleError {
    const who =
      entry === undefined ? 'a provider is an async function' : `provider ${entry.name} gave a promise`
    return new HeddleError('ERR_HOOK_ASYNC', `hook ${this.point.fullName}: ${who}, use callAsync`)
  }
}

/** All providers run. What one throws is reported, and the next one runs. (HK-01, HK-20) */
export class VoidSite extends Site<void> {
  resume(list: ProviderList, from: number, args: readonly unknown[], promising?: Entry): void {
    const { entries } = list
    let first = promising
    for (let at = from; at < entries.length; at++) {
      const entry = entries[at] as Entry
      const { fn } = entry
      try {
        const result = fn(entry.closure, ...args)
        if (!isThenable(result)) continue
        this.abandon(entry, result)
        first ??= entry
      } catch (error) {
        this.reporter(this.failure(entry, error))
      }
    }
    if (first !== undefined) throw this.asyncError(first)
  }

  async runAsync(list: ProviderList, args: readonly unknown[]): Promise<void> {
    for (const entry of list.entries) {
      const { fn } = entry
      try {
        const result = fn(entry.closure, ...args)
        if (isThenable(result)) await result
      } catch (error) {
        this.reporter(this.failure(entry, error))
      }
    }
  }

  /** Provider `at` has thrown in a compiled call. */
  failed(list: ProviderList, at: number, error: unknown, args: readonly unknown[]): void {
    this.reporter(this.failure(list.entries[at] as Entry, error))
    this.resume(list, at + 1, args)
  }

  /** Provider `at` has promised its result in a compiled call. */
  promised(list: ProviderList, at: number, result: unknown, args: readonly unknown[]): void {
    const entry = list.entries[at] as Entry
    this.abandon(entry, result)
    this.resume(list, at + 1, args, entry)
  }

  protected nobody(): void {}
}
