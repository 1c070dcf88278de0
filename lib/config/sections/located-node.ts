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

/** The stanzas in a stanza that count: the last of each name and instance, and those whose condition is met. */
export function childrenOf(at: LocatedNode): LocatedNode[] {
  const { children } = at.node
  if (children.length === 0) return []
  const last = new Map<string, ConfigNode>()
  for (const child of children) last.set(JSON.stringify([child.type, child.instance]), child)
  const counted = last.size === children.length ? children : children.filter((child) => isLast(last, child))
  return counted.filter(applies).map((node) => ({ node, parent: at }))
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
  for (const { type, instance } of steps) {
    const node: ConfigNode | undefined = at.node.children.findLast(
      (child) => child.type === type && child.instance === instance,
    )
    if (!node || !applies(node)) return undefined
    at = { node, parent: at }
  }
  return at
}

/** The text of a setting of this very stanza; undefined where there is none or it is no single value. */
export function textIn(node: ConfigNode, key: string): string | undefined {
  const value = node.settings.get(key)?.value
  return typeof value === 'string' ? value : undefined
}

function isLast(last: ReadonlyMap<string, ConfigNode>, child: ConfigNode): boolean {
  return last.get(JSON.stringify([child.type, child.instance])) === child
}

/** A condition that cannot be read is not met. (CX-13) */
function applies(node: ConfigNode): boolean {
  const condition = textIn(node, REQUIRE_ENV)
  if (condition === undefined) return true
  try {
    return isMet(condition)
  } catch {
    return false
  }
}
