/** An image as look-ups read it, in any isolate, while it is pinned. The counterpart of TreeSource. */
import { Entry } from '../entry'
import { asConfigError, defaultRaw } from '../options'
import type { Scope, Scopes } from '../scopes'
import type { OptionSlot } from '../slot'
import { type PatternNode, patternText, type Source, type SourceNode } from '../source'
import { compile, readValue } from '../types'
import type { Image } from './image'

export class ImageSource implements Source {
  readonly image: Image
  readonly root: SourceNode
  readonly #scopes: Scopes
  readonly #check: (slot: OptionSlot) => void
  readonly #defaults = new Map<OptionSlot, Entry>()

  /** `check` refuses the slots of others. */
  constructor(image: Image, scopes: Scopes, check: (slot: OptionSlot) => void) {
    this.image = image
    this.#scopes = scopes
    this.#check = check
    this.root = new ImageNode(image, image.root)
  }

  scope(type: string): Scope | undefined {
    return this.#scopes.get(type)
  }

  groupsOf(type: string): readonly Scope[] {
    return this.#scopes.list().filter(({ groups }) => groups === type)
  }

  fallbackEntry(slot: OptionSlot): Entry {
    const known = this.#defaults.get(slot)
    if (known !== undefined) return known
    this.#check(slot)
    const entry = new Entry<unknown>(slot, defaultValue(slot), undefined)
    this.#defaults.set(slot, entry)
    return entry
  }
}

class ImageNode implements SourceNode {
  readonly #image: Image
  readonly #node: number
  /** By type; what a node is asked for comes again. */
  readonly #patterns = new Map<string, readonly PatternNode[]>()

  constructor(image: Image, node: number) {
    this.#image = image
    this.#node = node
  }

  exact(scope: Scope, instance: string | undefined): readonly SourceNode[] {
    const group = this.#image.group(this.#node, scope.type)
    return group === 0 ? [] : this.#nodes(this.#image.named(group, instance, scope.ignoreCase))
  }

  patterns(scope: Scope): readonly PatternNode[] {
    const known = this.#patterns.get(scope.type)
    if (known !== undefined) return known
    const group = this.#image.group(this.#node, scope.type)
    const nodes = group === 0 ? [] : this.#image.patterns(group)
    const patterns = nodes.map((node) => ({
      pattern: patternOf(patternText(this.#image.instance(node)) as string, scope),
      node: new ImageNode(this.#image, node),
    }))
    this.#patterns.set(scope.type, patterns)
    return patterns
  }

  all(scope: Scope): readonly SourceNode[] {
    const group = this.#image.group(this.#node, scope.type)
    return group === 0 ? [] : this.#nodes(this.#image.members(group))
  }

  entry(slot: OptionSlot): Entry | undefined {
    const image = this.#image
    const isKnown = slot.index < image.optionCount
    const setting = isKnown ? image.setting(this.#node, slot.index) : image.settingNamed(this.#node, slot.key)
    if (setting === 0) return undefined
    const origin = Object.freeze(image.origin(setting))
    try {
      return new Entry<unknown>(slot, readValue(slot.type, slot.isArray, image.valueOf(setting)), origin)
    } catch (error) {
      // A generation that is older than the option was not validated by its type.
      throw asConfigError(error, slot.name, origin)
    }
  }

  #nodes(nodes: readonly number[]): SourceNode[] {
    return nodes.map((node) => new ImageNode(this.#image, node))
  }
}

/** Stanzas are written without their places. */
const IMAGE = Object.freeze({ file: '<shared configuration>', line: 0, column: 0 })

function patternOf(text: string, { name, ignoreCase }: Scope): RegExp {
  try {
    return compile(text, ignoreCase ? 'iu' : 'u')
  } catch (error) {
    throw asConfigError(error, `the instance of ${name}`, IMAGE)
  }
}

function defaultValue({ type, isArray, defaultText }: OptionSlot): unknown {
  return defaultText === undefined ? undefined : readValue(type, isArray, defaultRaw(defaultText))
}
