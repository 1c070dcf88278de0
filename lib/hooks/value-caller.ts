// biome-ignore-all lint/complexity/noArguments: a rest parameter would cost an array for each call
import type { Counter } from './counter'
import type { ProviderList } from './provider-list'

type Rule = (returned: unknown, ret: (value: unknown) => void) => void

/** What a rule has said. The site's, whichever function calls. */
interface Judge {
  /** 0: no rule runs. 1: it runs. 2: it has returned early. */
  state: number
  readonly ret: (value: unknown) => void
  /** The value that was returned early; then nothing has been said. */
  taken(): unknown
}

/**
 * Calls of hooks with a result, made as those of void hooks are (`void-caller.ts`): without imports at run time, a copy for each list
 * that is called often. After each provider the rule is looked at.
 */
export interface ValueCallSite {
  readonly point: { readonly list: ProviderList }
  readonly rule: Rule | undefined
  readonly judge: Judge
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
function refuse(value: unknown): boolean {
  if (isThenable(value)) throw PROMISE
  return false
}

function isPromise(r: unknown): boolean {
  return r !== undefined && refuse(r)
}

/**
 * What looks at the results. Ten copies must fit in what V8 inlines into one function (920 bytes): parameters that nobody assigns are
 * constants to it, as `const` would be, and need no look whether they are initialised.
 */
function isOverFor(judge: Judge, rule: Rule | undefined, ret: Judge['ret']) {
  return rule === undefined ? isPromise : isOver

  function isOver(r: unknown): boolean {
    if (typeof r === 'object' || typeof r === 'function') refuse(r)
    judge.state = 1
    ;(rule as Rule)(r, ret)
    if (judge.state === 2) return true
    judge.state = 0
    return false
  }
}

/** A call has thrown: a provider, the rule, or `refuse`. */
function failed(site: ValueCallSite, list: ProviderList, at: number, error: unknown, r: unknown): unknown {
  const { judge } = site
  if (error === PROMISE) return site.promised(list, at, r)
  const wasRuling = judge.state !== 0
  judge.taken()
  if (wasRuling) throw error
  return site.failed(list, at, error)
}

const call0: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { judge } = site
  const isOver = isOverFor(judge, site.rule, judge.ret)
  return function call(): unknown {
    if (arguments.length !== 0) return site.other(arguments)
    if (point.list !== list) return site.moved(0)()
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    if (judge.state !== 0) return site.resume(list, 0, [])
    let at = 0
    let r: unknown
    try {
      r = f0(c0)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f1(c1)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f2(c2)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f3(c3)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f4(c4)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f5(c5)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f6(c6)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f7(c7)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f8(c8)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f9(c9)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
    } catch (error) {
      return failed(site, list, at, error, r)
    }
    return site.resume(list, at, [], r)
  }
}

