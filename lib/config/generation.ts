/**
 * One immutable configuration in the isolate of its Config: the tree, what was read from it, the hooks' providers. It
 * lives as long as it is the active one or a reader holds it; after that the Config ends it.
 */
import type { HookRegistry } from '../hooks'
import { Hold } from './hold'
import type { Place } from './place'
import type { ConfigQuery } from './query'
import type { TreeSource } from './tree-source'
import type { PathStep } from './path'
import { type ConfigNode, type Setting, settingAt } from './tree'
import { type Origin, sameRaw } from './value'
import { View } from './view'

/** What can be read from: a transaction, a snapshot. */
export interface Readable {
  /** The number of the generation; of a transaction that of the generation it began from. */
  readonly generation: number
  /** The values a query sees. Valid until what it came from is released. */
  place(query?: ConfigQuery): Place
}

/** Something that `postset` attached, to be freed with the generation. */
export interface Attached {
  readonly datafree: ((data: unknown) => void) | undefined
  readonly data: unknown
}

export class Generation {
  readonly number: number
  /** As it is in effect: options that cannot be tuned online keep their old values. */
  readonly source: TreeSource
  readonly view: View
  readonly registry: HookRegistry | undefined
  readonly attached: Attached[]
  readonly #ended: (generation: Generation) => void
  #root: ConfigNode
  #isWritten = false
  #holds = 0
  #isPublished = false
  #isRetired = false

  constructor(
    number: number,
    root: ConfigNode,
    source: TreeSource,
    registry: HookRegistry | undefined,
    attached: Attached[],
    ended: (generation: Generation) => void,
  ) {
    this.number = number
    this.#root = root
    this.source = source
    this.view = new View(source)
    this.registry = registry
    this.attached = attached
    this.#ended = ended
  }

  /** As it was set, which is what is shown, changed and written back. */
  get root(): ConfigNode {
    return this.#root
  }

  /** The files say all of it now: the same tree, with their places as origins. (CF-35) */
  written(root: ConfigNode): void {
    this.#root = root
    this.#isWritten = true
  }

  /** Where a setting is from, files that it was written to meanwhile included. */
  originOf(setting: Setting, steps: readonly PathStep[]): Origin {
    const now = this.#isWritten ? settingAt(this.#root, steps, setting.key) : undefined
    return now !== undefined && sameRaw(now.value, setting.value) ? now.origin : setting.origin
  }

  /** What readers in this isolate have not released. */
  get holds(): number {
    return this.#holds
  }

  hold(what: string): Hold {
    this.#holds++
    return new Hold(what, () => {
      this.#holds--
      this.#look()
    })
  }

  /** Its image lies in shared memory, until what is returned is called: once. */
  published(): () => void {
    this.#isPublished = true
    return () => {
      this.#isPublished = false
      this.#look()
    }
  }

  /** Another one is active now. */
  retire(): void {
    this.#isRetired = true
    this.#look()
  }

  #look(): void {
    if (this.#isRetired && this.#holds === 0 && !this.#isPublished) this.#ended(this)
  }
}
