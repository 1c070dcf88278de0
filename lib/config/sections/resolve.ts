import { HeddleError } from '../../errors'
import { isGlobal, type PathStep } from '../path'
import { type ConfigNode, isAt } from '../tree'
import { applies } from './located-node'
import type { Step } from './section-path'

/** Where a change goes. */
export interface Resolved {
  readonly steps: readonly PathStep[]
  /** Whether what it begins from is there. */
  readonly hasFrom: boolean
  /** What is there, of which the later says it last. */
  readonly parts: readonly ConfigNode[]
}

/**
 * The one stanza that a path names, in a tree that is being changed and so has no index: a name without an instance is that
 * of the stanza there is, as for who reads, and where there is none, of one without. What depends on the environment, and
 * is not there today, cannot be told apart from what is.
 * ERR_CONFIG_PATH for a path that may name several, ERR_NOT_WRITABLE for what a condition hides.
 */
export function resolve(root: ConfigNode, from: readonly PathStep[], below: readonly Step[]): Resolved {
  let parts: readonly ConfigNode[] = [root]
  for (const step of from) parts = partsAt(parts, step)
  const hasFrom = parts.length > 0
  const steps = [...from]
  for (const step of below) {
    if (steps.length === 0 && !step.deep && isGlobal(step.type, step.instance)) continue
    const exact = exactOf(parts, checked(step))
    steps.push(exact)
    parts = partsAt(parts, exact)
  }
  return { steps, hasFrom, parts }
}

function partsAt(outer: readonly ConfigNode[], step: PathStep): ConfigNode[] {
  const found: ConfigNode[] = []
  for (const { children } of outer) for (const child of children) if (isAt(child, step)) found.push(child)
  if (!found.every(applies)) throw hidden(step)
  return found
}

function checked(step: Step): Step {
  if (!step.deep && step.type !== '*') return step
  throw several(step.name)
}

function exactOf(parts: readonly ConfigNode[], { name, type, instance }: Step): PathStep {
  if (instance !== undefined) return { name, type, instance: instance ?? undefined }
  const found = new Set<string | undefined>()
  for (const { children } of parts)
    for (const child of children) if (child.type === type && applies(child)) found.add(child.instance)
  if (found.size > 1) throw several(name)
  return { name, type, instance: [...found][0] }
}

function several(name: string): HeddleError {
  return new HeddleError('ERR_CONFIG_PATH', `'${name}' may name several stanzas, a setter takes one`)
}

function hidden({ name }: PathStep): HeddleError {
  return new HeddleError(
    'ERR_NOT_WRITABLE',
    `a stanza '${name}' depends on the environment, and is not there now`,
  )
}
