import type { ConfigNode } from '../tree'
import type { CommitResult, Transaction } from '../transaction'
import type { SectionCopy } from './section'

/** What a write section changes: a transaction of the store. */
export interface WorkingCopy extends SectionCopy {
  /** The tree as it would be. */
  readonly root: ConfigNode
  readonly isChanged: boolean
  /** It, as programs see it. */
  readonly transaction: Transaction
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
  /** The files it was read from, and the local changes file. */
  readonly files: readonly string[]
  /** Writes what has changed into the files it belongs to. */
  writeBack(): Promise<void>
  /** Calls after each commit; what is returned ends that. */
  onChange(call: () => void): () => void
}
