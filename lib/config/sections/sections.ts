import type { MessagePort } from 'node:worker_threads'
import { HeddleError } from '../../errors'
import type { LineWaitOptions } from '../../waiting'
import type { LockMode, OwnerToken } from '../lock'
import { printPath } from '../path'
import type { Transaction } from '../transaction'
import { interpolate } from './environment'
import { LeaseTable } from './lease'
import { type LocatedNode, stepsTo } from './located-node'
import { LockedSections } from './locked-sections'
import { ConfigSection, type HeldLease } from './section'
import { declareSectionHooks, isDeclarer, type SectionHooks } from './section-hooks'
import { openSectionPort } from './section-server'
import type { SectionStore, WorkingCopy } from './section-store'
import { Journal, type JournalOptions, WriteOut } from './write-out'

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
 * Thread rule: the isolate of the Config; worker threads have `RemoteConfigSections`.
 */
export class ConfigSections extends LockedSections {
  readonly #store: SectionStore
  readonly #table: LeaseTable
  readonly #hooks: SectionHooks | undefined
  readonly #writeOut: WriteOut

  /** @internal `config.sections` is it. */
  constructor(store: SectionStore, hooks?: object) {
    const table = new LeaseTable(store)
    super(table.owners)
    this.#store = store
    this.#table = table
    this.#writeOut = new WriteOut(store)
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
   * The working copy under a write section, a transaction of the Config, which ends with it: its own `commit` and `rollback`
   * are ERR_CONFIG_TRANSACTION, its `replay` is a new one. ERR_NOT_WRITABLE. (CX-21)
   */
  asTransaction(section: ConfigSection): Transaction {
    if (!(section instanceof ConfigSection))
      throw new HeddleError('ERR_NOT_WRITABLE', 'only a write section has a transaction')
    return (section.writable().copy as WorkingCopy).transaction
  }

  /** (CX-07) */
  lockState(): SectionLockState {
    return { ...this.#table.counts, depth: this.#table.depthOf(this.lockOwner()) }
  }

  /**
   * A port for one worker thread, to be transferred to it and given to `RemoteConfigSections` there. When that thread ends,
   * however it does, its sections are released with a warning, and what it changed is dropped. The port does not hold the
   * process alive. (CX-01, CX-06)
   */
  openPort(): MessagePort {
    return openSectionPort(this.#table, this.#store, (path) => this.mayRemove(path))
  }

  /**
   * Writes the configuration out: with a path all of it into that file, else what has changed into the files it belongs to.
   * A file has the old text or the new, after a crash too; its permissions and owner stay. Writes follow one another.
   * What the command line has set is written too, into a file of its own, and not back. ERR_INVALID_ARGUMENT for a path that
   * is one of the files of the configuration, ERR_WRITES_DISABLED, ERR_CONFIG_READONLY, ERR_CONFIG_STALE, what the system
   * says. (CX-14, CX-15)
   */
  writeFile(path?: string): Promise<void> {
    return this.#writeOut.write(path)
  }

  /**
   * As `writeFile()`, soon; all requests of one pass of the loop, and while another write goes on, are one. Errors as there,
   * to be awaited. (CX-15)
   */
  requestWrite(): Promise<void> {
    return this.#writeOut.request()
  }

  /** From now on nothing is written, by `config.writeBack` neither: ERR_WRITES_DISABLED. The journal goes on. (CX-15) */
  disableWrites(): void {
    this.#writeOut.disable()
  }

  get writesDisabled(): boolean {
    return this.#writeOut.isDisabled
  }

  /**
   * Appends the configuration to a file when it has changed and then been quiet for a while. To be ended with `await using`.
   * ERR_INVALID_ARGUMENT. (CX-16)
   */
  journal(path: string, options: JournalOptions = {}): Journal {
    return new Journal(this.#store, path, options)
  }

  protected override textOf(_section: ConfigSection, at: LocatedNode, key: string, given: string): string {
    const text = interpolate(given)
    const fixup = this.#hooks?.valueFixup
    if (!fixup || fixup.has() === 0) return text
    const fixed: unknown = fixup.call({ path: printPath(stepsTo(at)), key, text }) ?? text
    if (typeof fixed === 'string') return fixed
    throw new HeddleError('EINVAL', 'a provider of config.value_fixup has returned what is no text')
  }

  protected override mayRemove(path: string): boolean {
    const hook = this.#hooks?.deleteSection
    return !hook || hook.has() === 0 || hook.call(path) !== false
  }

  protected override acquire(mode: LockMode, owner: OwnerToken, wait: LineWaitOptions): Promise<HeldLease> {
    return this.#table.acquire(mode, owner, wait)
  }
}
