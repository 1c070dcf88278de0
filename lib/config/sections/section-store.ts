import type { ConfigNode } from '../tree'
import type { CommitResult } from '../transaction'
import type { ValueInput } from '../value'

/** What a write section changes: a transaction of the store. */
export interface WorkingCopy {
  /** The tree as it would be. */
  readonly root: ConfigNode
  readonly isChanged: boolean
  set(path: string, value: ValueInput): unknown
  unset(path: string): boolean
  remove(path: string): boolean
  commit(): Promise<CommitResult>
  rollback(): void
}

/** What the sections need of a Config, so that they are proven without one. */
export interface SectionStore {
  /** The tree that is active now. */
  readonly root: ConfigNode
  /** The tree of the commit that the calling code runs in, if it does. */
  readonly pending: ConfigNode | undefined
  /** Its number. */
  readonly generation: number
  begin(options: { by: string }): WorkingCopy
  /** Writes what has changed into the files it belongs to. */
  writeBack(): Promise<void>
  /** Calls after each commit; what is returned ends that. */
  onChange(call: () => void): () => void
}
