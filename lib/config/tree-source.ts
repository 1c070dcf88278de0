/**
 * A tree as look-ups read it, in the isolate of the Config: values are read and validated when they are first asked
 * for, each once. A commit asks for all of them. Belongs to one transaction, then to the generation it made.
 */
import { Entry } from './entry'
import type { Readable } from './generation'
import { asConfigError, type Option, type OptionTable, readSetting } from './options'
import { type PathStep, printPath } from './path'
import type { Scope, Scopes } from './scopes'
import type { OptionSlot } from './slot'
import { type PatternNode, patternText, type Source, type SourceNode } from './source'
import type { ConfigNode, Setting } from './tree'
import { compile } from './types'

export class TreeSource implements Source {
  readonly root: TreeNode
  readonly scopes: Scopes
  readonly options: OptionTable
  /** What validators are given to look at other values; undefined once it is a generation. */
  txn: Readable | undefined
  readonly entries: Map<Setting, Entry>
  /** Of options with `postset`: their data are of this generation only. */
  readonly #defaults = new Map<Option, Entry>()

  /** `entries` of another tree are those that both have: each setting is validated once. */
  constructor(
    root: ConfigNode,
    scopes: Scopes,
    options: OptionTable,
    txn: Readable | undefined,
    entries = new Map<Setting, Entry>(),
  ) {
    this.entries = entries
    this.scopes = scopes
    this.options = options
    this.txn = txn
    this.root = new TreeNode(this, root, undefined)
  }

  scope(type: string): Scope | undefined {
    return this.scopes.get(type)
  }

  groupsOf(type: string): readonly Scope[] {
    return this.scopes.list().filter(({ groups }) => groups === type)
  }

  /** All values of an option, read now. @throws ConfigError for one that is not valid. */
  readAll({ slot }: Option): void {
    for (const step of slot.fallback.steps) {
      let nodes: readonly TreeNode[] = [this.root]
      for (const scope of step.scopes)
        nodes = nodes.flatMap((node) => this.#holders(node, scope)).flatMap((node) => node.all(scope))
      for (const node of nodes) node.entry(slot)
    }
  }

  /** Where stanzas of a scope are: in the node, and in its groups. */
  #holders(node: TreeNode, scope: Scope): readonly TreeNode[] {
    return [node, ...this.groupsOf(scope.type).flatMap((group) => node.all(group))]
  }

  /** The value an option has where nothing sets it, in this generation. */
  defaultOf(option: Option): Entry {
    const { slot, def, defaultEntry } = option
    if (def.postset === undefined) return defaultEntry
    let entry = this.#defaults.get(option)
    if (entry === undefined) {
      entry = new Entry(slot, defaultEntry.value, undefined)
      this.#defaults.set(option, entry)
    }
    return entry
  }

  fallbackEntry(slot: OptionSlot): Entry {
    return this.defaultOf(this.options.of(slot))
  }
}

export class TreeNode implements SourceNode {
  readonly #source: TreeSource
  readonly node: ConfigNode
  readonly #parent: TreeNode | undefined
  #children: ReadonlyMap<string, readonly TreeNode[]> | undefined
  readonly #patterns = new Map<string, readonly PatternNode[]>()
  readonly #byFolded = new Map<string, ReadonlyMap<string | undefined, readonly TreeNode[]>>()

  constructor(source: TreeSource, node: ConfigNode, parent: TreeNode | undefined) {
    this.#source = source
    this.node = node
    this.#parent = parent
  }

  exact(scope: Scope, instance: string | undefined): readonly SourceNode[] {
    return this.#index(scope).get(scope.ignoreCase ? instance?.toLowerCase() : instance) ?? []
  }

  patterns(scope: Scope): readonly PatternNode[] {
    const known = this.#patterns.get(scope.type)
    if (known !== undefined) return known
    const patterns = this.all(scope).flatMap((child) => {
      const text = patternText(child.node.instance)
      return text === undefined ? [] : [{ pattern: patternOf(child.node, text, scope), node: child }]
    })
    this.#patterns.set(scope.type, patterns)
    return patterns
  }

  all(scope: Scope): readonly TreeNode[] {
    return this.children.get(scope.type) ?? []
  }

  entry(slot: OptionSlot): Entry | undefined {
    const setting = this.node.settings.get(slot.key)
    if (setting === undefined) return undefined
    const known = this.#source.entries.get(setting)
    if (known?.slot === slot) return known
    return this.read(this.#source.options.of(slot), setting)
  }

  /** Reads a setting of this stanza as the option it is. */
  read(option: Option, setting: Setting): Entry {
    const entry = readSetting(option, setting, this.path(setting.name), this.#source.txn)
    this.#source.entries.set(setting, entry)
    return entry
  }

  path(name?: string): string {
    return printPath(this.steps(), name)
  }

  /** The stanzas from the top to this one. */
  steps(): readonly PathStep[] {
    return this.#parent === undefined ? [] : [...this.#parent.steps(), this.node]
  }

  /** Stanzas by type. */
  get children(): ReadonlyMap<string, readonly TreeNode[]> {
    if (this.#children === undefined) {
      const nodes = this.node.children.map((child) => new TreeNode(this.#source, child, this))
      this.#children = groupBy(nodes, ({ node }) => node.type)
    }
    return this.#children
  }

  #index(scope: Scope): ReadonlyMap<string | undefined, readonly TreeNode[]> {
    const known = this.#byFolded.get(scope.type)
    if (known !== undefined) return known
    const lastFirst = [...this.all(scope)].reverse()
    const index = groupBy(lastFirst, ({ node }) =>
      scope.ignoreCase ? node.instance?.toLowerCase() : node.instance,
    )
    this.#byFolded.set(scope.type, index)
    return index
  }
}

/** @throws ConfigError ERR_CONFIG_VALUE for what is no pattern. */
export function patternOf({ name, origin }: ConfigNode, text: string, { ignoreCase }: Scope): RegExp {
  try {
    return compile(text, ignoreCase ? 'iu' : 'u')
  } catch (error) {
    throw asConfigError(error, `the instance of ${name}`, origin)
  }
}

function groupBy<K>(nodes: readonly TreeNode[], keyOf: (node: TreeNode) => K): Map<K, TreeNode[]> {
  const groups = new Map<K, TreeNode[]>()
  for (const node of nodes) {
    const key = keyOf(node)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [node])
    else group.push(node)
  }
  return groups
}
