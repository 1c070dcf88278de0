/**
 * The options of a Config: their slots, where each may stand, and how a value is read and validated. Owned by the
 * Config, used on its thread.
 */
import { HeddleError } from '../errors'
import { ConfigValue } from './config-value'
import { Entry } from './entry'
import { parseFallback } from './fallback'
import type { Readable } from './generation'
import { type CheckedDef, checkDef, type OptionDef } from './option-def'
import type { Scope, Scopes } from './scopes'
import { OptionSlot } from './slot'
import { ConfigError, parseValue } from './syntax'
import type { Setting } from './tree'
import { Refused, readValue } from './types'
import { type Origin, type RawValue, rawOfNode } from './value'

/** A registered option. */
export interface Option {
  readonly slot: OptionSlot
  readonly def: CheckedDef
  /** Who registered it, in lower case. */
  readonly module: string
  /** What the default was read as, shared by all generations: data of `postset` are not kept here. */
  readonly defaultEntry: Entry
}

/** A slot is a number in images. */
const MAX_OPTIONS = 16_384

export class OptionTable {
  readonly #scopes: Scopes
  readonly #options: (Option | undefined)[] = []
  /** By stanza and key, as in `binding:domain.limit`. */
  readonly #byPlace = new Map<string, Option>()

  /** Stanzas of modules, and how many options they have. */
  readonly #modules = new Map<string, number>()
  /** Numbers below were in an image: readers elsewhere know whose they are. */
  #published = 0
  /** Grows with each change of the table. */
  changes = 0

  constructor(scopes: Scopes) {
    this.#scopes = scopes
  }

  /** @throws HeddleError ERR_OPTION_DEF, ERR_TYPE_DEPRECATED, ERR_OPTION_EXISTS. */
  register(given: OptionDef): Option {
    const def = checkDef(given)
    const fallback = parseFallback(def.fallback, this.#scopes)
    const slot = new OptionSlot(this.#options.length, { ...def, fallback })
    const places = fallback.steps.map((step) => `${step.key}.${slot.key}`)
    const taken = places.find((place) => this.#byPlace.has(place))
    if (taken !== undefined) {
      throw new HeddleError(
        'ERR_OPTION_EXISTS',
        `${def.name} is registered already for ${taken.replace(/^\./, '')}`,
      )
    }
    if (slot.index === MAX_OPTIONS) throw new HeddleError('ERR_CONFIG_LIMIT', 'too many options')
    const module = (def.module ?? fallback.module ?? 'core').toLowerCase()
    const option: Option = { slot, def, module, defaultEntry: defaultOf(slot, def) }
    this.#options.push(option)
    for (const place of places) this.#byPlace.set(place, option)
    this.#count(option, 1)
    return option
  }

  /** Takes one back that a failed transaction registered. The last numbers are used again, unless somebody may know them. */
  remove(option: Option): void {
    const { slot } = option
    this.#options[slot.index] = undefined
    this.#count(option, -1)
    for (const step of slot.fallback.steps) this.#byPlace.delete(`${step.key}.${slot.key}`)
    while (this.#options.length > this.#published && this.#options.at(-1) === undefined) this.#options.pop()
  }

  /** The option of a slot. @throws HeddleError ERR_INVALID_ARGUMENT for one of another Config. */
  of(slot: OptionSlot): Option {
    const option = this.#options[slot.index]
    if (option?.slot === slot) return option
    throw new HeddleError(
      'ERR_INVALID_ARGUMENT',
      `the option ${slot.name} is not registered with this Config`,
    )
  }

  /** The option whose values stand in the stanzas of that chain of scopes under that key. */
  at(chain: string, key: string): Option | undefined {
    return this.#byPlace.get(`${chain}.${key}`)
  }

  /** Whether a module has options in stanzas of that name. */
  hasModule(type: string): boolean {
    return (this.#modules.get(type) ?? 0) > 0
  }

  /** Numbers given out, for an image: from now on they are not used again. */
  publish(): number {
    this.#published = this.#options.length
    return this.#published
  }

  /** Whether the path of an option names that scope. */
  use(scope: Scope): boolean {
    return this.list().some(({ slot }) => slot.fallback.steps.some(({ scopes }) => scopes.includes(scope)))
  }

  list(): readonly Option[] {
    return this.#options.filter((option) => option !== undefined)
  }

  #count({ slot }: Option, by: number): void {
    this.changes++
    const { module } = slot.fallback
    if (module !== undefined) this.#modules.set(module, (this.#modules.get(module) ?? 0) + by)
  }
}

/** Reads and validates what a setting says. @throws ConfigError ERR_CONFIG_VALUE with place and path. */
export function readSetting(
  option: Option,
  setting: Setting,
  path: string,
  txn: Readable | undefined,
): Entry {
  const { slot, def } = option
  const { origin } = setting
  try {
    return validated(
      def,
      new Entry(slot, readValue(slot.type, slot.isArray, setting.value), origin),
      path,
      txn,
    )
  } catch (error) {
    throw asConfigError(error, path, origin)
  }
}

/** What a type refuses, with who said it and where; other errors stay as they are. */
export function asConfigError(error: unknown, what: string, origin: Origin): unknown {
  if (!(error instanceof Refused)) return error
  return new ConfigError('ERR_CONFIG_VALUE', `${what} ${error.message}`, placeOf(origin), causeOf(error))
}

function validated(def: CheckedDef, entry: Entry, path: string, txn: Readable | undefined): Entry {
  if (def.validate === undefined) return entry
  const verdict = verdictOf(def.validate, entry, path, txn)
  if (verdict === 1 || verdict === true) return entry
  if (verdict === 0 || verdict === false) throw new Refused('is refused by its validator')
  throw new Refused('has a validator that answers neither 0 nor 1')
}

function verdictOf(
  validate: NonNullable<CheckedDef['validate']>,
  entry: Entry,
  path: string,
  txn: Readable | undefined,
): unknown {
  try {
    return validate(ConfigValue.passing(entry) as never, { path, origin: entry.origin, txn })
  } catch (error) {
    throw new Refused(`is refused by its validator: ${messageOf(error)}`, { cause: error })
  }
}

/** @throws HeddleError ERR_OPTION_DEF for a default that is not valid. */
function defaultOf(slot: OptionSlot, def: CheckedDef): Entry {
  if (def.defaultText === undefined) return new Entry<unknown>(slot, undefined, undefined)
  try {
    const value = readValue(slot.type, slot.isArray, defaultRaw(def.defaultText))
    return validated(def, new Entry<unknown>(slot, value, undefined), `the default of ${def.name}`, undefined)
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof ConfigError)) throw error
    throw new HeddleError('ERR_OPTION_DEF', `the default of ${def.name} ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** A default is text as in a file. */
export function defaultRaw(text: string): RawValue {
  return rawOfNode(parseValue(text, { file: '<default>' }))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function causeOf(error: Error): { cause?: unknown } {
  return error.cause === undefined ? {} : { cause: error.cause }
}

/** A line of 0 is none. */
export function placeOf({ file, line, column }: { file: string; line: number; column: number }) {
  return line > 0 ? { file, line, column } : { file }
}
