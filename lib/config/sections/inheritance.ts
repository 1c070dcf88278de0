/**
 * The hash of a section: what blocks of one name say in it and in all it stands in. Plain functions, any isolate. (CX-11)
 */
import { HeddleError } from '../../errors'
import type { ConfigNode } from '../tree'
import { REQUIRE_ENV } from './environment'
import { childrenOf, type LocatedNode, textIn } from './located-node'

/** Settings that say something about a block and are none of its values. */
const INHERIT = 'inherit'
const ID = 'id'
const NO_VALUES: ReadonlySet<string> = new Set([INHERIT, ID, REQUIRE_ENV])
/** Blocks that inherit from blocks that inherit; more is a circle, or a mistake. */
const MAX_CHAIN = 32

/** A value, and the block that says it. */
export interface HashValue {
  readonly at: LocatedNode
  readonly text: string
}

/** The values by their names in lower case, outer before inner, inherited before own. ERR_CONFIG_INHERIT. */
export function hashOf(at: LocatedNode, type: string): Map<string, HashValue> {
  const hash = new Map<string, HashValue>()
  const top = lineTo(at)[0] as LocatedNode
  for (const one of lineTo(at))
    for (const block of childrenOf(one)) if (isBlock(block.node, type)) merge(hash, top, block, [])
  return hash
}

/** A block of that name; one with an instance or `id` is there to be inherited. */
function isBlock(node: ConfigNode, type: string): boolean {
  return node.type === type && node.instance === undefined && !node.settings.has(ID)
}

function merge(
  hash: Map<string, HashValue>,
  top: LocatedNode,
  block: LocatedNode,
  chain: readonly string[],
): void {
  const { node } = block
  const id = textIn(node, INHERIT)
  if (id !== undefined) merge(hash, top, named(top, node, id, chain), [...chain, id])
  for (const [key, { value }] of node.settings)
    if (typeof value === 'string' && !NO_VALUES.has(key)) hash.set(key, { at: block, text: value })
}

/** The block to inherit from. The last of several. */
function named(top: LocatedNode, { type }: ConfigNode, id: string, chain: readonly string[]): LocatedNode {
  if (chain.includes(id) || chain.length === MAX_CHAIN)
    throw new HeddleError(
      'ERR_CONFIG_INHERIT',
      `blocks inherit in a circle: ${[...chain, id].join(' from ')}`,
    )
  const found = search(top, type, id)
  if (found) return found
  throw new HeddleError(
    'ERR_CONFIG_INHERIT',
    `no block ${type} has the instance or id '${id}' to inherit from`,
  )
}

function search(at: LocatedNode, type: string, id: string): LocatedNode | undefined {
  let found: LocatedNode | undefined
  for (const child of childrenOf(at)) {
    const { node } = child
    if (node.type === type && (node.instance === id || textIn(node, ID) === id)) found = child
    found = search(child, type, id) ?? found
  }
  return found
}

/** From the top to the section. */
function lineTo(at: LocatedNode): LocatedNode[] {
  const line: LocatedNode[] = []
  for (let one: LocatedNode | undefined = at; one; one = one.parent) line.unshift(one)
  return line
}
