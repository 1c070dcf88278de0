import { invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import type { LineWaitOptions } from '../../waiting'
import { type LockMode, OwnerToken } from '../lock'
import { printPath } from '../path'
import { interpolate } from './environment'
import { type Lease, LeaseTable } from './lease'
import { type LocatedNode, stepsTo } from './located-node'
import { ConfigSection, type SectionLease } from './section'
import { declareSectionHooks, isDeclarer, type SectionHooks } from './section-hooks'
import { ConfigSectionList } from './section-list'
import { parseSectionPath, select } from './section-path'
import type { SectionStore } from './section-store'
import { SectionValues } from './section-values'
import { guard, warnOfCommit } from './section-warnings'

/** How to wait for a section, and for whom. */
export interface SectionOptions extends LineWaitOptions {
  /** The owner, where the async context does not say it: what `lockOwner()` returned to somebody. */
  readonly owner?: OwnerToken | undefined
}

/** Who holds the sections. (CX-07) */
export interface SectionLockState {
  /** Owners that hold it for reading; none while somebody writes. */
  readonly readers: number
  readonly writer: OwnerToken | undefined
  readonly waitingReaders: number
  readonly waitingWriters: number
  /** ConfigSections that the calling owner holds. */
  readonly depth: number
}

/**
 * The editing view of a Config: stanzas by their paths, locked for reading or writing. One lock lies over the whole tree:
 * readers share it, a writer is alone. It is recursive by owner, a write section serves as a read section, and there is no
 * upgrade. Changes are made to a working copy that their owner alone sees; when the last write section of the owner is
 * released, they become one generation of the Config, or, if that does not accept them, nothing.
 *
 * What reads by other ways (`fetch`, snapshots) never waits for a section, and a transaction or reload by other ways does
 * not either: an owner that writes meanwhile gets ERR_CONFIG_CONFLICT at its release, and one that reads goes on with what
 * it has. (CX)
 *
 * Thread rule: the isolate of the Config; worker threads have `RemoteSections`.
 */
export class ConfigSections extends SectionValues {
  readonly #store: SectionStore
  readonly #table: LeaseTable
  readonly #hooks: SectionHooks | undefined

  /** @internal `config.sections` is it. */
  constructor(store: SectionStore, hooks?: object) {
    super()
    this.#store = store
    this.#table = new LeaseTable(store)
    this.#hooks = isDeclarer(hooks) ? declareSectionHooks(hooks) : undefined
  }

  /** The number of the active generation; every change makes it larger. (CX-16) */
  get generation(): number {
    return this.#store.generation
  }

  /** Hooks in reading and removing. ERR_NOT_SUPPORTED for a Config that was made without hooks. (CX-19) */
  get hooks(): SectionHooks {
    if (this.#hooks) return this.#hooks
    throw new HeddleError('ERR_NOT_SUPPORTED', 'this Config was made without hooks')
  }

  /**
   * The last stanza of a path, for reading, together with other readers. A path that leads to nothing gives an empty
   * section. ERR_CONFIG_PATH, ETIME, the signal's reason, ERR_INVALID_ARGUMENT. (CX-01, CX-03, CX-04, CX-08)
   */
  readSection(path: string, options: SectionOptions = {}): Promise<ConfigSection> {
    return this.#section('read', path, options)
  }

  /**
   * The last stanza of a path, for reading and changing, alone. Errors as for `readSection`, and ERR_LOCK_UPGRADE at once
   * for an owner that holds read sections only. (CX-01, CX-05)
   */
  writeSection(path: string, options: SectionOptions = {}): Promise<ConfigSection> {
    return this.#section('write', path, options)
  }

  /** All stanzas of a path, in the order of the configuration, under one lock. (CX-09) */
  async readSections(path: string, options: SectionOptions = {}): Promise<ConfigSectionList> {
    const { parsed, lease } = this.#ask('read', path, options)
    const held = this.#leaseOf(await lease)
    return new ConfigSectionList(path, held, select(top(held), parsed))
  }

  /**
   * Removes the stanza of a write section with all that is in it, and releases the section. False, and the section stays,
   * where there is nothing to remove, at the top, or where a hook does not allow it. `committed` of the section is what its
   * release says. ERR_NOT_WRITABLE. (CX-17, CX-19)
   */
  removeSection(section: ConfigSection): boolean {
    if (!(section instanceof ConfigSection))
      throw new HeddleError('ERR_NOT_WRITABLE', 'this is no write section')
    const { copy, steps } = section.writable
    if (steps.length === 0) return false
    const path = printPath(steps)
    if (this.#hooks && this.#hooks.deleteSection.has() > 0 && this.#hooks.deleteSection.call(path) === false)
      return false
    if (!copy.remove(path)) return false
    section.release().catch((error) => warnOfCommit(section.path, error))
    return true
  }

  /** The working copy under a write section, a transaction of the Config. It commits with the section. (CX-21) */
  asTransaction(section: ConfigSection): ReturnType<SectionStore['begin']> {
    if (!(section instanceof ConfigSection))
      throw new HeddleError('ERR_NOT_WRITABLE', 'this is no write section')
    return section.writable.copy as ReturnType<SectionStore['begin']>
  }

  /** Runs a function as an owner of its own, together with what it starts. Returns what it returns. (CX-06) */
  asOwner<R>(run: () => R): R {
    if (typeof run !== 'function') throw invalid('asOwner takes', 'a function', run)
    return this.#table.owners.run(run)
  }

  /** The owner of the running code; undefined for a flow that holds no section. (CX-06) */
  lockOwner(): OwnerToken | undefined {
    return this.#table.owners.find()
  }

  /** (CX-07) */
  lockState(): SectionLockState {
    return { ...this.#table.counts, depth: this.#table.depthOf(this.lockOwner()) }
  }

  /** @internal For the port. */
  get table(): LeaseTable {
    return this.#table
  }

  protected override textOf(_section: ConfigSection, at: LocatedNode, key: string, given: string): string {
    const text = interpolate(given)
    const fixup = this.#hooks?.valueFixup
    if (!fixup || fixup.has() === 0) return text
    return fixup.call({ path: printPath(stepsTo(at)), key, text }) ?? text
  }

  async #section(mode: LockMode, path: string, options: SectionOptions): Promise<ConfigSection> {
    const { parsed, lease } = this.#ask(mode, path, options)
    const held = this.#leaseOf(await lease)
    const at = select(top(held), parsed).at(-1)
    const section = new ConfigSection(path, held, at && stepsTo(at))
    guard(section, held, path)
    return section
  }

  /** All of this runs before the caller goes on, in the caller's async context. */
  #ask(mode: LockMode, path: string, options: SectionOptions) {
    const parsed = parseSectionPath(path)
    if (typeof options !== 'object' || options === null)
      throw invalid('options of a section are', 'an object such as { timeout: 100 }', options)
    const { owner = this.#table.owners.current(), timeout, signal } = options
    if (!(owner instanceof OwnerToken)) throw invalid('owner', 'is what lockOwner() returned', owner)
    return { parsed, lease: this.#table.acquire(mode, owner, { timeout, signal }) }
  }

  #leaseOf(lease: Lease): SectionLease {
    const { owners } = this.#table
    return {
      mode: lease.mode,
      holding: lease.holding,
      get isReleased() {
        return lease.isReleased
      },
      touch: () => owners.see(lease.holding.owner),
      release: () => lease.release(),
      abandon: () => lease.abandon(),
    }
  }
}

function top({ holding }: SectionLease): LocatedNode {
  return { node: holding.root, parent: undefined }
}
