import { HeddleError } from '../../errors'
import type { CommitResult } from '../transaction'
import { type LocatedNode, stepsTo } from './located-node'
import { ConfigSection, type SectionLease } from './section'
import { warnOfCommit } from './section-warnings'

/** Several sections under one lock, which is released with the list. Errors and threads as for a section. (CX-09) */
export class ConfigSectionList implements Iterable<ConfigSection>, Disposable, AsyncDisposable {
  readonly path: string
  /** In the order of the configuration. They are released with the list, not one by one. */
  readonly sections: readonly ConfigSection[]
  readonly #lease: SectionLease

  /** @internal */
  constructor(path: string, lease: SectionLease, found: readonly LocatedNode[]) {
    this.path = path
    this.#lease = lease
    const member = this.#memberLease()
    this.sections = Object.freeze(found.map((at) => new ConfigSection(path, member, stepsTo(at))))
  }

  get length(): number {
    return this.sections.length
  }

  get isReleased(): boolean {
    return this.#lease.isReleased
  }

  [Symbol.iterator](): ArrayIterator<ConfigSection> {
    return this.sections[Symbol.iterator]()
  }

  /** As that of a section. */
  async release(): Promise<CommitResult | undefined> {
    this.#lease.checkCaller()
    return this.#lease.release()
  }

  get [Symbol.dispose](): () => void {
    this.#lease.touch()
    return () => {
      if (this.isReleased) return
      this.#lease.checkCaller()
      this.release().catch((error) => warnOfCommit(this.path, error))
    }
  }

  get [Symbol.asyncDispose](): () => Promise<void> {
    this.#lease.touch()
    return async () => {
      if (!this.isReleased) await this.release()
    }
  }

  /** Leads to the list: whoever has a member has the lock. */
  #memberLease(): SectionLease {
    const list = this
    const lease = this.#lease
    return {
      mode: lease.mode,
      owner: lease.owner,
      holding: lease.holding,
      get isReleased() {
        return list.isReleased
      },
      touch: () => lease.touch(),
      checkCaller: () => {
        throw new HeddleError('ERR_LOCK_NOT_HELD', 'the section is released with its list')
      },
      release: () => lease.release(),
      abandon: () => lease.abandon(),
    }
  }
}
