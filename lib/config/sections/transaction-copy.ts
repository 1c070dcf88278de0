import type { KeyPath, PathStep } from '../path'
import type { CommitResult, Transaction } from '../transaction'
import type { ConfigNode } from '../tree'
import type { WorkingCopy } from './section-store'

/** A transaction as the working copy of write sections: it is committed and dropped by them, and by nobody else. (CX-21) */
export class TransactionCopy implements WorkingCopy {
  readonly transaction: Transaction
  readonly #commit: (txn: Transaction) => Promise<CommitResult>

  constructor(transaction: Transaction, commit: (txn: Transaction) => Promise<CommitResult>) {
    transaction.isKept = true
    this.transaction = transaction
    this.#commit = commit
  }

  get root(): ConfigNode {
    return this.transaction.root
  }

  get now(): ConfigNode {
    return this.transaction.now
  }

  get isChanged(): boolean {
    return this.transaction.isChanged
  }

  set(at: KeyPath, value: string): void {
    this.transaction.setAt(at, value)
  }

  unset(at: KeyPath): boolean {
    return this.transaction.unsetAt(at)
  }

  remove(steps: readonly PathStep[]): boolean {
    return this.transaction.removeAt(steps)
  }

  commit(): Promise<CommitResult> {
    return this.#commit(this.transaction)
  }

  rollback(): void {
    this.transaction.drop()
  }
}
