/**
 * A tree that is being changed: what was not touched is shared with the tree it was made from. Belongs to one
 * transaction.
 */
import type { PathStep } from './path'
import {
  type ConfigNode,
  emptyNode,
  isAt,
  isThere,
  type MutableNode,
  sealed,
  type Setting,
  settingAt,
} from './tree'
import type { Origin } from './value'

export class Draft {
  #root: ConfigNode
  /** Nodes that this draft copied or made, and may write to. */
  readonly #own = new Set<MutableNode>()

  constructor(root: ConfigNode) {
    this.#root = root
  }

  /** The tree as it is now, sealed. A later change makes other nodes of what was handed out. */
  get root(): ConfigNode {
    for (const node of this.#own) sealed(node)
    this.#own.clear()
    return this.#root
  }

  /** The same to be looked at now and not to be kept: a later change may be made in it. */
  get now(): ConfigNode {
    return this.#root
  }

  /** Puts a setting into a stanza, which is made where it does not exist. */
  set(steps: readonly PathStep[], setting: Setting): void {
    this.#open(steps, setting.origin).settings.set(setting.key, setting)
  }

  /** False if there was none. */
  unset(steps: readonly PathStep[], key: string): boolean {
    if (settingAt(this.#root, steps, key) === undefined) return false
    this.#root = this.#without(this.#root, steps, key)
    return true
  }

  /** Removes a stanza with all that is in it; all with that way to them. False if there was none. */
  remove(steps: readonly PathStep[]): boolean {
    // Not by another root: that of a draft which has been changed already is changed in place.
    if (steps.length === 0 || !isThere(this.#root, steps)) return false
    this.#root = this.#withoutStanza(this.#root, steps)
    return true
  }

  #withoutStanza(node: ConfigNode, steps: readonly PathStep[]): ConfigNode {
    const [step, ...rest] = steps
    if (step === undefined) return node
    const isLast = rest.length === 0
    const children = node.children.flatMap((child) => {
      if (!isAt(child, step)) return [child]
      return isLast ? [] : [this.#withoutStanza(child, rest)]
    })
    const isSame =
      children.length === node.children.length && children.every((one, i) => one === node.children[i])
    if (isSame) return node
    const owned = this.#owned(node)
    owned.children = children
    return owned
  }

  /** The node without the setting, in each of the stanzas with that way to them. */
  #without(node: ConfigNode, steps: readonly PathStep[], key: string): ConfigNode {
    const [step, ...rest] = steps
    let result = node
    if (step === undefined) {
      if (!node.settings.has(key)) return node
      const owned = this.#owned(node)
      owned.settings.delete(key)
      return owned
    }
    for (const [i, child] of node.children.entries()) {
      const next = isAt(child, step) ? this.#without(child, rest, key) : child
      if (next === child) continue
      const owned = this.#owned(result)
      owned.children[i] = next
      result = owned
    }
    return result
  }

  /** The stanza, and all above it, as nodes that may be written to. */
  #open(steps: readonly PathStep[], origin?: Origin): MutableNode {
    let node = this.#owned(this.#root)
    this.#root = node
    for (const step of steps) node = this.#openChild(node, step, origin)
    return node
  }

  #openChild(parent: MutableNode, step: PathStep, origin: Origin | undefined): MutableNode {
    const at = parent.children.findLastIndex((child) => isAt(child, step))
    const known = parent.children[at]
    if (known !== undefined) {
      const owned = this.#owned(known)
      parent.children[at] = owned
      return owned
    }
    const made = emptyNode(origin ?? parent.origin, step.name, step.instance)
    this.#own.add(made)
    parent.children.push(made)
    return made
  }

  #owned(node: ConfigNode): MutableNode {
    if (this.#own.has(node as MutableNode)) return node as MutableNode
    const copy = { ...node, settings: new Map(node.settings), children: [...node.children] }
    this.#own.add(copy)
    return copy
  }
}
