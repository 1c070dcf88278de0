import { HeddleError } from '../errors'
import { type CheckedSpec, HookExistsError, isSameSpec } from './declaration'
import type { AnyHook, HookKind } from './hook'
import type { HookError } from './hook-error'
import type { Declaration, HookPoint } from './hook-point'
import type { HookErrorHandler } from './report'
import { report } from './report'
import type { Roster } from './roster'
import { type Reporter, type Site, VoidSite } from './site'
import { ValueSite } from './value-site'
import { Hook } from './value-hook'
import { VERDICT, VerdictHook } from './verdict-hooks'
import { VerdictSite } from './verdict-site'
import { VoidHook } from './void-hook'

/** Scopes in which the program declares, and no module. */
const RESERVED: ReadonlySet<string> = new Set(['core', 'config'])
const PROGRAM = 'the program'

/** One call of a declaring function. */
export interface Declaring {
  readonly scope: string
  readonly name: string
  readonly kind: HookKind
  readonly spec: CheckedSpec
  /** The module that declares, undefined for the program. */
  readonly owner: string | undefined
}

/** Who declared which hook, and who may call it. */
export class Declarations {
  onError: HookErrorHandler | undefined
  /** Told of each new one. */
  onDeclared: (point: HookPoint) => void = () => {}
  readonly #roster: Roster
  readonly #reporter: Reporter = (error) => report(error, this.onError)

  constructor(roster: Roster) {
    this.#roster = roster
  }

  /** The declaration of that scope and name, made where there is none. ERR_HOOK_EXISTS, ERR_HOOK_SCOPE. */
  declare(declaring: Declaring): Declaration {
    const { scope, name, kind, spec, owner } = declaring
    const point = this.#roster.point(scope, name)
    const window = this.#roster.windows.of(owner)
    const known = point.declared
    if (known !== undefined) {
      if (known.hook.kind !== kind || !isSameSpec(known.spec, spec)) throw differs(point, known, declaring)
      if (known.pendingFor !== window?.registry) known.pendingFor = undefined
      return known
    }
    if (owner !== undefined && RESERVED.has(scope)) {
      const message = `hook ${point.fullName}: module ${owner} may not declare in scope ${scope}`
      throw new HeddleError('ERR_HOOK_SCOPE', message)
    }
    const registry = window?.registry
    const site = this.#site(point, kind, spec)
    const pendingFor = registry?.state === 'pending' ? registry : undefined
    point.declared = { hook: this.#hook(kind, site), site, owner, spec, pendingFor }
    this.onDeclared(point)
    return point.declared
  }

  /** What a module, or the program, gets of a hook: the hook, or one that can do everything but call. (HK-06) */
  handOut({ hook, site, owner, spec }: Declaration, to: string | undefined): AnyHook {
    if (to === undefined || to === owner) return hook
    const { callable = owner !== undefined } = spec
    const isCallable = Array.isArray(callable) ? callable.includes(to) : callable === true
    return isCallable ? hook : this.#hook(hook.kind, site, to)
  }

  /** A provider of a void hook has failed. */
  failed(error: HookError): void {
    this.#reporter(error)
  }

  #site(point: HookPoint, kind: HookKind, { rule, fallback }: CheckedSpec): Site<unknown> {
    if (kind === 'void') return new VoidSite(point, this.#reporter)
    if (kind === 'verdict') return new VerdictSite(point, this.#reporter)
    return new ValueSite<unknown>(point, this.#reporter, rule, fallback)
  }

  #hook(kind: HookKind, site: Site<unknown>, stranger?: string): AnyHook {
    const known = { void: VoidHook, value: Hook, verdict: VerdictHook }
    const Kind = known[kind] as unknown as new (r: Roster, s: Site<unknown>, stranger?: string) => AnyHook
    return new Kind(this.#roster, site, stranger)
  }
}

/** ERR_HOOK_SCOPE for the scope that verdict hooks have to themselves. */
export function checkScope(scope: string): void {
  if (scope === VERDICT)
    throw new HeddleError(
      'ERR_HOOK_SCOPE',
      `scope ${VERDICT} is that of verdict hooks: hooks.verdicts.declare`,
    )
}

function differs(point: HookPoint, known: Declaration, { kind, owner }: Declaring): HookExistsError {
  const what = known.hook.kind === kind ? 'differently' : `as a ${kind} hook`
  return new HookExistsError(point.fullName, known.owner ?? PROGRAM, owner ?? PROGRAM, what)
}
