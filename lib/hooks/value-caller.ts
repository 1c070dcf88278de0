// biome-ignore-all lint/complexity/noCommaOperator: a provider called as a method would get the list as its `this`
// biome-ignore-all lint/complexity/noArguments: a rest parameter would cost an array for each call
// biome-ignore-all lint/suspicious/noVar: see judgeFor
import type { ProviderList } from './provider-list'

type Rule = (returned: unknown, ret: (value: unknown) => void) => void

/**
 * Calls of hooks with a result, made as those of void hooks are (`void-caller.ts`): without imports at run time, a copy for each hook
 * that is called often. After each provider the rule is looked at.
 */
export interface ValueCallSite {
  readonly point: { readonly list: ProviderList }
  readonly rule: Rule | undefined
  /** The error of a rule that returns when it is over. */
  late(): Error
  none(list: ProviderList): unknown
  resume(list: ProviderList, from: number, args: readonly unknown[], last?: unknown): unknown
  failed(list: ProviderList, at: number, error: unknown): unknown
  promised(list: ProviderList, at: number, result: unknown): unknown
  other(args: ArrayLike<unknown>): unknown
}

type Maker = (site: ValueCallSite) => (...args: unknown[]) => unknown

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

/**
 * What looks at the results of one call function. Ten copies of `isOver` must fit in what V8 inlines into one function (920 bytes):
 * with `var` and function declarations it has 41 bytes, with `let` and `const`, which may be uninitialised, 60.
 */
function judgeFor(site: ValueCallSite) {
  var rule = site.rule as Rule
  var isRuling = false
  var isReturned = false
  var result: unknown

  function ret(value: unknown): void {
    if (!isRuling) throw site.late()
    if (isReturned) return
    isReturned = true
    result = value
  }

  function isOver(r: unknown): boolean {
    if (typeof r === 'object' || typeof r === 'function') refuse(r)
    isRuling = true
    rule(r, ret)
    isRuling = false
    return isReturned
  }

  return {
    /** The rule itself calls the hook: such a call is the site's. */
    isBusy: (): boolean => isRuling,
    isOver: site.rule === undefined ? refuse : isOver,
    taken(): unknown {
      const value = result
      result = undefined
      isReturned = false
      return value
    },
    failed(list: ProviderList, at: number, error: unknown, r: unknown): unknown {
      if (error === PROMISE) return site.promised(list, at, r)
      const wasRuling = isRuling
      isRuling = false
      isReturned = false
      result = undefined
      if (wasRuling) throw error
      return site.failed(list, at, error)
    },
  }
}

const call0: Maker = (site) => {
  const { point } = site
  const { isBusy, isOver, taken, failed } = judgeFor(site)
  return function call(): unknown {
    if (arguments.length !== 0) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    if (isBusy()) return site.resume(list, 0, [])
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f1)(list.c1)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f2)(list.c2)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f3)(list.c3)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f4)(list.c4)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f5)(list.c5)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f6)(list.c6)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f7)(list.c7)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f8)(list.c8)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f9)(list.c9)
      if (isOver(r)) return taken()
      if (++at === n) return r
    } catch (error) {
      return failed(list, at, error, r)
    }
    return site.resume(list, at, [], r)
  }
}

const call1: Maker = (site) => {
  const { point } = site
  const { isBusy, isOver, taken, failed } = judgeFor(site)
  return function call(a: unknown): unknown {
    if (arguments.length !== 1) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    if (isBusy()) return site.resume(list, 0, [a])
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f1)(list.c1, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f2)(list.c2, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f3)(list.c3, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f4)(list.c4, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f5)(list.c5, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f6)(list.c6, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f7)(list.c7, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f8)(list.c8, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f9)(list.c9, a)
      if (isOver(r)) return taken()
      if (++at === n) return r
    } catch (error) {
      return failed(list, at, error, r)
    }
    return site.resume(list, at, [a], r)
  }
}

