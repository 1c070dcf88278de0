/**
 * Stanzas of a tree with the way to them. Trees are immutable, so a located node is good for as long as somebody has
 * it; it says how the tree was, not how it is.
 */
import type { PathStep } from '../path'
import type { ConfigNode } from '../tree'
import { isMet, REQUIRE_ENV } from './environment'

/** A stanza and what it stands in; the top stands in nothing. */
export interface LocatedNode {
  readonly node: ConfigNode
  readonly parent: LocatedNode | undefined
}

/** The stanzas in a stanza, those of one name and instance as one, whose condition is met. */
export function childrenOf(at: LocatedNode): LocatedNode[] {
  if (at.node.children.length === 0) return []
  return [...shownChildren(at.node).values()].map((node) => ({ node, parent: at }))
}

/** From the top inwards. */
export function stepsTo(at: LocatedNode): PathStep[] {
  const steps: PathStep[] = []
  for (let one: LocatedNode | undefined = at; one?.parent; one = one.parent) {
    const { name, type, instance } = one.node
    steps.unshift({ name, type, instance })
  }
  return steps
}

/** The stanza at these steps; undefined where there is none, or where a condition on the way is not met. */
export function locate(root: ConfigNode, steps: readonly PathStep[]): LocatedNode | undefined {
  let at: LocatedNode | undefined = { node: root, parent: undefined }
  for (const step of steps) {
    const node = shownChildren(at.node).get(keyOf(step))
    if (!node) return undefined
    at = { node, parent: at }
  }
  return at
}

/** The text of a setting of this very stanza; undefined where there is none or it is no single value. */
export function textIn(node: ConfigNode, key: string): string | undefined {
  const value = node.settings.get(key)?.value
  return typeof value === 'string' ? value : undefined
}

type Children = ReadonlyMap<string, ConfigNode>

/** Nodes are immutable once they are seen, so this is found once for each. */
const known = new WeakMap<ConfigNode, Children>()
/** Of nodes with stanzas that have conditions: those that were met last, and what is there then. */
const shown = new WeakMap<ConfigNode, { readonly met: readonly ConfigNode[]; readonly children: Children }>()

/** The stanzas in a stanza by name and instance, those that are the same as one, whatever their conditions. */
export function unitedChildren(node: ConfigNode): Children {
  const found = known.get(node)
  if (found) return found
  const all = united(node.children)
  known.set(node, all)
  return all
}

/** Those whose condition is met, each by its own: stanzas that are the same may be alternatives. (CX-13) */
function shownChildren(node: ConfigNode): Children {
  const { children } = node
  if (!children.some(({ settings }) => settings.has(REQUIRE_ENV))) return unitedChildren(node)
  const met = children.filter(applies)
  const found = shown.get(node)
  if (found && met.length === found.met.length && met.every((child, i) => child === found.met[i]))
    return found.children
  const result = united(met)
  shown.set(node, { met, children: result })
  return result
}

function united(children: readonly ConfigNode[]): Children {
  const all = new Map<string, ConfigNode>()
  for (const child of children) {
    const key = keyOf(child)
    const before = all.get(key)
    all.set(key, before ? unite(before, child) : child)
  }
  return all
}

/** What two files, or two places of one, say of the same stanza: the later says it last. */
function unite(before: ConfigNode, later: ConfigNode): ConfigNode {
  return {
    ...later,
    settings: new Map([...before.settings, ...later.settings]),
    children: [...before.children, ...later.children],
  }
}

function keyOf({ type, instance }: PathStep | ConfigNode): string {
  return instance === undefined ? type : `${type} ${instance}`
}

/** A condition that cannot be read is not met. (CX-13) */
export function applies(node: ConfigNode): boolean {
  if (!node.settings.has(REQUIRE_ENV)) return true
  const condition = textIn(node, REQUIRE_ENV)
  if (condition === undefined) return false
  try {
    return isMet(condition)
  } catch {
    return false
  }
}
