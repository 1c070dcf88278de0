import { HeddleError } from '../../errors'
import type { LockMode, OwnerToken, Owners } from '../lock'
import type { CommitResult } from '../transaction'
import type { HeldLease, SectionLease } from './section'

/** A lock with the owner that it was taken for. Whoever named that owner may let anybody give it back. @internal */
export class OwnedLease implements SectionLease {
  readonly #lease: HeldLease
  readonly #owners: Owners
  readonly #wasNamed: boolean

  constructor(lease: HeldLease, owners: Owners, wasNamed: boolean) {
    this.#lease = lease
    this.#owners = owners
    this.#wasNamed = wasNamed
  }

  get mode(): LockMode {
    return this.#lease.mode
  }

  get isReleased(): boolean {
    return this.#lease.isReleased
  }

  get owner(): OwnerToken | undefined {
    return this.#lease.owner
  }

  get holding(): HeldLease['holding'] {
    return this.#lease.holding
  }

  touch(): void {
    if (this.owner) this.#owners.see(this.owner)
  }

  /** Who is no owner by themselves may give back what they were handed. (CX-01) */
  checkCaller(): void {
    if (this.#wasNamed || !this.owner) return
    const caller = this.#owners.find()
    if (!caller || caller === this.owner) return
    throw new HeddleError('ERR_LOCK_NOT_HELD', `this section belongs to another owner, ${this.owner}`)
  }

  release(): Promise<CommitResult | undefined> {
    return this.#lease.release()
  }

  abandon(): void {
    this.#lease.abandon()
  }
}
