/**
 * The stanzas and settings of one generation as plain immutable data. A transaction copies what it changes and
 * nothing else; a commit freezes nothing, since nobody else ever writes. Owned by the isolate of its Config.
 */
import type { PathStep } from './path'
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

/** The same while it is being made. */
export interface MutableNode extends ConfigNode {
  readonly settings: Map<string, Setting>
  readonly children: MutableNode[]
}

export function emptyNode(origin: Origin, name = '', instance?: string): MutableNode {
  return { name, type: name.toLowerCase(), instance, origin, settings: new Map(), children: [] }
}

/** What a parsed text says. Includes are left out: `loadConfig` has put what they bring in their place. */
export function addStatements(node: MutableNode, body: readonly StatementNode[]): void {
  for (const statement of body) {
    if (statement.kind === 'include') continue
    const { name, key, file, line, column } = statement
    const origin = { file, line, column }
    if (statement.kind === 'setting') {
      node.settings.set(key, { name, key, value: rawOfNode(statement.value), origin })
      continue
    }
    const child = emptyNode(origin, name, statement.instance)
    addStatements(child, statement.body)
    node.children.push(child)
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

/** Visits every node from the top, with the steps to it. */
export function walk(
  node: ConfigNode,
  visit: (node: ConfigNode, steps: readonly PathStep[]) => void,
  steps: readonly PathStep[] = [],
): void {
  visit(node, steps)
  for (const child of node.children) walk(child, visit, [...steps, child])
}
