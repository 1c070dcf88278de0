// biome-ignore-all lint/complexity/noArguments: a rest parameter would cost an array for each call
import type { Counter } from './counter'
import type { ProviderList } from './provider-list'

type Rule = (returned: unknown, ret: (value: unknown) => void) => void

/**
 * Calls of hooks with a result, made as those of void hooks are (`void-caller.ts`): without imports at run time, a copy for each list
 * that is called often. After each provider the rule is looked at. What that may say is of the call: V8 sees that the return function
 * does not get away, and makes none, as long as no rule keeps it.
 */
export interface ValueCallSite {
  readonly point: { readonly list: ProviderList }
  readonly rule: Rule | undefined
  /** The error of a rule that returns when it is over. */
  late(): Error
  /** Nothing to call, or nothing that may be called so. */
  none(list: ProviderList): unknown
  /** Another number of arguments than this function is for. */
  other(args: ArrayLike<unknown>): unknown
  /** The function of the list that is the current one. */
  moved(args: number): (...args: unknown[]) => unknown
  /** The counter has come to its end. */
  often(): void
  resume(list: ProviderList, from: number, args: readonly unknown[], last?: unknown): unknown
  failed(list: ProviderList, at: number, error: unknown): unknown
  promised(list: ProviderList, at: number, result: unknown): unknown
}

type Maker = (
  site: ValueCallSite,
  list: ProviderList,
  counter: Counter | undefined,
) => (...args: unknown[]) => unknown

/** Thrown, and caught by whoever throws it: a provider promises. */
const PROMISE = Symbol('promise')

function isThenable(value: unknown): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as PromiseLike<unknown>).then === 'function'
}

/** Finds promises; few results are objects, so it is not part of what is compiled into calls. */
function refuse(value: unknown): void {
  if (isThenable(value)) throw PROMISE
}

/** Where none was declared. */
const NO_RULE: Rule = () => {}

const call0: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { rule = NO_RULE } = site
  return function call(): unknown {
    if (arguments.length !== 0) return site.other(arguments)
    if (point.list !== list) return site.moved(0)()
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let isRuling = false
    let isReturned = false
    let result: unknown
    const ret = (value: unknown): void => {
      if (!isRuling) throw site.late()
      if (isReturned) return
      isReturned = true
      result = value
    }
    try {
      r = f0(c0)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f1(c1)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f2(c2)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f3(c3)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f4(c4)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f5(c5)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f6(c6)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f7(c7)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f8(c8)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f9(c9)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      if (wasRuling) throw error
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [], r)
  }
}

const call1: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { rule = NO_RULE } = site
  return function call(a: unknown): unknown {
    if (arguments.length !== 1) return site.other(arguments)
    if (point.list !== list) return site.moved(1)(a)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let isRuling = false
    let isReturned = false
    let result: unknown
    const ret = (value: unknown): void => {
      if (!isRuling) throw site.late()
      if (isReturned) return
      isReturned = true
      result = value
    }
    try {
      r = f0(c0, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f1(c1, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f2(c2, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f3(c3, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f4(c4, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f5(c5, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f6(c6, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f7(c7, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f8(c8, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f9(c9, a)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      if (wasRuling) throw error
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a], r)
  }
}

const call2: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { rule = NO_RULE } = site
  return function call(a: unknown, b: unknown): unknown {
    if (arguments.length !== 2) return site.other(arguments)
    if (point.list !== list) return site.moved(2)(a, b)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let isRuling = false
    let isReturned = false
    let result: unknown
    const ret = (value: unknown): void => {
      if (!isRuling) throw site.late()
      if (isReturned) return
      isReturned = true
      result = value
    }
    try {
      r = f0(c0, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f1(c1, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f2(c2, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f3(c3, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f4(c4, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f5(c5, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f6(c6, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f7(c7, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f8(c8, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f9(c9, a, b)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      if (wasRuling) throw error
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b], r)
  }
}

const call3: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { rule = NO_RULE } = site
  return function call(a: unknown, b: unknown, c: unknown): unknown {
    if (arguments.length !== 3) return site.other(arguments)
    if (point.list !== list) return site.moved(3)(a, b, c)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let isRuling = false
    let isReturned = false
    let result: unknown
    const ret = (value: unknown): void => {
      if (!isRuling) throw site.late()
      if (isReturned) return
      isReturned = true
      result = value
    }
    try {
      r = f0(c0, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f1(c1, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f2(c2, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f3(c3, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f4(c4, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f5(c5, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f6(c6, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f7(c7, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f8(c8, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f9(c9, a, b, c)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      if (wasRuling) throw error
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c], r)
  }
}

const call4: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { rule = NO_RULE } = site
  return function call(a: unknown, b: unknown, c: unknown, d: unknown): unknown {
    if (arguments.length !== 4) return site.other(arguments)
    if (point.list !== list) return site.moved(4)(a, b, c, d)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let isRuling = false
    let isReturned = false
    let result: unknown
    const ret = (value: unknown): void => {
      if (!isRuling) throw site.late()
      if (isReturned) return
      isReturned = true
      result = value
    }
    try {
      r = f0(c0, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f1(c1, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f2(c2, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f3(c3, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f4(c4, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f5(c5, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f6(c6, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f7(c7, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f8(c8, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f9(c9, a, b, c, d)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      if (wasRuling) throw error
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c, d], r)
  }
}

const call5: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { rule = NO_RULE } = site
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): unknown {
    if (arguments.length !== 5) return site.other(arguments)
    if (point.list !== list) return site.moved(5)(a, b, c, d, e)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let isRuling = false
    let isReturned = false
    let result: unknown
    const ret = (value: unknown): void => {
      if (!isRuling) throw site.late()
      if (isReturned) return
      isReturned = true
      result = value
    }
    try {
      r = f0(c0, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f1(c1, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f2(c2, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f3(c3, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f4(c4, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f5(c5, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f6(c6, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f7(c7, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f8(c8, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f9(c9, a, b, c, d, e)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      if (wasRuling) throw error
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c, d, e], r)
  }
}

const call6: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { rule = NO_RULE } = site
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): unknown {
    if (arguments.length !== 6) return site.other(arguments)
    if (point.list !== list) return site.moved(6)(a, b, c, d, e, f)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    let at = 0
    let r: unknown
    let isRuling = false
    let isReturned = false
    let result: unknown
    const ret = (value: unknown): void => {
      if (!isRuling) throw site.late()
      if (isReturned) return
      isReturned = true
      result = value
    }
    try {
      r = f0(c0, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f1(c1, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f2(c2, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f3(c3, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f4(c4, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f5(c5, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f6(c6, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f7(c7, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f8(c8, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
      r = f9(c9, a, b, c, d, e, f)
      if (typeof r === 'object' || typeof r === 'function') refuse(r)
      isRuling = true
      rule(r, ret)
      isRuling = false
      if (isReturned) return result
      if (++at === n) return r
    } catch (error) {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      if (wasRuling) throw error
      return site.failed(list, at, error)
    }
    return site.resume(list, at, [a, b, c, d, e, f], r)
  }
}

/** By the number of arguments. */
export const CALLERS: readonly Maker[] = [call0, call1, call2, call3, call4, call5, call6]
