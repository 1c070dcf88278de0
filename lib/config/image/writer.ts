/** Writes a generation as the words of an image. In the isolate of the Config; what it returns is private until copied. */
import type { FallbackLine } from '../fallback'
import type { ScopeSpec } from '../scopes'
import { patternText } from '../source'
import type { Setting as TreeSetting } from '../tree'
import type { TreeNode, TreeSource } from '../tree-source'
import { innerChain } from '../validation'
import { isDictionary, type RawValue } from '../value'
import { checksumOf, FEW, hashOf, Header, MAGIC, NO_SLOT, Value } from './layout'
import { TextTable } from './text-table'

/** The lists of options and scopes as readers get them. */
export interface Definitions {
  readonly text: string
  readonly version: number
}

export interface OptionLine {
  readonly index: number
  readonly name: string
  readonly module: string
  readonly type: string
  readonly isArray: boolean
  readonly fallback: FallbackLine
  readonly default?: string
}

export interface DefinitionLists {
  readonly scopes: readonly ScopeSpec[]
  readonly options: readonly OptionLine[]
}

export function writeImage(generation: number, source: TreeSource, definitions: Definitions): Int32Array {
  return new Writer(source).write(generation, definitions)
}

class Writer {
  readonly #source: TreeSource
  readonly #texts = new TextTable()
  readonly #words: number[] = new Array<number>(Header.SIZE).fill(0)

  constructor(source: TreeSource) {
    this.#source = source
  }

  write(generation: number, definitions: Definitions): Int32Array {
    const text = this.#texts.idOf(definitions.text)
    const root = this.#node(this.#source.root, '')
    const texts = this.#words.length
    for (const word of this.#texts.table) this.#words.push(word)
    const bytes = this.#words.length * 4
    const image = new Int32Array(this.#words.length + Math.ceil(this.#texts.byteLength / 4))
    image.set(this.#words)
    this.#texts.copyTo(new Uint8Array(image.buffer, bytes))
    image[Header.MAGIC] = MAGIC
    image[Header.GENERATION] = generation
    image[Header.WORDS] = image.length
    image[Header.ROOT] = root
    image[Header.TEXTS] = texts
    image[Header.BYTES] = bytes
    image[Header.DEFINITIONS] = text
    image[Header.DEFINITIONS_VERSION] = definitions.version
    image[Header.OPTIONS] = this.#source.options.publish()
    image[Header.CHECKSUM] = checksumOf(image)
    return image
  }

  #node(node: TreeNode, chain: string): number {
    const settings = this.#settings(node, chain)
    const groups = [...node.children].map(([type, children]) => this.#group(node, chain, type, children))
    const groupsAt = this.#put(groups.flat())
    const { instance } = node.node
    const instanceWord = instance === undefined ? 0 : this.#texts.idOf(instance) + 1
    return this.#put([instanceWord, groupsAt, groups.length, settings, node.node.settings.size])
  }

  #group(parent: TreeNode, chain: string, type: string, children: readonly TreeNode[]): number[] {
    const inner = innerChain(this.#source, parent, chain, type)
    const nodes = children.map((child) => this.#node(child, inner))
    const patterns = children.flatMap(({ node }, place) =>
      patternText(node.instance) === undefined ? [] : [place],
    )
    const list = this.#put(nodes)
    const patternsAt = this.#put(patterns)
    const mask = nodes.length > FEW ? 2 ** Math.ceil(Math.log2(nodes.length * 2)) - 1 : 0
    const hash = mask === 0 ? 0 : this.#put(hashTable(children, mask))
    return [this.#texts.idOf(type), list, nodes.length, hash, mask, patternsAt, patterns.length]
  }

  #settings(node: TreeNode, chain: string): number {
    const lines = [...node.node.settings.values()].map((setting) => {
      const slot = this.#source.options.at(chain, setting.key)?.slot.index ?? NO_SLOT
      return { slot, setting }
    })
    lines.sort((a, b) => a.slot - b.slot)
    return this.#put(lines.flatMap(({ slot, setting }) => [slot, ...this.#setting(setting)]))
  }

  #setting({ name, value, origin }: TreeSetting): number[] {
    return [
      this.#texts.idOf(name),
      this.#value(value),
      this.#texts.idOf(origin.file),
      origin.line,
      origin.column,
    ]
  }

  #value(raw: RawValue): number {
    if (typeof raw === 'string') return this.#put([Value.TEXT, this.#texts.idOf(raw)])
    if (!isDictionary(raw))
      return this.#put([Value.ARRAY, raw.length, ...raw.map((item) => this.#value(item))])
    const entries = raw.entries.flatMap(([name, value]) => [this.#texts.idOf(name), this.#value(value)])
    return this.#put([Value.DICTIONARY, raw.entries.length, ...entries])
  }

  #put(words: readonly number[]): number {
    const at = this.#words.length
    for (const word of words) this.#words.push(word)
    return at
  }
}

function hashTable(children: readonly TreeNode[], mask: number): number[] {
  const table = new Array<number>(mask + 1).fill(0)
  for (const [place, { node }] of children.entries()) {
    if (node.instance === undefined) continue
    let at = hashOf(node.instance.toLowerCase()) & mask
    while (table[at] !== 0) at = (at + 1) & mask
    table[at] = place + 1
  }
  return table
}
