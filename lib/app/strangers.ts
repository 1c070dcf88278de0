import type { ConfigNode, Scope } from '../config'
import type { HeddleError } from '../errors'
import { FREE_STANZAS } from './core-options'
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
 * module has that name. What stands within the stanza of a module is the module's, and stanzas that the configuration itself calls
 * free are those of whoever reads them as sections.
 */
export function strangersOf(root: ConfigNode, readers: Readers): HeddleError[] {
  const free = freeIn(root)
  const declared = root.children.filter(({ type }) => !free.has(type))
  return declared.flatMap((child) => strangersIn(child, TOP, readers))
}

/** By what is written: options are not read by their types yet. */
function freeIn(root: ConfigNode): Set<string> {
  const raw = root.settings.get(FREE_STANZAS.toLowerCase())?.value ?? []
  const names = typeof raw === 'string' ? [raw] : Array.isArray(raw) ? raw : []
  return new Set(names.filter((name) => typeof name === 'string').map((name) => name.toLowerCase()))
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
