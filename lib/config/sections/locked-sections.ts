import { invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import type { LineWaitOptions } from '../../waiting'
import { type LockMode, OwnerToken, type Owners } from '../lock'
import { printPath } from '../path'
import type { CommitResult } from '../transaction'
import { type LocatedNode, stepsTo } from './located-node'
import { OwnedLease } from './owned-lease'
import { ConfigSection, type HeldLease, type SectionLease } from './section'
import { ConfigSectionList } from './section-list'
import { parseSectionPath, type SectionPath, select } from './section-path'
import { SectionValues } from './section-values'
import { guard, warnOfCommit } from './section-warnings'

/** How to wait for a section, and for whom. */
export interface SectionOptions extends LineWaitOptions {
  /** The owner, where the async context does not say it: what `lockOwner()` returned to somebody. */
  readonly owner?: OwnerToken | undefined
}

/** Taking sections, and who takes them: what the isolate of a Config and worker threads have in common. */
export abstract class LockedSections extends SectionValues {
  readonly #owners: Owners

  protected constructor(owners: Owners) {
    super()
    this.#owners = owners
  }

  /**
   * The last stanza of a path, for reading, together with other readers. A path that leads to nothing gives an empty
   * section. ERR_CONFIG_PATH, ETIME, the signal's reason, ERR_INVALID_ARGUMENT. (CX-01, CX-03, CX-04, CX-08)
   */
  readSection(path: string, options: SectionOptions = {}): Promise<ConfigSection> {
    return this.#locked('read', path, options, sectionOf)
  }

  /**
   * The last stanza of a path, for reading and changing, alone. Errors as for `readSection`, and ERR_LOCK_UPGRADE at once
   * for an owner that holds read sections only, ERR_PHASE inside of a commit. (CX-01, CX-05)
   */
  writeSection(path: string, options: SectionOptions = {}): Promise<ConfigSection> {
    return this.#locked('write', path, options, sectionOf)
  }

  /** All stanzas of a path, in the order of the configuration, under one lock. Errors as for `readSection`. (CX-09) */
  readSections(path: string, options: SectionOptions = {}): Promise<ConfigSectionList> {
    return this.#locked('read', path, options, listOf)
  }

  /**
   * Changes the stanza of a path, and commits: what is in `change` is active as a whole, or, where it throws or rejects,
   * dropped. Resolves with what the release says. Errors as for `writeSection`, those of the commit, and what `change`
   * throws. (CX-01, CX-21)
   */
  async write(
    path: string,
    change: (section: ConfigSection) => unknown,
    options: SectionOptions = {},
  ): Promise<CommitResult | undefined> {
    if (typeof change !== 'function') throw invalid('write takes', 'a function', change)
    const section = await this.writeSection(path, options)
    try {
      await change(section)
    } catch (error) {
      if (!section.isReleased) section.abandon()
      throw error
    }
    return section.isReleased ? section.committed : section.release()
  }

  /**
   * Removes the stanza of a write section with all that is in it, and releases the section; `committed` is what the
   * release says. False, and the section stays, at the top, or where a hook does not allow it. ERR_NOT_WRITABLE. (CX-17,
   * CX-19)
   */
  removeSection(section: ConfigSection): boolean {
    if (!(section instanceof ConfigSection))
      throw new HeddleError('ERR_NOT_WRITABLE', 'what is removed is a write section')
    const { copy, steps } = section.writable()
    if (steps.length === 0) return false
    const path = printPath(steps)
    if (!this.mayRemove(path) || !copy.remove(steps)) return false
    section.release().catch((error) => warnOfCommit(section.path, error))
    return true
  }

  /**
   * Runs a function as an owner of its own, together with all that it starts. Returns what it returns.
   * ERR_INVALID_ARGUMENT. (CX-06)
   */
  asOwner<R>(run: () => R): R {
    if (typeof run !== 'function') throw invalid('asOwner takes', 'a function', run)
    return this.#owners.run(run)
  }

  /** The owner of the running code; undefined for a flow that holds no section. (CX-06) */
  lockOwner(): OwnerToken | undefined {
    return this.#owners.find()
  }

  protected abstract acquire(mode: LockMode, owner: OwnerToken, wait: LineWaitOptions): Promise<HeldLease>

  /** Whether the stanza at a path may go. */
  protected abstract mayRemove(path: string): boolean

  /** Asks before the caller goes on, in its async context. What awaits the promise holds what was asked for. */
  #locked<S extends object>(
    mode: LockMode,
    path: string,
    options: SectionOptions,
    make: (path: SectionPath, lease: SectionLease) => S,
  ): Promise<S> {
    const asked: { flow?: OwnerToken } = {}
    const made = this.#ask(mode, path, options, make, asked)
    return asked.flow ? this.#owners.awaited(asked.flow, made) : made
  }

  async #ask<S extends object>(
    mode: LockMode,
    path: string,
    options: SectionOptions,
    make: (path: SectionPath, lease: SectionLease) => S,
    asked: { flow?: OwnerToken },
  ): Promise<S> {
    const parsed = parseSectionPath(path)
    if (typeof options !== 'object' || options === null)
      throw invalid('options of a section are', 'an object such as { timeout: 100 }', options)
    const { owner: given, timeout, signal } = options
    if (given !== undefined && !(given instanceof OwnerToken))
      throw invalid('owner', 'is what lockOwner() returned', given)
    const owner = given ?? this.#owners.current()
    if (given === undefined) asked.flow = owner
    const held = await this.acquire(mode, owner, { timeout, signal })
    const lease = new OwnedLease(held, this.#owners, given !== undefined)
    try {
      const made = make(parsed, lease)
      guard(made, lease, path)
      return made
    } catch (error) {
      lease.abandon()
      throw error
    }
  }
}

function sectionOf(path: SectionPath, lease: SectionLease): ConfigSection {
  const at = select(topOf(lease), path).at(-1)
  return new ConfigSection(path.text, lease, at && stepsTo(at))
}

function listOf(path: SectionPath, lease: SectionLease): ConfigSectionList {
  return new ConfigSectionList(path.text, lease, select(topOf(lease), path))
}

function topOf({ holding }: SectionLease): LocatedNode {
  return { node: holding.root, parent: undefined }
}
