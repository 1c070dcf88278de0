/** Reads the words of an image. Valid while its image is pinned; nothing in it is checked again but by `verify`. */
import { dictionary, type Origin, type RawValue } from '../value'
import { checksumOf, FEW, Group, hashOf, Header, MAGIC, Node, Setting, Value } from './layout'

export class Image {
  readonly words: Int32Array
  readonly #bytes: Buffer
  readonly #texts: (string | undefined)[] = []
  readonly generation: number
  /** Slots up to here were known when it was written. */
  readonly optionCount: number
  readonly definitionsVersion: number

  constructor(arena: SharedArrayBuffer, offset: number, bytes: number) {
    this.words = new Int32Array(arena, offset, bytes / 4)
    this.generation = this.at(Header.GENERATION)
    this.optionCount = this.at(Header.OPTIONS)
    this.definitionsVersion = this.at(Header.DEFINITIONS_VERSION)
    const texts = this.at(Header.BYTES)
    this.#bytes = Buffer.from(arena, offset + texts, bytes - texts)
  }

  /** Whether all of it is as it was written. Reads every word. */
  verify(): boolean {
    const { words } = this
    if (this.at(Header.MAGIC) !== MAGIC || this.at(Header.WORDS) !== words.length) return false
    return this.at(Header.CHECKSUM) === checksumOf(words)
  }

  get root(): number {
    return this.at(Header.ROOT)
  }

  get definitions(): string {
    return this.text(this.at(Header.DEFINITIONS))
  }

  at(word: number): number {
    return this.words[word] as number
  }

  text(id: number): string {
    const known = this.#texts[id]
    if (known !== undefined) return known
    const entry = this.at(Header.TEXTS) + id * 2
    const from = this.at(entry)
    const units = this.at(entry + 1)
    const isWide = (units & 1) === 1
    const end = from + (isWide ? units - 1 : units >>> 1)
    const text = this.#bytes.toString(isWide ? 'utf16le' : 'latin1', from, end)
    this.#texts[id] = text
    return text
  }

  instance(node: number): string | undefined {
    const word = this.at(node + Node.INSTANCE)
    return word === 0 ? undefined : this.text(word - 1)
  }

  /** The children of a type; 0 if there are none. */
  group(node: number, type: string): number {
    const groups = this.at(node + Node.GROUPS)
    for (let i = 0; i < this.at(node + Node.GROUP_COUNT); i++) {
      const group = groups + i * Group.SIZE
      if (this.text(this.at(group + Group.TYPE)) === type) return group
    }
    return 0
  }

  /** Nodes of a group in their order. */
  members(group: number): number[] {
    return this.#list(this.at(group + Group.LIST), this.at(group + Group.COUNT))
  }

  /** Nodes of a group whose instance is a pattern. */
  patterns(group: number): number[] {
    const list = this.at(group + Group.LIST)
    const places = this.#list(this.at(group + Group.PATTERNS), this.at(group + Group.PATTERN_COUNT))
    return places.map((place) => this.at(list + place))
  }

  /** Nodes of a group with that instance, the last first. */
  named(group: number, instance: string | undefined, ignoreCase: boolean): number[] {
    if (instance === undefined || this.at(group + Group.COUNT) <= FEW) {
      const found = this.members(group).filter((node) => isSame(this.instance(node), instance, ignoreCase))
      return found.reverse()
    }
    return this.#probe(group, instance, ignoreCase)
  }

  #probe(group: number, instance: string, ignoreCase: boolean): number[] {
    const list = this.at(group + Group.LIST)
    const hash = this.at(group + Group.HASH)
    const mask = this.at(group + Group.MASK)
    const places: number[] = []
    for (let at = hashOf(instance.toLowerCase()) & mask; ; at = (at + 1) & mask) {
      const place = this.at(hash + at) - 1
      if (place < 0) break
      if (isSame(this.instance(this.at(list + place)), instance, ignoreCase)) places.push(place)
    }
    return places.sort((a, b) => b - a).map((place) => this.at(list + place))
  }

  /** The setting of an option in a node; 0 if there is none. */
  setting(node: number, slot: number): number {
    const first = this.at(node + Node.SETTINGS)
    let low = 0
    let high = this.at(node + Node.SETTING_COUNT)
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.at(first + middle * Setting.SIZE + Setting.SLOT) < slot) low = middle + 1
      else high = middle
    }
    if (low === this.at(node + Node.SETTING_COUNT)) return 0
    const setting = first + low * Setting.SIZE
    return this.at(setting + Setting.SLOT) === slot ? setting : 0
  }

  /** The setting of that key among all of a node; 0 if there is none. For options that it did not know. */
  settingNamed(node: number, key: string): number {
    const first = this.at(node + Node.SETTINGS)
    for (let i = 0; i < this.at(node + Node.SETTING_COUNT); i++) {
      const setting = first + i * Setting.SIZE
      if (this.text(this.at(setting + Setting.NAME)).toLowerCase() === key) return setting
    }
    return 0
  }

  origin(setting: number): Origin {
    const file = this.text(this.at(setting + Setting.FILE))
    return { file, line: this.at(setting + Setting.LINE), column: this.at(setting + Setting.COLUMN) }
  }

  valueOf(setting: number): RawValue {
    return this.#value(this.at(setting + Setting.VALUE))
  }

  #value(value: number): RawValue {
    const kind = this.at(value)
    const count = this.at(value + 1)
    if (kind === Value.TEXT) return this.text(count)
    const parts = this.#list(value + 2, kind === Value.ARRAY ? count : count * 2)
    if (kind === Value.ARRAY) return parts.map((part) => this.#value(part))
    const entries = Array.from({ length: count }, (_, i): [string, RawValue] => [
      this.text(parts[i * 2] as number),
      this.#value(parts[i * 2 + 1] as number),
    ])
    return dictionary(entries)
  }

  #list(from: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.at(from + i))
  }
}

function isSame(a: string | undefined, b: string | undefined, ignoreCase: boolean): boolean {
  if (a === undefined || b === undefined || !ignoreCase) return a === b
  return a.toLowerCase() === b.toLowerCase()
}
