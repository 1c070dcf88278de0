import type { ConfigNode, Scope } from '../config'
import type { HeddleError } from '../errors'
import { placeOf } from './generation'
import { bad } from './stanzas'

/** Who reads stanzas. */
export interface Readers {
  /** The type of scope of that name, if one is declared. */
  scope(name: string): Scope | undefined
  isModule(name: string): boolean
}

const TOP = 'global'

/**
 * Stanzas that nobody reads, each as an error with its place: neither the core nor a module has declared such a scope there, and no
 * module has that name. What stands within the stanza of a module is the module's.
 */
export function strangersOf(root: ConfigNode, readers: Readers): HeddleError[] {
  return root.children.flatMap((child) => strangersIn(child, TOP, readers))
}

function strangersIn(node: ConfigNode, parent: string, readers: Readers): HeddleError[] {
  const { type, name, instance, origin } = node
  const isTop = parent === TOP
  if (isTop && type === TOP) return node.children.flatMap((child) => strangersIn(child, TOP, readers))
  const scope = readers.scope(type)
  if (scope === undefined && isTop && readers.isModule(type)) return []
  if (scope?.parents.includes(parent) || readers.scope(parent)?.groups === type)
    return node.children.flatMap((child) => strangersIn(child, type, readers))
  const what = `${placeOf(origin)}: ${name}${instance === undefined ? '' : ` "${instance}"`}`
  if (scope !== undefined)
    return [
      bad(what, `stands in ${scope.parents.join(' or ')}, not ${isTop ? 'at the top' : `in ${parent}`}`),
    ]
  return [
    bad(
      what,
      isTop ? 'there is no such stanza, and no module of that name' : `there is no such stanza in ${parent}`,
    ),
  ]
}
