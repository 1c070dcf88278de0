// biome-ignore-all lint/complexity/noArguments: a rest parameter would cost an array for each call
import type { Counter } from './counter'
import type { ProviderList } from './provider-list'

/**
 * Calls of verdict hooks, made as those of void hooks are (`void-caller.ts`): without imports at run time, a copy for each list that is
 * called often.
 */
export interface VerdictCallSite {
  readonly point: { readonly list: ProviderList }
  /** Nothing to call, or nothing that may be called so. */
  none(list: ProviderList): unknown
  /** Another number of arguments than this function is for. */
  other(args: ArrayLike<unknown>): unknown
  /** The function of the list that is the current one. */
  moved(args: number): (...args: unknown[]) => unknown
  /** The counter has come to its end. */
  often(): void
  resume(list: ProviderList, from: number, args: readonly unknown[], result: unknown): unknown
  failed(list: ProviderList, at: number, error: unknown): unknown
  /** What is no verdict: a promise, or nonsense. */
  odd(list: ProviderList, at: number, said: unknown): unknown
}

type Maker = (
  site: VerdictCallSite,
  list: ProviderList,
  counter: Counter | undefined,
) => (...args: unknown[]) => unknown

/** Thrown, and caught by whoever throws it: what a provider says is no verdict. */
const ODD = Symbol('odd')

/** Whether the call goes on as it was: `undefined` and `continue` are seen to by whoever asks. */
function isAbort(said: unknown): boolean {
  if (said === 'abort') return true
  if (said === 'done') return false
  throw ODD
}

const call0: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  return function call(): unknown {
    if (arguments.length !== 0) return site.other(arguments)
    if (point.list !== list) return site.moved(0)()
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let result: unknown = 'continue'
    try {
      r = f0(c0)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f1(c1)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f2(c2)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f3(c3)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f4(c4)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f5(c5)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f6(c6)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f7(c7)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f8(c8)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f9(c9)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
    } catch (error) {
      if (error === ODD) return site.odd(list, at, r)
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [], result)
  }
}

const call1: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  return function call(a: unknown): unknown {
    if (arguments.length !== 1) return site.other(arguments)
    if (point.list !== list) return site.moved(1)(a)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let result: unknown = 'continue'
    try {
      r = f0(c0, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f1(c1, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f2(c2, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f3(c3, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f4(c4, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f5(c5, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f6(c6, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f7(c7, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f8(c8, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f9(c9, a)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
    } catch (error) {
      if (error === ODD) return site.odd(list, at, r)
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a], result)
  }
}

const call2: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  return function call(a: unknown, b: unknown): unknown {
    if (arguments.length !== 2) return site.other(arguments)
    if (point.list !== list) return site.moved(2)(a, b)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let result: unknown = 'continue'
    try {
      r = f0(c0, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f1(c1, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f2(c2, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f3(c3, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f4(c4, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f5(c5, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f6(c6, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f7(c7, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f8(c8, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f9(c9, a, b)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
    } catch (error) {
      if (error === ODD) return site.odd(list, at, r)
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b], result)
  }
}

const call3: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  return function call(a: unknown, b: unknown, c: unknown): unknown {
    if (arguments.length !== 3) return site.other(arguments)
    if (point.list !== list) return site.moved(3)(a, b, c)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let result: unknown = 'continue'
    try {
      r = f0(c0, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f1(c1, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f2(c2, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f3(c3, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f4(c4, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f5(c5, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f6(c6, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f7(c7, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f8(c8, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f9(c9, a, b, c)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
    } catch (error) {
      if (error === ODD) return site.odd(list, at, r)
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c], result)
  }
}

const call4: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  return function call(a: unknown, b: unknown, c: unknown, d: unknown): unknown {
    if (arguments.length !== 4) return site.other(arguments)
    if (point.list !== list) return site.moved(4)(a, b, c, d)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let result: unknown = 'continue'
    try {
      r = f0(c0, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f1(c1, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f2(c2, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f3(c3, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f4(c4, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f5(c5, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f6(c6, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f7(c7, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f8(c8, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f9(c9, a, b, c, d)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
    } catch (error) {
      if (error === ODD) return site.odd(list, at, r)
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c, d], result)
  }
}

const call5: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): unknown {
    if (arguments.length !== 5) return site.other(arguments)
    if (point.list !== list) return site.moved(5)(a, b, c, d, e)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let result: unknown = 'continue'
    try {
      r = f0(c0, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f1(c1, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f2(c2, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f3(c3, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f4(c4, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f5(c5, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f6(c6, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f7(c7, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f8(c8, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f9(c9, a, b, c, d, e)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
    } catch (error) {
      if (error === ODD) return site.odd(list, at, r)
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c, d, e], result)
  }
}

const call6: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): unknown {
    if (arguments.length !== 6) return site.other(arguments)
    if (point.list !== list) return site.moved(6)(a, b, c, d, e, f)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let result: unknown = 'continue'
    try {
      r = f0(c0, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f1(c1, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f2(c2, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f3(c3, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f4(c4, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f5(c5, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f6(c6, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f7(c7, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f8(c8, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
      r = f9(c9, a, b, c, d, e, f)
      if (r !== undefined && r !== 'continue') {
        if (isAbort(r)) return r
        result = r
      }
      if (++at === n) return result
    } catch (error) {
      if (error === ODD) return site.odd(list, at, r)
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c, d, e, f], result)
  }
}

/** By the number of arguments. */
export const CALLERS: readonly Maker[] = [call0, call1, call2, call3, call4, call5, call6]
