/**
 * The hash of a section: what blocks of one name say in it and in all it stands in. Plain functions, any isolate. (CX-11)
 */
import { HeddleError } from '../../errors'
import type { ConfigNode } from '../tree'
import { childrenOf, type LocatedNode, textIn } from './located-node'

/** Settings that say something about a block and are none of its values. */
const INHERIT = 'inherit'
const ID = 'id'
/** Blocks that inherit from blocks that inherit; more is a circle, or a mistake. */
const MAX_CHAIN = 32

/** The values by their names in lower case, outer before inner, inherited before own. ERR_CONFIG_INHERIT. */
export function hashOf(at: LocatedNode, type: string): Map<string, string> {
  const hash = new Map<string, string>()
  const top = lineTo(at)[0] as LocatedNode
  for (const one of lineTo(at))
    for (const block of childrenOf(one)) if (isBlock(block.node, type)) merge(hash, top, block.node, [])
  return hash
}

/** A block of that name; one with an instance or `id` is there to be inherited. */
function isBlock(node: ConfigNode, type: string): boolean {
  return node.type === type && node.instance === undefined && !node.settings.has(ID)
}

function merge(
  hash: Map<string, string>,
  top: LocatedNode,
  block: ConfigNode,
  chain: readonly string[],
): void {
  const id = textIn(block, INHERIT)
  if (id !== undefined) merge(hash, top, named(top, block, id, chain), [...chain, id])
  for (const [key, { value }] of block.settings)
    if (typeof value === 'string' && key !== INHERIT && key !== ID) hash.set(key, value)
}

/** The block to inherit from. The last of several. */
function named(top: LocatedNode, { type }: ConfigNode, id: string, chain: readonly string[]): ConfigNode {
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

function search(at: LocatedNode, type: string, id: string): ConfigNode | undefined {
  let found: ConfigNode | undefined
  for (const child of childrenOf(at)) {
    const { node } = child
    if (node.type === type && (node.instance === id || textIn(node, ID) === id)) found = node
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
