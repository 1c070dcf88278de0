/**
 * The one spelling of places in a configuration, for the console, the sections and the API:
 *
 * - `Key` and `Global.Key`: an option at the top.
 * - `module.key`, `module "instance".key`: in a stanza.
 * - `Domain "foo.com".Key`, `Domain:foo.com.Key`: the last dot ends an instance without quotation marks.
 * - `Binding "b" Domain "d" Key`: nested. Stanzas may be parted by a dot or by blanks.
 *
 * Names compare without regard to case; instances are taken as they are. Plain functions, in any isolate.
 */
import { HeddleError } from '../errors'
import { isWellFormed } from './syntax/characters'

/** A stanza on the way to a key. */
export interface PathStep {
  readonly name: string
  /** The name in lower case. */
  readonly type: string
  readonly instance: string | undefined
}

/** The way to a setting: the stanzas from the top, and its name. */
export interface KeyPath {
  /** From the top inwards, without `Global`. */
  readonly steps: readonly PathStep[]
  readonly name: string
  /** The name in lower case. */
  readonly key: string
}

const NAME = /[A-Za-z0-9_-]+/y
const QUOTED = /[ \t]*:?[ \t]*"((?:[^"\\]|\\.)*)"/y
const BARE = /:(\S+)/y
const BETWEEN = /[ \t]*\.?[ \t]*/y
/** More is a mistake. */
const MAX_LENGTH = 4096

/** A path that ends with the name of an option. */
export function parsePath(path: string): KeyPath {
  const steps = parseSteps(path)
  const last = steps.pop()
  if (last === undefined || last.instance !== undefined) throw bad(path, 'ends with the name of an option')
  return { steps: withoutGlobal(steps), name: last.name, key: last.type }
}

/** A path to a stanza; empty or `Global` is the top. */
export function parseScopePath(path: string): readonly PathStep[] {
  return path.trim() === '' ? [] : withoutGlobal(parseSteps(path))
}

/** The path as one would write it. */
export function printPath(steps: readonly PathStep[], name?: string): string {
  const stanzas = steps.map((step) => stanzaText(step.name, step.instance))
  if (name === undefined) return stanzas.length === 0 ? 'Global' : stanzas.join(' ')
  return stanzas.length === 0 ? `Global.${name}` : `${stanzas.join(' ')}.${name}`
}

export function stanzaText(name: string, instance: string | undefined): string {
  return instance === undefined ? name : `${name} "${instance.replace(/["\\]/g, '\\$&')}"`
}

function parseSteps(path: unknown): PathStep[] {
  if (typeof path !== 'string') throw bad(path, 'is text')
  const text = path.trim()
  if (text === '' || text.length > MAX_LENGTH) throw bad(path, 'names an option or a stanza')
  const steps: PathStep[] = []
  let at = 0
  while (at < text.length) {
    const name = take(NAME, text, at)?.[0]
    if (name === undefined) throw bad(path, `has a name at character ${at + 1}`)
    at = stepAfter(steps, name, text, at + name.length)
    const between = take(BETWEEN, text, at)?.[0] ?? ''
    if (between === '' && at < text.length) throw bad(path, `has a dot or a blank at character ${at + 1}`)
    at += between.length
    if (at === text.length && between !== '') throw bad(path, 'does not end with a dot')
  }
  return steps
}

/** Adds the step of a name whose instance, if any, begins at `at`. Returns where it ends. */
function stepAfter(steps: PathStep[], name: string, text: string, at: number): number {
  const quoted = take(QUOTED, text, at)
  if (quoted !== undefined) {
    steps.push(step(name, (quoted[1] as string).replace(/\\(.)/g, '$1')))
    return at + quoted[0].length
  }
  const bare = take(BARE, text, at)?.[1]
  if (bare === undefined) {
    steps.push(step(name))
    return at
  }
  const end = at + 1 + bare.length
  const dot = end === text.length ? bare.lastIndexOf('.') : -1
  if (dot <= 0) {
    steps.push(step(name, bare))
    return end
  }
  steps.push(step(name, bare.slice(0, dot)))
  return at + 1 + dot
}

function step(name: string, instance?: string): PathStep {
  return { name, type: name.toLowerCase(), instance }
}

/** Whether a stanza outside of all others is but another way to write the top. */
export function isGlobal(type: string, instance: string | null | undefined): boolean {
  return type === 'global' && (instance ?? undefined) === undefined
}

/** The steps and the name, if a file can say them. ERR_CONFIG_PATH. */
export function writable<P extends { readonly steps: readonly PathStep[]; readonly name?: string }>(
  at: P,
): P {
  for (const { name, instance } of at.steps)
    if (isInclude(name) || !isWellFormed(instance ?? '')) throw bad(name, 'has names that a file can say')
  if (isInclude(at.name ?? '')) throw bad(at.name, 'has names that a file can say')
  return at
}

/** What stands for a file to be read is the name of nothing else. */
function isInclude(name: string): boolean {
  return /^(readonly_)?include$/i.test(name)
}

function withoutGlobal(steps: readonly PathStep[]): readonly PathStep[] {
  const [first] = steps
  return first && isGlobal(first.type, first.instance) ? steps.slice(1) : steps
}

function take(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

function bad(path: unknown, expected: string): HeddleError {
  const shown = typeof path === 'string' ? `'${path.slice(0, 200)}'` : String(path)
  return new HeddleError('ERR_CONFIG_PATH', `a path ${expected}, not as in ${shown}`)
}
