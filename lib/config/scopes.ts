/**
 * The types of scope a configuration has: the standard ones, and those that modules declare with the same call
 * (CF-36). Owned by a Config, used on its thread; images carry the list to other isolates.
 */
import { checkOptions, flag, invalid } from '../arguments'
import { HeddleError } from '../errors'

/** A type of scope as `defineScope` takes it. */
export interface ScopeSpec {
  /** Letters, digits and underscores; compared without regard to case. */
  readonly name: string
  /** Whether stanzas of it have an instance: `name "instance" { }`. True if left out. */
  readonly instances?: boolean
  /** Names of the scopes it is meant to stand in, which must be declared. `['Global']`, the top, if left out. */
  readonly parents?: readonly string[]
  /** Whether instances compare without regard to case, as host names do. False if left out. */
  readonly ignoreCase?: boolean
  /** The scope whose stanzas it gathers: in it they count as if they stood outside (Binding_Group). */
  readonly groups?: string | undefined
}

/** A declared type of scope. */
export interface Scope {
  readonly name: string
  /** The name in lower case. */
  readonly type: string
  readonly instances: boolean
  readonly parents: readonly string[]
  readonly ignoreCase: boolean
  /** The scope whose stanzas it gathers, in lower case. */
  readonly groups: string | undefined
}

const SPEC: ReadonlySet<string> = new Set(['name', 'instances', 'parents', 'ignoreCase', 'groups'])
const EXAMPLE = "{ name: 'ThreadPool', parents: ['Global'] }"
const NAME = /^[A-Za-z0-9_]{1,64}$/
/** More is a mistake. */
const MAX_SCOPES = 1000

/** Parents before children. Host and Domain are names of hosts, which have no case. */
const STANDARD: readonly ScopeSpec[] = [
  { name: 'Global', instances: false, parents: [] },
  { name: 'Binding_Group', groups: 'Binding' },
  { name: 'Binding', parents: ['Global', 'Binding_Group'] },
  { name: 'Pathway', parents: ['Global'] },
  { name: 'Domain', parents: ['Global', 'Binding', 'Binding_Group', 'Pathway'], ignoreCase: true },
  { name: 'Host', parents: ['Global', 'Binding', 'Binding_Group', 'Pathway'], ignoreCase: true },
]

export class Scopes {
  readonly #scopes = new Map<string, Scope>()

  /** Grows with each change. */
  changes = 0

  constructor() {
    for (const spec of STANDARD) this.define(spec)
  }

  /** The scope of that name, which is made if it is new. The same again is the same; another of that name is refused. */
  define(spec: ScopeSpec, isModule = (_type: string) => false): Scope {
    const scope = checked(spec)
    const known = this.#scopes.get(scope.type)
    if (known !== undefined) {
      if (JSON.stringify({ ...known, name: '' }) === JSON.stringify({ ...scope, name: '' })) return known
      throw new HeddleError('ERR_CONFIG_SCOPE', `the scope ${scope.name} is declared already, in another way`)
    }
    if (isModule(scope.type)) {
      throw new HeddleError('ERR_CONFIG_SCOPE', `${scope.name} is a module with options, and no scope`)
    }
    for (const parent of scope.parents) {
      if (this.#scopes.has(parent)) continue
      throw new HeddleError(
        'ERR_CONFIG_SCOPE',
        `${scope.name} cannot stand in ${parent}: no such scope is declared`,
      )
    }
    if (scope.groups !== undefined && scope.type !== 'binding_group' && !this.#scopes.has(scope.groups))
      throw new HeddleError(
        'ERR_CONFIG_SCOPE',
        `${scope.name} cannot gather ${scope.groups}: no such scope is declared`,
      )
    if (this.#scopes.size === MAX_SCOPES) throw new HeddleError('ERR_CONFIG_LIMIT', 'too many types of scope')
    this.#scopes.set(scope.type, scope)
    this.changes++
    return scope
  }

  /** Takes one back that a failed transaction declared, unless somebody else has built on it meanwhile. */
  remove(scope: Scope): void {
    if (this.list().some(({ parents, groups }) => groups === scope.type || parents.includes(scope.type)))
      return
    this.#scopes.delete(scope.type)
    this.changes++
  }

  get(name: string): Scope | undefined {
    return this.#scopes.get(name.toLowerCase())
  }

  list(): readonly Scope[] {
    return [...this.#scopes.values()]
  }
}

function checked(spec: ScopeSpec): Scope {
  checkOptions('defineScope', spec, SPEC, EXAMPLE)
  const { name, parents = ['Global'] } = spec
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid('the name of a scope', 'consists of letters, digits and underscores', name)
  }
  if (!Array.isArray(parents) || parents.some((parent) => typeof parent !== 'string')) {
    throw invalid('parents', 'is an array of names of scopes', parents)
  }
  if (spec.groups !== undefined && typeof spec.groups !== 'string') {
    throw invalid('groups', 'is the name of a scope', spec.groups)
  }
  return Object.freeze({
    name,
    type: name.toLowerCase(),
    instances: flag('instances', spec.instances, true),
    parents: Object.freeze(parents.map((parent) => parent.toLowerCase())),
    ignoreCase: flag('ignoreCase', spec.ignoreCase, false),
    groups: spec.groups?.toLowerCase(),
  })
}