const call1: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { judge } = site
  const isOver = isOverFor(judge, site.rule, judge.ret)
  return function call(a: unknown): unknown {
    if (arguments.length !== 1) return site.other(arguments)
    if (point.list !== list) return site.moved(1)(a)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    if (judge.state !== 0) return site.resume(list, 0, [a])
    let at = 0
    let r: unknown
    try {
      r = f0(c0, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f1(c1, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f2(c2, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f3(c3, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f4(c4, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f5(c5, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f6(c6, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f7(c7, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f8(c8, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f9(c9, a)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
    } catch (error) {
      return failed(site, list, at, error, r)
    }
    return site.resume(list, at, [a], r)
  }
}

const call2: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { judge } = site
  const isOver = isOverFor(judge, site.rule, judge.ret)
  return function call(a: unknown, b: unknown): unknown {
    if (arguments.length !== 2) return site.other(arguments)
    if (point.list !== list) return site.moved(2)(a, b)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    if (judge.state !== 0) return site.resume(list, 0, [a, b])
    let at = 0
    let r: unknown
    try {
      r = f0(c0, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f1(c1, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f2(c2, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f3(c3, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f4(c4, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f5(c5, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f6(c6, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f7(c7, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f8(c8, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f9(c9, a, b)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
    } catch (error) {
      return failed(site, list, at, error, r)
    }
    return site.resume(list, at, [a, b], r)
  }
}

const call3: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { judge } = site
  const isOver = isOverFor(judge, site.rule, judge.ret)
  return function call(a: unknown, b: unknown, c: unknown): unknown {
    if (arguments.length !== 3) return site.other(arguments)
    if (point.list !== list) return site.moved(3)(a, b, c)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    if (judge.state !== 0) return site.resume(list, 0, [a, b, c])
    let at = 0
    let r: unknown
    try {
      r = f0(c0, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f1(c1, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f2(c2, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f3(c3, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f4(c4, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f5(c5, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f6(c6, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f7(c7, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f8(c8, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f9(c9, a, b, c)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
    } catch (error) {
      return failed(site, list, at, error, r)
    }
    return site.resume(list, at, [a, b, c], r)
  }
}

const call4: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { judge } = site
  const isOver = isOverFor(judge, site.rule, judge.ret)
  return function call(a: unknown, b: unknown, c: unknown, d: unknown): unknown {
    if (arguments.length !== 4) return site.other(arguments)
    if (point.list !== list) return site.moved(4)(a, b, c, d)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    if (judge.state !== 0) return site.resume(list, 0, [a, b, c, d])
    let at = 0
    let r: unknown
    try {
      r = f0(c0, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f1(c1, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f2(c2, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f3(c3, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f4(c4, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f5(c5, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f6(c6, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f7(c7, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f8(c8, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f9(c9, a, b, c, d)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
    } catch (error) {
      return failed(site, list, at, error, r)
    }
    return site.resume(list, at, [a, b, c, d], r)
  }
}

const call5: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { judge } = site
  const isOver = isOverFor(judge, site.rule, judge.ret)
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): unknown {
    if (arguments.length !== 5) return site.other(arguments)
    if (point.list !== list) return site.moved(5)(a, b, c, d, e)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    if (judge.state !== 0) return site.resume(list, 0, [a, b, c, d, e])
    let at = 0
    let r: unknown
    try {
      r = f0(c0, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f1(c1, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f2(c2, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f3(c3, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f4(c4, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f5(c5, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f6(c6, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f7(c7, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f8(c8, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f9(c9, a, b, c, d, e)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
    } catch (error) {
      return failed(site, list, at, error, r)
    }
    return site.resume(list, at, [a, b, c, d, e], r)
  }
}

const call6: Maker = (site, list, counter) => {
  const { point } = site
  const { size: n, f0, c0, f1, c1, f2, c2, f3, c3, f4, c4, f5, c5, f6, c6, f7, c7, f8, c8, f9, c9 } = list
  const { judge } = site
  const isOver = isOverFor(judge, site.rule, judge.ret)
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): unknown {
    if (arguments.length !== 6) return site.other(arguments)
    if (point.list !== list) return site.moved(6)(a, b, c, d, e, f)
    if (counter !== undefined && --counter.left === 0) site.often()
    if (n <= 0) return site.none(list)
    if (judge.state !== 0) return site.resume(list, 0, [a, b, c, d, e, f])
    let at = 0
    let r: unknown
    try {
      r = f0(c0, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f1(c1, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f2(c2, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f3(c3, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f4(c4, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f5(c5, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f6(c6, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f7(c7, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f8(c8, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
      r = f9(c9, a, b, c, d, e, f)
      if (isOver(r)) return judge.taken()
      if (++at === n) return r
    } catch (error) {
      return failed(site, list, at, error, r)
    }
    return site.resume(list, at, [a, b, c, d, e, f], r)
  }
}

/** By the number of arguments. */
export const CALLERS: readonly Maker[] = [call0, call1, call2, call3, call4, call5, call6]
