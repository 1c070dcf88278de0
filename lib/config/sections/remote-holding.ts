import { Draft } from '../draft'
import type { OwnerToken } from '../lock'
import { parsePath, parseScopePath } from '../path'
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

  set(path: string, value: string): void {
    const { steps, name, key } = parsePath(path)
    this.changes.push({ kind: 'set', path, value })
    this.#draft.set(steps, { name, key, value, origin: ORIGIN })
  }

  unset(path: string): boolean {
    const { steps, key } = parsePath(path)
    if (!this.#draft.unset(steps, key)) return false
    this.changes.push({ kind: 'unset', path })
    return true
  }

  remove(path: string): boolean {
    if (!this.#draft.remove(parseScopePath(path))) return false
    this.changes.push({ kind: 'remove', path })
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
