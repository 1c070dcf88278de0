import { HeddleError } from '../../errors'
import { checkWait, type LineWaitOptions, waitInLine } from '../../waiting'
import { type LockCounts, type LockMode, type OwnerToken, Owners, SectionLock } from '../lock'
import type { CommitResult } from '../transaction'
import type { ConfigNode } from '../tree'
import type { SectionStore, WorkingCopy } from './section-store'

/** How to wait for a section. */
export interface LeaseOptions extends LineWaitOptions {
  readonly owner?: OwnerToken | undefined
}

/**
 * What one owner sees and changes for as long as it holds anything: all its sections look at the same tree, that of the
 * generation that was active when it took the first of them, or the working copy while it writes.
 */
export class Holding {
  readonly owner: OwnerToken
  #root: ConfigNode
  #copy: WorkingCopy | undefined
  writes = 0

  constructor(owner: OwnerToken, root: ConfigNode) {
    this.owner = owner
    this.#root = root
  }

  get root(): ConfigNode {
    return this.#copy?.root ?? this.#root
  }

  get copy(): WorkingCopy | undefined {
    return this.#copy
  }

  beginWrite(copy: WorkingCopy): void {
    this.#copy = copy
  }

  endWrite(root: ConfigNode): void {
    this.#root = root
    this.#copy = undefined
  }
}

/** One lock of one section. Given back once. */
export class Lease {
  #table: LeaseTable | undefined

  /** @internal Made by the table. */
  constructor(
    table: LeaseTable,
    readonly holding: Holding,
    readonly mode: LockMode,
  ) {
    this.#table = table
  }

  get isReleased(): boolean {
    return this.#table === undefined
  }

  /**
   * Gives it back. Of the last write of an owner: when its changes are committed, with what the commit says; undefined
   * where there was nothing to commit. ERR_LOCK_NOT_HELD; rejects with the reason of a commit that failed, which leaves
   * nothing changed and the lock released.
   */
  release(): Promise<CommitResult | undefined> {
    return this.#take().release(this)
  }

  /** Gives it back without its changes, for an owner that is gone. */
  abandon(): void {
    this.#take()
      .release(this, true)
      .catch(() => {})
  }

  #take(): LeaseTable {
    const table = this.#table
    if (!table) throw new HeddleError('ERR_LOCK_NOT_HELD', 'the section has been released')
    this.#table = undefined
    return table
  }
}

/**
 * Who holds the sections of one store, and the working copies of those who write. The isolate of the Config has it; other
 * isolates ask through a port. A commit belongs to the write that it ends: the lock is free when the generation is there,
 * so that whoever writes next begins with it.
 */
export class LeaseTable {
  readonly owners = new Owners()
  readonly #store: SectionStore
  readonly #lock = new SectionLock<OwnerToken>()
  readonly #holdings = new Map<OwnerToken, Holding>()

  constructor(store: SectionStore) {
    this.#store = store
  }

  get counts(): LockCounts<OwnerToken> {
    return this.#lock.counts
  }

  /** How many locks an owner holds, of both kinds. */
  depthOf(owner: OwnerToken | undefined): number {
    const hold = owner && this.#lock.holdOf(owner)
    return hold ? hold.reads + hold.writes : 0
  }

  /** ERR_LOCK_UPGRADE, ERR_PHASE, ETIME, the signal's reason, ERR_INVALID_ARGUMENT. */
  async acquire(mode: LockMode, owner: OwnerToken, options: LineWaitOptions): Promise<Lease> {
    checkWait(options)
    if (mode === 'write' && this.owners.isInCommit(owner))
      throw new HeddleError('ERR_PHASE', 'no write section can begin inside of the commit of another')
    owner.uses++
    try {
      return await waitInLine<Lease>(
        (granted, ended) => this.#enter(mode, owner, () => this.#grant(mode, owner, granted, ended), ended),
        options,
        timedOut,
      )
    } catch (error) {
      owner.uses--
      throw error
    }
  }

  /** @internal For a lease, and once. */
  release(lease: Lease, isAbandoned = false): Promise<CommitResult | undefined> {
    const { holding, mode } = lease
    if (mode === 'read' || holding.writes > 1) return Promise.resolve(this.#leave(lease))
    const { copy } = holding
    if (isAbandoned || !copy?.isChanged) {
      copy?.rollback()
      return Promise.resolve(this.#leave(lease))
    }
    return this.#commit(lease, copy)
  }

  #commit(lease: Lease, copy: WorkingCopy): Promise<CommitResult> {
    const { owner } = lease.holding
    const commit = this.owners.runCommit(owner, () => copy.commit())
    owner.commit = commit
    const ended = (): void => {
      owner.commit = undefined
      this.#leave(lease)
    }
    return commit.then(
      (result) => {
        ended()
        return result
      },
      (error) => {
        copy.rollback()
        ended()
        throw error
      },
    )
  }

  /** An owner whose commit runs waits for its end, but for what the commit itself calls. */
  #enter(
    mode: LockMode,
    owner: OwnerToken,
    granted: () => void,
    ended: (error: unknown) => void,
  ): () => boolean {
    const { commit } = owner
    if (!commit || this.owners.isInCommit(owner)) return this.#lock.enter(owner, mode, granted, ended)
    let leave = (): boolean => {
      leave = () => false
      return true
    }
    const enter = (): void => {
      if (leave()) leave = this.#lock.enter(owner, mode, granted, ended)
    }
    commit.then(enter, enter)
    return () => leave()
  }

  /** In the same step as the lock's grant, so that the lock and the holding never differ. */
  #grant(
    mode: LockMode,
    owner: OwnerToken,
    granted: (lease: Lease) => void,
    ended: (error: unknown) => void,
  ): void {
    try {
      granted(this.#leaseFor(mode, owner))
    } catch (error) {
      this.#lock.leave(owner, mode)
      ended(error)
    }
  }

  #leaseFor(mode: LockMode, owner: OwnerToken): Lease {
    const holding = this.#holdings.get(owner) ?? new Holding(owner, this.#store.root)
    if (mode === 'write' && holding.writes === 0)
      holding.beginWrite(this.#store.begin({ by: `<section of ${owner}>` }))
    if (mode === 'write') holding.writes++
    this.#holdings.set(owner, holding)
    return new Lease(this, holding, mode)
  }

  #leave({ holding, mode }: Lease): undefined {
    const { owner } = holding
    if (mode === 'write' && --holding.writes === 0) holding.endWrite(this.#store.root)
    // Before the lock lets others in: this owner may be among them, and begins anew.
    if (this.depthOf(owner) === 1) this.#holdings.delete(owner)
    owner.uses--
    this.#lock.leave(owner, mode)
    return undefined
  }
}

function timedOut(): HeddleError {
  return new HeddleError('ETIME', 'the section was not free in time')
}
