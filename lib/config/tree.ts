/**
 * The stanzas and settings of one generation as plain immutable data, frozen before anybody else sees them. A transaction copies
 * what it changes and nothing else. Owned by the isolate of its Config.
 */
import { isGlobal, type PathStep } from './path'
import type { StatementNode } from './syntax'
import { type Origin, type RawValue, rawOfNode } from './value'

/** `name = value` */
export interface Setting {
  readonly name: string
  /** The name in lower case. */
  readonly key: string
  readonly value: RawValue
  readonly origin: Origin
}

/** A stanza, or the top, which has no name. */
export interface ConfigNode {
  readonly name: string
  /** The name in lower case; empty at the top. */
  readonly type: string
  readonly instance: string | undefined
  readonly origin: Origin
  /** By key. The last of those that are the same but for case. (CF-05) */
  readonly settings: ReadonlyMap<string, Setting>
  /** In the order of the text; several may have one type and instance, and the last of them wins. */
  readonly children: readonly ConfigNode[]
}

/** The same while it is being made, until it is sealed. */
export interface MutableNode extends ConfigNode {
  readonly settings: Map<string, Setting>
  children: ConfigNode[]
}

export function emptyNode(origin: Origin, name = '', instance?: string): MutableNode {
  return { name, type: name.toLowerCase(), instance, origin, settings: new Map(), children: [] }
}

/** Settings that refuse to be changed. A Map still, so that a tree can be sent to another isolate. */
class SealedMap extends Map<string, Setting> {
  constructor(settings: ReadonlyMap<string, Setting>) {
    super()
    for (const [key, setting] of settings) super.set(key, setting)
    Object.freeze(this)
  }

  override set(): never {
    throw sealedError()
  }

  override delete(): never {
    throw sealedError()
  }

  override clear(): never {
    throw sealedError()
  }
}

function sealedError(): TypeError {
  return new TypeError('a generation of the configuration cannot be changed')
}

/** From here on it cannot be changed; what is in it is sealed already. */
export function sealed(node: MutableNode): ConfigNode {
  const seal = node as { settings: ReadonlyMap<string, Setting> }
  seal.settings = new SealedMap(node.settings)
  Object.freeze(node.children)
  return Object.freeze(node)
}

/** A setting that nobody can change. */
export function settingOf(name: string, key: string, value: RawValue, origin: Origin): Setting {
  return Object.freeze({ name, key, value, origin: Object.freeze(origin) })
}

/** What a parsed text says, what stands in `Global { }` as what stands outside of all stanzas. */
export function addTop(root: MutableNode, body: readonly StatementNode[]): void {
  for (const statement of body) {
    if (statement.kind === 'stanza' && isGlobal(statement.key, statement.instance))
      addStatements(root, statement.body)
    else addStatements(root, [statement])
  }
}

/** Includes are left out: `loadConfig` has put what they bring in their place. */
function addStatements(node: MutableNode, body: readonly StatementNode[]): void {
  for (const statement of body) {
    if (statement.kind === 'include') continue
    const { name, key, file, line, column } = statement
    const origin = Object.freeze({ file, line, column })
    if (statement.kind === 'setting') {
      node.settings.set(key, settingOf(name, key, rawOfNode(statement.value), origin))
      continue
    }
    const child = emptyNode(origin, name, statement.instance)
    addStatements(child, statement.body)
    node.children.push(sealed(child))
  }
}

/** The last child of that type and instance. */
export function childOf(node: ConfigNode, step: PathStep): ConfigNode | undefined {
  return node.children.findLast((child) => isAt(child, step))
}

export function nodeAt(root: ConfigNode, steps: readonly PathStep[]): ConfigNode | undefined {
  let node: ConfigNode | undefined = root
  for (const step of steps) node = node && childOf(node, step)
  return node
}

/** Whether a stanza has that way to it, whichever of those that are the same it leads through. */
export function isThere(root: ConfigNode, [step, ...rest]: readonly PathStep[]): boolean {
  if (step === undefined) return true
  return root.children.some((child) => isAt(child, step) && isThere(child, rest))
}

/** The setting that counts: the last in the last of the stanzas with that way to them. */
export function settingAt(node: ConfigNode, steps: readonly PathStep[], key: string): Setting | undefined {
  const [step, ...rest] = steps
  if (step === undefined) return node.settings.get(key)
  for (const child of node.children.toReversed()) {
    const found = isAt(child, step) ? settingAt(child, rest, key) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

export function isAt(node: ConfigNode, { type, instance }: PathStep): boolean {
  return node.type === type && node.instance === instance
}
