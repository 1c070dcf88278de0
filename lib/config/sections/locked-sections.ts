import { invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import type { LineWaitOptions } from '../../waiting'
import { type LockMode, OwnerToken, type Owners } from '../lock'
import { printPath } from '../path'
import { type LocatedNode, stepsTo } from './located-node'
import { ConfigSection, type SectionLease } from './section'
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
  async readSection(path: string, options: SectionOptions = {}): Promise<ConfigSection> {
    const { parsed, lease } = this.#ask('read', path, options)
    return sectionOf(parsed, await lease)
  }

  /**
   * The last stanza of a path, for reading and changing, alone. Errors as for `readSection`, and ERR_LOCK_UPGRADE at once
   * for an owner that holds read sections only. (CX-01, CX-05)
   */
  async writeSection(path: string, options: SectionOptions = {}): Promise<ConfigSection> {
    const { parsed, lease } = this.#ask('write', path, options)
    return sectionOf(parsed, await lease)
  }

  /** All stanzas of a path, in the order of the configuration, under one lock. Errors as for `readSection`. (CX-09) */
  async readSections(path: string, options: SectionOptions = {}): Promise<ConfigSectionList> {
    const { parsed, lease } = this.#ask('read', path, options)
    const held = await lease
    return new ConfigSectionList(path, held, select(topOf(held), parsed))
  }

  /**
   * Removes the stanza of a write section with all that is in it, and releases the section; `committed` is what the
   * release says. False, and the section stays, at the top, or where a hook does not allow it. ERR_NOT_WRITABLE. (CX-17,
   * CX-19)
   */
  removeSection(section: ConfigSection): boolean {
    if (!(section instanceof ConfigSection))
      throw new HeddleError('ERR_NOT_WRITABLE', 'what is removed is a write section')
    const { copy, steps } = section.writable
    if (steps.length === 0) return false
    const path = printPath(steps)
    if (!this.mayRemove(path) || !copy.remove(path)) return false
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

  protected abstract acquire(mode: LockMode, owner: OwnerToken, wait: LineWaitOptions): Promise<SectionLease>

  /** Whether the stanza at a path may go. */
  protected abstract mayRemove(path: string): boolean

  /** All of this runs before the caller goes on, in the caller's async context. */
  #ask(
    mode: LockMode,
    path: string,
    options: SectionOptions,
  ): { parsed: SectionPath; lease: Promise<SectionLease> } {
    const parsed = parseSectionPath(path)
    if (typeof options !== 'object' || options === null)
      throw invalid('options of a section are', 'an object such as { timeout: 100 }', options)
    const { owner = this.#owners.current(), timeout, signal } = options
    if (!(owner instanceof OwnerToken)) throw invalid('owner', 'is what lockOwner() returned', owner)
    return { parsed, lease: this.acquire(mode, owner, { timeout, signal }) }
  }
}

function sectionOf(path: SectionPath, lease: SectionLease): ConfigSection {
  const at = select(topOf(lease), path).at(-1)
  const section = new ConfigSection(path.text, lease, at && stepsTo(at))
  guard(section, lease, path.text)
  return section
}

function topOf({ holding }: SectionLease): LocatedNode {
  return { node: holding.root, parent: undefined }
}
