import { HeddleError } from '../../errors'
import { checkWait, type LineWaitOptions, waitInLine } from '../../waiting'
import { type LockCounts, type LockMode, type OwnerToken, Owners, SectionLock } from '../lock'
import type { CommitResult } from '../transaction'
import type { ConfigNode } from '../tree'
import type { SectionStore, WorkingCopy } from './section-store'

/**
 * What one owner sees and changes for as long as it holds anything: all its sections look at the same tree, that of the
 * generation that was active when it took the first of them, or the working copy while it writes.
 */
export class Holding {
  readonly owner: OwnerToken
  #root: ConfigNode
  #copy: WorkingCopy | undefined
  writes = 0
  /** One of the write sections was given up: nothing of what they all changed is committed. */
  isSpoilt = false

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
    this.isSpoilt = false
  }
}

/** Whom a lease is given back to. */
interface Lender {
  release(lease: Lease, isAbandoned?: boolean): Promise<CommitResult | undefined>
}

/** Of leases that took no lock. */
const NOBODY: Lender = { release: () => Promise.resolve(undefined) }

/** One lock of one section. Given back once. */
export class Lease {
  #lender: Lender | undefined

  /** @internal Made by the table. */
  constructor(
    lender: Lender,
    readonly holding: Holding,
    readonly mode: LockMode,
  ) {
    this.#lender = lender
  }

  get isReleased(): boolean {
    return this.#lender === undefined
  }

  /** Undefined for one that took no lock. */
  get owner(): OwnerToken | undefined {
    return this.#lender === NOBODY ? undefined : this.holding.owner
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

  #take(): Lender {
    const lender = this.#lender
    if (!lender) throw new HeddleError('ERR_LOCK_NOT_HELD', 'the section has been released')
    this.#lender = undefined
    return lender
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

  /**
   * What a commit calls must not wait for somebody who waits for that commit: it reads the tree that is being committed,
   * which nobody changes any more, without the lock, and cannot write. ERR_LOCK_UPGRADE, ERR_PHASE, ETIME, the signal's
   * reason, ERR_INVALID_ARGUMENT.
   */
  async acquire(mode: LockMode, owner: OwnerToken, options: LineWaitOptions): Promise<Lease> {
    checkWait(options)
    const { pending } = this.#store
    if (pending && mode === 'write')
      throw new HeddleError('ERR_PHASE', 'no write section can begin inside of a commit')
    if (pending) return new Lease(NOBODY, new Holding(owner, pending), mode)
    owner.enter()
    try {
      return await waitInLine<Lease>(
        (granted, ended) => this.#enter(mode, owner, () => this.#grant(mode, owner, granted, ended), ended),
        options,
        timedOut,
      )
    } catch (error) {
      owner.leave()
      throw error
    }
  }

  /** @internal For a lease, and once. */
  release(lease: Lease, isAbandoned = false): Promise<CommitResult | undefined> {
    const { holding, mode } = lease
    if (mode === 'write' && isAbandoned) holding.isSpoilt = true
    if (mode === 'read' || holding.writes > 1) return Promise.resolve(this.#leave(lease))
    const { copy, isSpoilt } = holding
    if (copy?.isChanged && !isSpoilt) return this.#commit(lease, copy)
    const isLost = copy?.isChanged === true && !isAbandoned
    copy?.rollback()
    this.#leave(lease)
    return isLost ? Promise.reject(spoilt()) : Promise.resolve(undefined)
  }

  #commit(lease: Lease, copy: WorkingCopy): Promise<CommitResult> {
    const { owner } = lease.holding
    const commit = copy.commit()
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

  /** An owner whose commit runs waits for its end. */
  #enter(
    mode: LockMode,
    owner: OwnerToken,
    granted: () => void,
    ended: (error: unknown) => void,
  ): () => boolean {
    const { commit } = owner
    if (!commit) return this.#lock.enter(owner, mode, granted, ended)
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
    owner.leave()
    this.#lock.leave(owner, mode)
    return undefined
  }
}

function spoilt(): HeddleError {
  return new HeddleError('ECANCELED', 'another write section of this owner was given up, and what it changed')
}

function timedOut(): HeddleError {
  return new HeddleError('ETIME', 'the section was not free in time')
}
