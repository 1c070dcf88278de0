import { invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import { type KeyPath, writable } from '../path'
import { sameRaw, type RawValue } from '../value'
import { type DurationUnit, parseDuration } from '../units'
import * as conversions from './conversions'
import type { Conversion } from './conversions'
import { interpolate } from './environment'
import type { LocatedNode } from './located-node'
import { hashOf } from './inheritance'
import { resolve } from './resolve'
import { ConfigSection, type SectionCopy } from './section'
import { parseValuePath, selectHolders, type ValuePath } from './section-path'

/**
 * Reading and writing values by their path below a section. Of several that fit the last counts. What is missing is
 * undefined; what is there and does not fit the type is undefined, too, and says why in the section's `faults`. A text
 * of the form `ENV:default:{VARIABLE}` is what the environment says. (CX-10, CX-12)
 *
 * Getters: ERR_RELEASED, ERR_CONFIG_PATH. Setters: ERR_NOT_WRITABLE without a write section that is held, EINVAL for a
 * value that does not fit, ERR_CONFIG_PATH for a path that may name several settings. A setter makes stanzas that are
 * missing.
 *
 * Thread rule: the isolate of the section.
 */
export abstract class SectionValues {
  getString(section: ConfigSection, path: string): string | undefined {
    return this.#get(section, path, conversions.text)
  }

  /** A whole number from -2³¹ to 2³¹ - 1. */
  getInt32(section: ConfigSection, path: string): number | undefined {
    return this.#get(section, path, conversions.int32)
  }

  /** A whole number from -2⁶³ to 2⁶³ - 1. */
  getInt64(section: ConfigSection, path: string): bigint | undefined {
    return this.#get(section, path, conversions.int64)
  }

  /** A whole number from 0 to 2³² - 1. */
  getUint32(section: ConfigSection, path: string): number | undefined {
    return this.#get(section, path, conversions.uint32)
  }

  /** A whole number from 0 to 2⁶⁴ - 1. */
  getUint64(section: ConfigSection, path: string): bigint | undefined {
    return this.#get(section, path, conversions.uint64)
  }

  /** Rounded to 32 bits. */
  getFloat(section: ConfigSection, path: string): number | undefined {
    return this.#get(section, path, conversions.float)
  }

  getDouble(section: ConfigSection, path: string): number | undefined {
    return this.#get(section, path, conversions.double)
  }

  /** true, yes, on; false, no, off; in any case. */
  getBoolean(section: ConfigSection, path: string): boolean | undefined {
    return this.#get(section, path, conversions.boolean)
  }

  /** In lower case. */
  getUuid(section: ConfigSection, path: string): string | undefined {
    return this.#get(section, path, conversions.uuid)
  }

  /** In milliseconds, or in `unit`. (CX-18) */
  getDuration(section: ConfigSection, path: string, unit: DurationUnit = 'ms'): number | undefined {
    return this.#get(section, path, { read: (text) => parseDuration(text, unit) })
  }

  /**
   * All settings of the stanzas of a name (`config`) in the section and all it stands in. The outer come first and are
   * replaced by the inner; a stanza with `inherit = "id"` takes what the stanza of that name and instance, anywhere, or
   * with that `id`, says: before its own, behind its parents'. ERR_CONFIG_INHERIT where those are missing or go round.
   * (CX-11)
   */
  getHash(section: ConfigSection, name: string): ReadonlyMap<string, string> {
    if (typeof name !== 'string') throw invalid('the name of a hash', 'is text', name)
    const at = located(section)
    const hash = new Map<string, string>()
    if (!at) return hash
    for (const [key, { at: block, text }] of hashOf(at, name.toLowerCase()))
      hash.set(key, this.textOf(section, block, key, text))
    return hash
  }

  setString(section: ConfigSection, path: string, value: string): void {
    this.#set(section, path, conversions.text, value)
  }

  setInt32(section: ConfigSection, path: string, value: number): void {
    this.#set(section, path, conversions.int32, value)
  }

  setInt64(section: ConfigSection, path: string, value: bigint): void {
    this.#set(section, path, conversions.int64, value)
  }

  setUint32(section: ConfigSection, path: string, value: number): void {
    this.#set(section, path, conversions.uint32, value)
  }

  setUint64(section: ConfigSection, path: string, value: bigint): void {
    this.#set(section, path, conversions.uint64, value)
  }

  setFloat(section: ConfigSection, path: string, value: number): void {
    this.#set(section, path, conversions.float, value)
  }

  setDouble(section: ConfigSection, path: string, value: number): void {
    this.#set(section, path, conversions.double, value)
  }

  setBoolean(section: ConfigSection, path: string, value: boolean): void {
    this.#set(section, path, conversions.boolean, value)
  }

  setUuid(section: ConfigSection, path: string, value: string): void {
    this.#set(section, path, conversions.uuid, value)
  }

  /** Takes a setting away. False if there was none. */
  unset(section: ConfigSection, path: string): boolean {
    const { copy, at, known } = place(section, path)
    return known !== undefined && copy.unset(at)
  }

  /** What a text is for who reads it. */
  protected textOf(_section: ConfigSection, _at: LocatedNode, _key: string, text: string): string {
    return interpolate(text)
  }

  #get<T>(section: ConfigSection, path: string, { read }: Pick<Conversion<T>, 'read'>): T | undefined {
    const parsed = parseValuePath(path)
    const from = located(section)
    if (!from) return undefined
    const found = lastSetting(from, parsed)
    if (!found) return undefined
    try {
      if (typeof found.value !== 'string')
        throw new HeddleError('EINVAL', 'this is a list, not a single value')
      return read(this.textOf(section, found.at, parsed.key, found.value))
    } catch (error) {
      if (!(error instanceof HeddleError) || error.code !== 'EINVAL') throw error
      section.note(new HeddleError('EINVAL', `${path}: ${error.message}`, { cause: error }))
      return undefined
    }
  }

  #set<T>(section: ConfigSection, path: string, { write }: Conversion<T>, value: T): void {
    const { copy, at, known } = place(section, path)
    const text = write(value)
    if (known === undefined || !sameRaw(known, text)) copy.set(at, text)
  }
}

/** ERR_INVALID_ARGUMENT, ERR_RELEASED. */
function located(section: unknown): LocatedNode | undefined {
  if (section instanceof ConfigSection) return section.located
  throw invalid('a getter takes', 'a section', section)
}

function lastSetting(
  from: LocatedNode,
  path: ValuePath,
): { readonly at: LocatedNode; readonly value: RawValue } | undefined {
  const at = selectHolders(from, path).findLast(({ node }) => node.settings.has(path.key))
  const setting = at?.node.settings.get(path.key)
  return at && setting && { at, value: setting.value }
}

/** Where a setter writes, and what is there. ERR_NOT_WRITABLE, ERR_CONFIG_PATH. */
function place(
  section: unknown,
  path: string,
): { readonly copy: SectionCopy; readonly at: KeyPath; readonly known: RawValue | undefined } {
  if (!(section instanceof ConfigSection))
    throw new HeddleError('ERR_NOT_WRITABLE', 'a setter takes a write section')
  const { copy } = section.writable()
  const { section: below, deep, name, key } = parseValuePath(path)
  if (deep)
    throw new HeddleError('ERR_CONFIG_PATH', `'${path}' may name several settings, a setter takes one`)
  const { steps, parts } = below.isAbsolute
    ? resolve(copy.now, [], below.steps)
    : section.writable(below.steps)
  const known = parts.findLast(({ settings }) => settings.has(key))?.settings.get(key)?.value
  return { copy, at: writable({ steps, name, key }), known }
}
