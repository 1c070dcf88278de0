import { HeddleError } from '../../errors'
import type { LockMode, OwnerToken } from '../lock'
import { type KeyPath, type PathStep, printPath } from '../path'
import type { CommitResult } from '../transaction'
import type { ConfigNode } from '../tree'
import { type LocatedNode, locate } from './located-node'
import { type Resolved, resolve } from './resolve'
import type { Step } from './section-path'
import { warnOfCommit } from './section-warnings'

/** What a section changes, where it may. */
export interface SectionCopy {
  /** The tree, to be looked at now and not to be kept. */
  readonly now: ConfigNode
  set(at: KeyPath, value: string): void
  unset(at: KeyPath): boolean
  remove(steps: readonly PathStep[]): boolean
}

/** A lock of this or of another isolate. @internal */
export interface HeldLease {
  readonly mode: LockMode
  readonly isReleased: boolean
  /** Undefined: it took no lock, and anybody may give it back. */
  readonly owner: OwnerToken | undefined
  readonly holding: { readonly root: ConfigNode; readonly copy: SectionCopy | undefined }
  release(): Promise<CommitResult | undefined>
  /** Gives it back without what its owner has changed. */
  abandon(): void
}

/** What a section stands on: a lock, and who may give it back. @internal */
export interface SectionLease extends HeldLease {
  /** Called by whoever uses the section. */
  touch(): void
  /** Throws ERR_LOCK_NOT_HELD for a caller that is another owner. */
  checkCaller(): void
}

/** Where a setter may write. @internal */
export interface WritablePlace extends Resolved {
  readonly copy: SectionCopy
}

/** More errors of one section nobody looks at. */
const MAX_FAULTS = 100

/**
 * A stanza of the configuration, locked for reading or writing; many may be locked by one owner at once. It is to be
 * released, once: with `using`, `await using` or `release()`. A section that is garbage is released with a warning, and
 * what was changed under it is dropped. Belongs to its isolate. (CX-01, CX-08)
 */
export class ConfigSection implements Disposable, AsyncDisposable {
  /** As it was asked for. */
  readonly path: string
  /** What getters found wrong with values they returned undefined for, the last of them last. */
  readonly faults: HeddleError[] = []
  readonly #lease: SectionLease
  readonly #steps: readonly PathStep[] | undefined
  #committed: Promise<CommitResult | undefined> | undefined
  #found: { readonly root: ConfigNode; readonly at: LocatedNode | undefined } | undefined

  /** @internal */
  constructor(path: string, lease: SectionLease, steps: readonly PathStep[] | undefined) {
    this.path = path
    this.#lease = lease
    this.#steps = steps
  }

  get mode(): LockMode {
    return this.#lease.mode
  }

  /** No stanza is there, or it is there no more. Such a section is released like any other. (CX-08) */
  get isEmpty(): boolean {
    return this.located === undefined
  }

  get isReleased(): boolean {
    return this.#lease.isReleased
  }

  /** The name of the stanza; empty for the top and where there is none. */
  get name(): string {
    return this.located?.node.name ?? ''
  }

  get instance(): string | undefined {
    return this.located?.node.instance
  }

  /** The path as transactions and the console spell it; undefined for an empty section. */
  get location(): string | undefined {
    return this.isEmpty ? undefined : printPath(this.#steps as readonly PathStep[])
  }

  /**
   * Gives the lock back, once. Of the last write section of its owner: resolves when the changes are committed, with the
   * generation; undefined where nothing was changed or other write sections go on. ERR_LOCK_NOT_HELD; what the commit
   * says, ERR_CONFIG_CONFLICT among it: then nothing has changed and the lock is free nevertheless. (CX-01, CX-21)
   */
  async release(): Promise<CommitResult | undefined> {
    this.#lease.checkCaller()
    this.#committed = this.#lease.release()
    return this.#committed
  }

  /**
   * Gives the lock back, once, and drops what its owner has changed: under this section, and under others that it has for
   * writing, the last of which rejects with ECANCELED at its release. ERR_LOCK_NOT_HELD. (CX-01)
   */
  abandon(): void {
    this.#lease.checkCaller()
    this.#lease.abandon()
  }

  /** What `release` promised; undefined before. For those who release it with `using`, or remove it. */
  get committed(): Promise<CommitResult | undefined> | undefined {
    return this.#committed
  }

  /**
   * Releases it if that was not done. A commit goes on behind it, and its failure is a warning: to have it thrown, use
   * `await using`. Both commit what was changed when something has thrown in between; `conf.write` does not. A getter, so
   * that whoever has it goes on as its owner.
   */
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

  /** @internal Where it is in the tree as it is now. ERR_RELEASED. */
  get located(): LocatedNode | undefined {
    if (this.isReleased) throw new HeddleError('ERR_RELEASED', `the section ${this.path} has been released`)
    this.#lease.touch()
    const { root } = this.#lease.holding
    if (this.#found?.root !== root) this.#found = { root, at: this.#steps && locate(root, this.#steps) }
    return this.#found.at
  }

  /** @internal The working copy and where a path below this section leads in it. ERR_NOT_WRITABLE, ERR_CONFIG_PATH. */
  writable(below: readonly Step[] = []): WritablePlace {
    const { copy } = this.#lease.holding
    if (this.isReleased || this.mode !== 'write' || copy === undefined)
      throw new HeddleError('ERR_NOT_WRITABLE', `the section ${this.path} is not one for writing`)
    this.#lease.touch()
    const found = this.#steps && resolve(copy.now, this.#steps, below)
    if (found?.hasFrom) return { ...found, copy }
    throw new HeddleError(
      'ERR_NOT_WRITABLE',
      `there is nothing at ${this.path}; write from a section above it`,
    )
  }

  /** @internal */
  note(fault: HeddleError): void {
    if (this.faults.length === MAX_FAULTS) this.faults.shift()
    this.faults.push(fault)
  }
}
