/**
 * Fallback paths: where an option may stand, the most specific place first. `Binding:Domain>Domain>Global` looks into
 * the domain's stanza in the binding's, then into the domain's, then at the top. Only what is written is looked at
 * (CF-20). `[name]` and a name that is no scope are the stanza of a module (CF-18). Immutable, of any isolate.
 */
import { HeddleError } from '../errors'
import type { Scope, Scopes } from './scopes'

/** One step: the scopes whose stanzas are nested in each other, outermost first. None of them is the top. */
export interface FallbackStep {
  /** `binding:domain`, empty for the top. */
  readonly key: string
  readonly scopes: readonly Scope[]
}

export interface Fallback {
  /** As it was written. */
  readonly text: string
  readonly steps: readonly FallbackStep[]
  /** The module whose stanza it is, in lower case; undefined for a path of scopes. */
  readonly module: string | undefined
  /** Whether the module has but one stanza: `[name]`. */
  readonly isSingleton: boolean
}

const MODULE = /^(?:\[\s*([A-Za-z0-9_-]{1,64})\s*\]|([A-Za-z0-9_-]{1,64}))$/
const MAX_STEPS = 32
const MAX_NESTING = 8

/** Throws ERR_OPTION_DEF for what is no path. */
export function parseFallback(text: unknown, scopes: Scopes): Fallback {
  if (typeof text !== 'string') throw bad(text, 'is text such as Domain>Global or [module]')
  const trimmed = text.trim()
  const [, singleton, plain] = MODULE.exec(trimmed) ?? []
  if (singleton !== undefined) return moduleFallback(text, singleton, true, scopes)
  if (plain !== undefined && scopes.get(plain) === undefined)
    return moduleFallback(text, plain, false, scopes)
  const steps = trimmed.split('>').map((part) => parseStep(text, part, scopes))
  if (steps.length > MAX_STEPS) throw bad(text, `has at most ${MAX_STEPS} steps`)
  if (new Set(steps.map(({ key }) => key)).size < steps.length) throw bad(text, 'names each step once')
  return Object.freeze({ text, steps: Object.freeze(steps), module: undefined, isSingleton: false })
}

function parseStep(text: string, part: string, scopes: Scopes): FallbackStep {
  const nested = part
    .split(':')
    .map((name) => known(text, name, scopes))
    .filter(({ type }) => type !== 'global')
  if (nested.length > MAX_NESTING) throw bad(text, `nests at most ${MAX_NESTING} scopes`)
  const group = nested.find(({ groups }, i) => groups !== undefined && groups === nested[i + 1]?.type)
  if (group !== undefined)
    throw bad(text, `leaves out ${group.name} before what it gathers, which counts as if it stood outside`)
  return stepOf(nested)
}

function known(text: string, name: string, scopes: Scopes): Scope {
  const scope = scopes.get(name.trim())
  if (scope !== undefined) return scope
  throw bad(text, `consists of declared scopes; '${name.trim()}' is none`)
}

function stepOf(nested: readonly Scope[]): FallbackStep {
  return Object.freeze({ key: nested.map(({ type }) => type).join(':'), scopes: Object.freeze(nested) })
}

function moduleFallback(text: string, name: string, isSingleton: boolean, scopes: Scopes): Fallback {
  if (scopes.get(name) !== undefined) throw bad(text, `names a module; '${name}' is a scope`)
  return stanzaOf(text, name, isSingleton)
}

function stanzaOf(text: string, name: string, isSingleton: boolean): Fallback {
  const type = name.toLowerCase()
  const scope: Scope = Object.freeze({
    name,
    type,
    instances: !isSingleton,
    parents: Object.freeze(['global']),
    ignoreCase: false,
    groups: undefined,
  })
  return Object.freeze({ text, steps: Object.freeze([stepOf([scope])]), module: type, isSingleton })
}

/** A path as other isolates get it: what it is, whatever its text would be among the scopes that came later. */
export interface FallbackLine {
  readonly text: string
  /** Types of the scopes of each step; of a module's, its name as it was written. */
  readonly steps: readonly (readonly string[])[]
  readonly isModule: boolean
  readonly isSingleton: boolean
}

export function lineOf({ text, steps, module, isSingleton }: Fallback): FallbackLine {
  const isModule = module !== undefined
  const names = steps.map(({ scopes }) => scopes.map(({ name, type }) => (isModule ? name : type)))
  return { text, steps: names, isModule, isSingleton }
}

/** The path of a line, among scopes that came with it. */
export function fallbackOf({ text, steps, isModule, isSingleton }: FallbackLine, scopes: Scopes): Fallback {
  if (isModule) return stanzaOf(text, steps[0]?.[0] as string, isSingleton)
  const parsed = steps.map((step) => stepOf(step.map((type) => scopes.get(type) as Scope)))
  return Object.freeze({ text, steps: Object.freeze(parsed), module: undefined, isSingleton })
}

function bad(text: unknown, expected: string): HeddleError {
  return new HeddleError('ERR_OPTION_DEF', `a fallback path ${expected}, not as in '${String(text)}'`)
}
