import { Draft } from '../draft'
import type { OwnerToken } from '../lock'
import type { KeyPath, PathStep } from '../path'
import type { ConfigNode } from '../tree'
import type { SectionChange } from './port-protocol'
import type { SectionCopy } from './section'

const ORIGIN = { file: '<section>', line: 0, column: 0 }

/** A working copy in a worker thread: changes its own tree, and notes what it did. */
class RemoteCopy implements SectionCopy {
  readonly changes: SectionChange[] = []
  readonly #draft: Draft

  constructor(root: ConfigNode) {
    this.#draft = new Draft(root)
  }

  get root(): ConfigNode {
    return this.#draft.root
  }

  get now(): ConfigNode {
    return this.#draft.now
  }

  set(at: KeyPath, value: string): void {
    const { steps, name, key } = at
    this.changes.push({ kind: 'set', at, value })
    this.#draft.set(steps, { name, key, value, origin: ORIGIN })
  }

  unset(at: KeyPath): boolean {
    if (!this.#draft.unset(at.steps, at.key)) return false
    this.changes.push({ kind: 'unset', at })
    return true
  }

  remove(steps: readonly PathStep[]): boolean {
    if (!this.#draft.remove(steps)) return false
    this.changes.push({ kind: 'remove', steps })
    return true
  }
}

/** What one owner of a worker thread sees and changes while it holds anything, as `Holding` in the isolate of the Config. */
export class RemoteHolding {
  readonly owner: OwnerToken
  /** All its sections. */
  leases = 0
  writes = 0
  #root: ConfigNode
  #copy: RemoteCopy | undefined

  constructor(owner: OwnerToken, root: ConfigNode) {
    this.owner = owner
    this.#root = root
  }

  get root(): ConfigNode {
    return this.#copy?.root ?? this.#root
  }

  get copy(): SectionCopy | undefined {
    return this.#copy
  }

  beginWrite(): void {
    if (this.writes++ === 0) this.#copy = new RemoteCopy(this.#root)
  }

  /** The changes, if this was the last write section. */
  endWrite(): readonly SectionChange[] {
    if (--this.writes > 0) return []
    return this.#copy?.changes ?? []
  }

  /** The commit is over: what is seen from now on. */
  settle(root: ConfigNode): void {
    if (this.writes > 0) return
    this.#copy = undefined
    this.#root = root
  }
}
