import { isDeepStrictEqual, types } from 'node:util'
import { checkOptions, invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { Given, ReturnRule } from './value-site'

/** What may be said about any hook. */
export interface HookOptions {
  /**
   * Which modules may call it, beside the one that declared it: all, none, or those named. Default: all where a module declared
   * it, none where the program did. (HK-06)
   */
  readonly callable?: boolean | readonly string[] | undefined
  /** Types do not exist at run time: where this text is given, a second declaration must give the same. (HK-13) */
  readonly signature?: string | undefined
}

/** What a hook with a result is. */
export interface HookSpec<R> extends HookOptions {
  /** The result where nobody provides one. Without it such a call fails with ERR_NO_PROVIDER. (HK-07) */
  readonly default?: R
  /**
   * Looked at after each provider with what that has returned; `ret` ends the call with a value, at once. It may be called while
   * the rule runs only, so the rule is no async function. Without a rule all run, and the last value is the result. (HK-02)
   */
  readonly onReturn?: ReturnRule<R> | undefined
}

/** A checked declaration. */
export interface CheckedSpec {
  readonly callable: boolean | readonly string[] | undefined
  readonly signature: string | undefined
  readonly fallback: Given<unknown> | undefined
  readonly rule: ReturnRule<unknown> | undefined
}

/** Two that declare the same scope and name differently: ERR_HOOK_EXISTS. (HK-13) */
export class HookExistsError extends HeddleError {
  /** Who declared it first, and who did now. */
  readonly owners: readonly [string, string]

  constructor(hook: string, first: string, second: string, what: string) {
    super('ERR_HOOK_EXISTS', `hook ${hook} is declared by ${first}, and ${what} by ${second}`)
    this.owners = [first, second]
  }
}

/** The text of what is no code of a program. */
const NATIVE = /\{\s*\[native code\]\s*\}$/
const OPTIONS: ReadonlySet<string> = new Set<keyof HookOptions>(['callable', 'signature'])
const SPEC: ReadonlySet<string> = new Set<keyof HookSpec<unknown>>([
  'callable',
  'signature',
  'default',
  'onReturn',
])

/** What `declareVoid` was given. ERR_INVALID_ARGUMENT. */
export function checkedHookOptions(options: HookOptions): CheckedSpec {
  checkOptions('declareVoid', options, OPTIONS, '{ callable: true }')
  return { ...common(options), fallback: undefined, rule: undefined }
}

/** What `declare` was given. ERR_INVALID_ARGUMENT. */
export function checkedSpec(spec: HookSpec<unknown>): CheckedSpec {
  checkOptions('declare', spec, SPEC, '{ default: 0 }')
  const { onReturn: rule } = spec
  if (rule !== undefined && (typeof rule !== 'function' || types.isAsyncFunction(rule)))
    throw invalid('onReturn', 'is a function that is not async', rule)
  const fallback = 'default' in spec ? { value: spec.default } : undefined
  return { ...common(spec), fallback, rule: rule as ReturnRule<unknown> | undefined }
}

/** Whether two declarations say the same. */
export function isSameSpec(a: CheckedSpec, b: CheckedSpec): boolean {
  if (a.signature !== b.signature) return false
  return isEqual(a.callable, b.callable) && isEqual(a.fallback, b.fallback) && isSameRule(a.rule, b.rule)
}

function common({ callable, signature }: HookOptions): Pick<CheckedSpec, 'callable' | 'signature'> {
  if (signature !== undefined && typeof signature !== 'string')
    throw invalid('signature', 'is text', signature)
  return { callable: checkedCallable(callable), signature }
}

function checkedCallable(callable: unknown): CheckedSpec['callable'] {
  if (callable === undefined || typeof callable === 'boolean') return callable
  if (!Array.isArray(callable)) throw invalid('callable', 'is true, false or names of modules', callable)
  const modules: unknown[] = [...callable]
  for (const module of modules)
    if (typeof module !== 'string') throw invalid('callable', 'names modules', module)
  return modules as string[]
}

/** Defaults may be objects whose getters throw. */
function isEqual(a: unknown, b: unknown): boolean {
  try {
    return isDeepStrictEqual(a, b)
  } catch {
    return false
  }
}

/** One function, or two that read alike: what they close over nobody can see. Bound ones and proxies have no text of their own. */
function isSameRule(a: CheckedSpec['rule'], b: CheckedSpec['rule']): boolean {
  if (a === b) return true
  if (a === undefined || b === undefined) return false
  const text = textOf(a)
  return text === textOf(b) && !NATIVE.test(text)
}

function textOf(fn: object): string {
  return Function.prototype.toString.call(fn)
}
