// biome-ignore-all lint/complexity/noCommaOperator: a provider called as a method would get the list as its `this`
// biome-ignore-all lint/complexity/noArguments: a rest parameter would cost an array for each call
import type { ProviderList } from './provider-list'

/**
 * Calls of void hooks, one function for each number of arguments, each provider with a call of its own.
 *
 * The file has no imports at run time, since it is loaded once for each hook that is called often (`fresh-caller.ts`): V8 learns
 * what a call calls for each copy of it. In a copy that serves one hook, `list.f0` is one function and is inlined; in a shared one
 * it may be any of the program's. Whatever is not the usual case is the site's.
 */
export interface VoidCallSite {
  readonly point: { readonly list: ProviderList }
  /** Nothing to call, or nothing that may be called so. */
  none(list: ProviderList): unknown
  resume(list: ProviderList, from: number, args: readonly unknown[]): unknown
  failed(list: ProviderList, at: number, error: unknown, args: readonly unknown[]): unknown
  promised(list: ProviderList, at: number, result: unknown, args: readonly unknown[]): unknown
  /** Another number of arguments than this function is for. */
  other(args: ArrayLike<unknown>): unknown
}

type Maker = (site: VoidCallSite) => (...args: unknown[]) => unknown

/** Thrown, and caught by whoever throws it: a provider promises. */
const PROMISE = Symbol('promise')

function isThenable(value: unknown): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as PromiseLike<unknown>).then === 'function'
}

const call0: Maker = (site) => {
  const { point } = site
  return function call(): unknown {
    if (arguments.length !== 0) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f1)(list.c1)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f2)(list.c2)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f3)(list.c3)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f4)(list.c4)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f5)(list.c5)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f6)(list.c6)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f7)(list.c7)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f8)(list.c8)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f9)(list.c9)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r, [])
      return site.failed(list, at, error, [])
    }
    return site.resume(list, at, [])
  }
}

const call1: Maker = (site) => {
  const { point } = site
  return function call(a: unknown): unknown {
    if (arguments.length !== 1) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f1)(list.c1, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f2)(list.c2, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f3)(list.c3, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f4)(list.c4, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f5)(list.c5, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f6)(list.c6, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f7)(list.c7, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f8)(list.c8, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f9)(list.c9, a)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r, [a])
      return site.failed(list, at, error, [a])
    }
    return site.resume(list, at, [a])
  }
}

const call2: Maker = (site) => {
  const { point } = site
  return function call(a: unknown, b: unknown): unknown {
    if (arguments.length !== 2) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f1)(list.c1, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f2)(list.c2, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f3)(list.c3, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f4)(list.c4, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f5)(list.c5, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f6)(list.c6, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f7)(list.c7, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f8)(list.c8, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f9)(list.c9, a, b)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r, [a, b])
      return site.failed(list, at, error, [a, b])
    }
    return site.resume(list, at, [a, b])
  }
}

const call3: Maker = (site) => {
  const { point } = site
  return function call(a: unknown, b: unknown, c: unknown): unknown {
    if (arguments.length !== 3) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f1)(list.c1, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f2)(list.c2, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f3)(list.c3, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f4)(list.c4, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f5)(list.c5, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f6)(list.c6, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f7)(list.c7, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f8)(list.c8, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f9)(list.c9, a, b, c)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r, [a, b, c])
      return site.failed(list, at, error, [a, b, c])
    }
    return site.resume(list, at, [a, b, c])
  }
}

const call4: Maker = (site) => {
  const { point } = site
  return function call(a: unknown, b: unknown, c: unknown, d: unknown): unknown {
    if (arguments.length !== 4) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f1)(list.c1, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f2)(list.c2, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f3)(list.c3, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f4)(list.c4, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f5)(list.c5, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f6)(list.c6, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f7)(list.c7, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f8)(list.c8, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f9)(list.c9, a, b, c, d)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r, [a, b, c, d])
      return site.failed(list, at, error, [a, b, c, d])
    }
    return site.resume(list, at, [a, b, c, d])
  }
}

const call5: Maker = (site) => {
  const { point } = site
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): unknown {
    if (arguments.length !== 5) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f1)(list.c1, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f2)(list.c2, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f3)(list.c3, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f4)(list.c4, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f5)(list.c5, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f6)(list.c6, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f7)(list.c7, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f8)(list.c8, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f9)(list.c9, a, b, c, d, e)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r, [a, b, c, d, e])
      return site.failed(list, at, error, [a, b, c, d, e])
    }
    return site.resume(list, at, [a, b, c, d, e])
  }
}

const call6: Maker = (site) => {
  const { point } = site
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): unknown {
    if (arguments.length !== 6) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f1)(list.c1, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f2)(list.c2, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f3)(list.c3, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f4)(list.c4, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f5)(list.c5, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f6)(list.c6, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f7)(list.c7, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f8)(list.c8, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
      r = (0, list.f9)(list.c9, a, b, c, d, e, f)
      if (isThenable(r)) throw PROMISE
      if (++at === n) return
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r, [a, b, c, d, e, f])
      return site.failed(list, at, error, [a, b, c, d, e, f])
    }
    return site.resume(list, at, [a, b, c, d, e, f])
  }
}

/** By the number of arguments. */
export const CALLERS: readonly Maker[] = [call0, call1, call2, call3, call4, call5, call6]
