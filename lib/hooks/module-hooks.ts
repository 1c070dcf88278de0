import { checkedHookOptions, checkedSpec, type HookOptions, type HookSpec } from './declaration'
import { checkScope, type Declarations } from './declarations'
import type { AnyHook, HookKind, HookRegistration, RegisterOptions } from './hook'
import type { CheckedSpec } from './declaration'
import { HookError } from './hook-error'
import type { HookPoint, Watcher } from './hook-point'
import { type HookInfo, listing } from './listing'
import { checkWord } from './names'
import type { AnyProvider, Provider, ProviderPlace } from './provider'
import type { Roster } from './roster'
import type { Hook } from './value-hook'
import { VERDICT, type VerdictHook } from './verdict-hooks'
import type { VoidHook } from './void-hook'

/** The hooks in libmtev's manner. Their names are their own: no other hook has the scope `verdict`. (HK-16, HK-17) */
export interface VerdictHooks {
  /** The hook of that name, made where there is none. ERR_INVALID_ARGUMENT. */
  declare<A extends unknown[] = []>(name: string, options?: HookOptions): VerdictHook<A>
  /** The hook of that name, undefined where nobody has declared it. */
  resolve<A extends unknown[] = unknown[]>(name: string): VerdictHook<A> | undefined
}

/**
 * The hooks as one module sees them: what it declares is its own, and of the hooks of others it gets those it may call, and
 * others that it can only register with. Made by `hooks.as(module)`. (HK-06)
 */
export class ModuleHooks {
  /** Who sees them; undefined is the program, which may do everything. */
  readonly module: string | undefined
  /** The hooks in libmtev's manner. (HK-16) */
  readonly verdicts: VerdictHooks = {
    declare: <A extends unknown[]>(name: string, options: HookOptions = {}) =>
      this.#declare(VERDICT, name, 'verdict', checkedHookOptions(options)) as unknown as VerdictHook<A>,
    resolve: <A extends unknown[]>(name: string) =>
      this.#resolve(VERDICT, name) as unknown as VerdictHook<A> | undefined,
  }
  readonly #roster: Roster
  readonly #declarations: Declarations
  /** One object a hook, also for those it may not call. */
  readonly #handed = new WeakMap<object, AnyHook>()

  /** @internal */
  constructor(roster: Roster, declarations: Declarations, module?: string) {
    this.#roster = roster
    this.#declarations = declarations
    this.module = module
  }

  /**
   * A hook without a result. Declared a second time in the same way it is the same object. Scope and name are words of letters,
   * digits and underscores. ERR_HOOK_EXISTS, ERR_HOOK_SCOPE, ERR_INVALID_ARGUMENT. (HK-01, HK-13)
   */
  declareVoid<A extends unknown[] = []>(scope: string, name: string, options: HookOptions = {}): VoidHook<A> {
    const spec = checkedHookOptions(options)
    return this.#declareIn(scope, name, 'void', spec) as unknown as VoidHook<A>
  }

  /** A hook with a result. Errors as for `declareVoid`. (HK-02, HK-07, HK-13, HK-21) */
  declare<A extends unknown[], R>(scope: string, name: string, spec: HookSpec<R> = {}): Hook<A, R> {
    const checked = checkedSpec(spec as HookSpec<unknown>)
    return this.#declareIn(scope, name, 'value', checked) as unknown as Hook<A, R>
  }

  /**
   * The hook of that name, whoever declared it, or undefined: a consumer may so come before the hook, and ask again. The types
   * are a promise of the caller. ERR_INVALID_ARGUMENT. (HK-14, HK-17)
   */
  resolve<A extends unknown[] = unknown[], R = unknown>(scope: string, name: string): Hook<A, R> | undefined {
    return this.#resolve(scope, name) as unknown as Hook<A, R> | undefined
  }

  /** Providers of a hook that need not be declared; from now on it is in the list. ERR_INVALID_ARGUMENT. (HK-05) */
  has(scope: string, name: string): number {
    return this.#point(scope, name).list.count
  }

  /**
   * Registers a provider by name: the hook may be declared later. `first` and `last` are those of the hook.
   * Errors as for `hook.registerFirst`. (HK-03, HK-14)
   */
  register<C, A extends unknown[] = unknown[]>(
    scope: string,
    name: string,
    place: ProviderPlace,
    fn: Provider<C, A, unknown>,
    closure: C,
    options?: RegisterOptions,
  ): HookRegistration {
    const point = this.#point(scope, name)
    return this.#roster.register({ point, place, fn, closure, options, by: this.module })
  }

  /**
   * Calls with the functions of the providers of the current generation, in their order: now, and whenever there are others,
   * until what it gives back is called. What watches from a phase whose generation is given up ends with that. @internal
   */
  watchProviders(
    scope: string,
    name: string,
    changed: (functions: readonly AnyProvider[]) => void,
  ): () => void {
    const point = this.#point(scope, name)
    const window = this.#roster.windows.current
    const registry = window?.registry
    const watcher: Watcher = {
      changed: ({ entries }) => changed(entries.map(({ fn }) => fn)),
      owner: this.module ?? window?.module,
      pendingFor: registry?.state === 'pending' ? registry : undefined,
    }
    point.watchers.add(watcher)
    watcher.changed(point.list)
    return () => void point.watchers.delete(watcher)
  }

  /** Reports what a provider of a void hook has failed with that was not called from here. (HK-20) @internal */
  failed(scope: string, name: string, module: string, cause: unknown): void {
    this.#declarations.failed(new HookError(`${scope}.${name}`, { name: '(anonymous)', module }, cause))
  }

  /** All hooks and their providers, by scope and name. (HK-19) */
  list(): HookInfo[] {
    return listing(this.#roster.points.values())
  }

  #point(scope: string, name: string): HookPoint {
    checkWord('scope', scope)
    checkWord('name', name)
    return this.#roster.point(scope, name)
  }

  #declareIn(scope: string, name: string, kind: HookKind, spec: CheckedSpec): AnyHook {
    checkWord('scope', scope)
    checkScope(scope)
    return this.#declare(scope, name, kind, spec)
  }

  #declare(scope: string, name: string, kind: HookKind, spec: CheckedSpec): AnyHook {
    checkWord('name', name)
    const owner = this.module ?? this.#roster.windows.current?.module
    return this.#hand(this.#declarations.declare({ scope, name, kind, spec, owner }))
  }

  #resolve(scope: string, name: string): AnyHook | undefined {
    checkWord('scope', scope)
    checkWord('name', name)
    const declared = this.#roster.points.get(`${scope}.${name}`)?.declared
    return declared && this.#hand(declared)
  }

  #hand(declared: NonNullable<HookPoint['declared']>): AnyHook {
    const known = this.#handed.get(declared)
    if (known !== undefined) return known
    const hook = this.#declarations.handOut(declared, this.module)
    this.#handed.set(declared, hook)
    return hook
  }
}
