/**
 * Paths of sections. Steps are parted by slashes, from the top (`/a/b`) or from a section (`a/b`):
 *
 * - `name`: stanzas of that name, in any case, whatever their instance; `*`: stanzas of any name.
 * - `name[instance]`, `name["in]stance"]`: of that instance; `name[]`: without one.
 * - `//name`: at any depth below.
 * - `/` alone is the top; a section's own path is empty.
 *
 * Paths of values end with the name of a setting, `a/b/key`, which may be written `@key`; `//key` is that setting in the
 * stanza itself or anywhere below. Stanzas of one name and instance in one block are one section, in which the later says it
 * last, as everywhere in a configuration. `Global` outside of all others is the top. Plain functions, any isolate.
 */
import { HeddleError } from '../../errors'
import { isGlobal, type PathStep } from '../path'
import { childrenOf, type LocatedNode } from './located-node'

/** One step of a path. */
export interface Step {
  readonly deep: boolean
  readonly name: string
  /** The name in lower case; `*` is any. */
  readonly type: string
  /** Undefined: any. Null: none. */
  readonly instance: string | null | undefined
}

/** Stanzas, seen from the top or from a section. */
export interface SectionPath {
  readonly text: string
  readonly isAbsolute: boolean
  readonly steps: readonly Step[]
}

/** A setting in the stanzas of a path. */
export interface ValuePath {
  readonly section: SectionPath
  /** In what lies below those stanzas, too. */
  readonly deep: boolean
  readonly name: string
  /** The name in lower case. */
  readonly key: string
}

const STEP = /(\*|[A-Za-z0-9_-]+)(?:\[(?:"((?:[^"\\]|\\.)*)"|([^\]"]*))\])?/y
const KEY = /^(.*?)@?([A-Za-z0-9_-]+)$/s
const ANYWHERE: Step = { deep: true, name: '*', type: '*', instance: undefined }
/** More is a mistake. */
const MAX_LENGTH = 4096

/** ERR_CONFIG_PATH. */
export function parseSectionPath(path: string): SectionPath {
  if (typeof path !== 'string' || path.length > MAX_LENGTH) throw bad(path)
  const isAbsolute = path.startsWith('/')
  const steps: Step[] = []
  let at = isAbsolute && !path.startsWith('//') ? 1 : 0
  while (at < path.length) {
    const deep = path.startsWith('//', at)
    if (deep) at += 2
    else if (steps.length > 0) at += path[at] === '/' ? 1 : fail(path)
    STEP.lastIndex = at
    const found = STEP.exec(path) ?? fail(path)
    steps.push(stepOf(found, deep))
    at = STEP.lastIndex
  }
  return { text: path, isAbsolute, steps }
}

/** ERR_CONFIG_PATH. */
export function parseValuePath(path: string): ValuePath {
  if (typeof path !== 'string' || path.length > MAX_LENGTH) throw bad(path)
  const [, before = '', name = ''] = KEY.exec(path) ?? fail(path)
  if (before !== '' && !before.endsWith('/')) throw bad(path)
  const deep = before.endsWith('//')
  const section = parseSectionPath(sectionPart(before, deep))
  return { section, deep, name, key: name.toLowerCase() }
}

/** All stanzas of a path, in the order of the configuration, each once. */
export function select(from: LocatedNode, { isAbsolute, steps }: SectionPath): LocatedNode[] {
  const start = isAbsolute ? topOf(from) : from
  let found: LocatedNode[] = [start]
  for (const [i, step] of steps.entries()) {
    if (i === 0 && !start.parent && !step.deep && isGlobal(step.type, step.instance)) continue
    found = found.length === 0 ? found : selectStep(found, step)
  }
  return found
}

/** All stanzas that a value's setting may stand in, in the order of the configuration. */
export function selectHolders(from: LocatedNode, { section, deep }: ValuePath): LocatedNode[] {
  const found = select(from, section)
  return deep ? [...found, ...selectStep(found, ANYWHERE)] : found
}

function selectStep(found: readonly LocatedNode[], step: Step): LocatedNode[] {
  const seen = new Set<LocatedNode['node']>()
  const next: LocatedNode[] = []
  const visit = (at: LocatedNode): void => {
    for (const child of childrenOf(at)) {
      if (seen.has(child.node)) continue
      if (step.deep) seen.add(child.node)
      if (fits(child.node, step)) next.push(child)
      if (step.deep) visit(child)
    }
  }
  for (const at of found) visit(at)
  return next
}

function fits(node: PathStep, { type, instance }: Step): boolean {
  if (type !== '*' && node.type !== type) return false
  return instance === undefined || node.instance === (instance ?? undefined)
}

function stepOf([text, name = '', quoted, bare]: RegExpExecArray, deep: boolean): Step {
  const base = { deep, name, type: name.toLowerCase() }
  if (quoted !== undefined) return { ...base, instance: quoted.replace(/\\(.)/gs, '$1') }
  if (!text.endsWith(']')) return { ...base, instance: undefined }
  return { ...base, instance: bare === '' ? null : bare }
}

/** What stands before the key without its slashes; only of the top's the slash stays. */
function sectionPart(before: string, deep: boolean): string {
  const part = before.slice(0, deep ? -2 : -1)
  return part === '' && before !== '' ? '/' : part
}

function topOf(at: LocatedNode): LocatedNode {
  let top = at
  while (top.parent) top = top.parent
  return top
}

function fail(path: string): never {
  throw bad(path)
}

function bad(path: unknown): HeddleError {
  const shown = typeof path === 'string' ? `'${path.slice(0, 200)}'` : String(path)
  return new HeddleError(
    'ERR_CONFIG_PATH',
    `a path of a section is written /a/b[instance] or //name, not ${shown}`,
  )
}