const call2: Maker = (site) => {
  const { point } = site
  const { isBusy, isOver, taken, failed } = judgeFor(site)
  return function call(a: unknown, b: unknown): unknown {
    if (arguments.length !== 2) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    if (isBusy()) return site.resume(list, 0, [a, b])
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f1)(list.c1, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f2)(list.c2, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f3)(list.c3, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f4)(list.c4, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f5)(list.c5, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f6)(list.c6, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f7)(list.c7, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f8)(list.c8, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f9)(list.c9, a, b)
      if (isOver(r)) return taken()
      if (++at === n) return r
    } catch (error) {
      return failed(list, at, error, r)
    }
    return site.resume(list, at, [a, b], r)
  }
}

const call3: Maker = (site) => {
  const { point } = site
  const { isBusy, isOver, taken, failed } = judgeFor(site)
  return function call(a: unknown, b: unknown, c: unknown): unknown {
    if (arguments.length !== 3) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    if (isBusy()) return site.resume(list, 0, [a, b, c])
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f1)(list.c1, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f2)(list.c2, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f3)(list.c3, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f4)(list.c4, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f5)(list.c5, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f6)(list.c6, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f7)(list.c7, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f8)(list.c8, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f9)(list.c9, a, b, c)
      if (isOver(r)) return taken()
      if (++at === n) return r
    } catch (error) {
      return failed(list, at, error, r)
    }
    return site.resume(list, at, [a, b, c], r)
  }
}

const call4: Maker = (site) => {
  const { point } = site
  const { isBusy, isOver, taken, failed } = judgeFor(site)
  return function call(a: unknown, b: unknown, c: unknown, d: unknown): unknown {
    if (arguments.length !== 4) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    if (isBusy()) return site.resume(list, 0, [a, b, c, d])
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f1)(list.c1, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f2)(list.c2, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f3)(list.c3, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f4)(list.c4, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f5)(list.c5, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f6)(list.c6, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f7)(list.c7, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f8)(list.c8, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f9)(list.c9, a, b, c, d)
      if (isOver(r)) return taken()
      if (++at === n) return r
    } catch (error) {
      return failed(list, at, error, r)
    }
    return site.resume(list, at, [a, b, c, d], r)
  }
}

const call5: Maker = (site) => {
  const { point } = site
  const { isBusy, isOver, taken, failed } = judgeFor(site)
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): unknown {
    if (arguments.length !== 5) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    if (isBusy()) return site.resume(list, 0, [a, b, c, d, e])
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f1)(list.c1, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f2)(list.c2, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f3)(list.c3, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f4)(list.c4, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f5)(list.c5, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f6)(list.c6, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f7)(list.c7, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f8)(list.c8, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f9)(list.c9, a, b, c, d, e)
      if (isOver(r)) return taken()
      if (++at === n) return r
    } catch (error) {
      return failed(list, at, error, r)
    }
    return site.resume(list, at, [a, b, c, d, e], r)
  }
}

const call6: Maker = (site) => {
  const { point } = site
  const { isBusy, isOver, taken, failed } = judgeFor(site)
  return function call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown, f: unknown): unknown {
    if (arguments.length !== 6) return site.other(arguments)
    const list = point.list
    const n = list.size
    if (n <= 0) return site.none(list)
    if (isBusy()) return site.resume(list, 0, [a, b, c, d, e, f])
    let at = 0
    let r: unknown
    try {
      r = (0, list.f0)(list.c0, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f1)(list.c1, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f2)(list.c2, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f3)(list.c3, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f4)(list.c4, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f5)(list.c5, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f6)(list.c6, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f7)(list.c7, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f8)(list.c8, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
      r = (0, list.f9)(list.c9, a, b, c, d, e, f)
      if (isOver(r)) return taken()
      if (++at === n) return r
    } catch (error) {
      return failed(list, at, error, r)
    }
    return site.resume(list, at, [a, b, c, d, e, f], r)
  }
}

/** By the number of arguments. */
export const CALLERS: readonly Maker[] = [call0, call1, call2, call3, call4, call5, call6]
