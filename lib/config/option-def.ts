import { checkOptions, flag, invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { ConfigValue } from './config-value'
import type { Readable } from './generation'
import { DEPRECATED_TYPES, type OptionType, type OptionTypes, TYPES } from './types'
import type { Origin } from './value'

/** What a value of an option is in JavaScript. */
export type OptionValue<K extends OptionType, A extends boolean> = A extends true
  ? readonly OptionTypes[K][]
  : OptionTypes[K]

/** What `validate` and `postset` are told beside the value. */
export interface OptionContext {
  /** The option and its stanza as a path. */
  readonly path: string
  /** Undefined for the default. */
  readonly origin: Origin | undefined
  /** The values that are about to become active; undefined while the option is registered. */
  readonly txn: Readable | undefined
}

/** What is special about an option. */
export interface OptionFlags {
  /** Values are arrays: `key = (a b c)`. (CF-11) */
  readonly isArray?: boolean
  /** A change after the start is taken with a warning, and takes effect at the next start. (CF-17) */
  readonly notTunableOnline?: boolean
}

/** The definition of an option. (CF-04) */
export interface OptionDef<
  K extends OptionType = OptionType,
  A extends boolean = boolean,
  D extends string | undefined = string | undefined,
> {
  /** Letters, digits and underscores; compared without regard to case. */
  readonly name: string
  readonly type: K
  /** Where it may stand: `Binding:Domain>Domain>Global`, `[module]` for a singleton, `module` for others. */
  readonly fallback: string
  readonly flags?: OptionFlags & { readonly isArray?: A }
  /** Text as in a file, so quoted if it holds more than letters, digits and dots: `'"/var/log/x"'`. (CF-14) */
  readonly default?: D
  /** Who registers it, as the listing shows it: the module of the fallback, or 'core'. */
  readonly module?: string
  /** Called once for each value, an array as a whole, after its type has read it. 0 or false refuses it. (CF-15) */
  validate?(value: ConfigValue<OptionValue<K, A>>, context: OptionContext): 0 | 1 | boolean
  /** Called once for each value when all of a transaction are valid. What it returns is `value.data`. (CF-16) */
  postset?(value: ConfigValue<OptionValue<K, A>>, context: OptionContext): unknown
  /** Called once for each `postset`, when the generation is gone. */
  datafree?(data: unknown): void
}

/** A definition as it is kept: read once, so that it cannot change afterwards. */
export interface CheckedDef {
  readonly name: string
  readonly type: OptionType
  readonly fallback: string
  readonly isArray: boolean
  readonly notTunableOnline: boolean
  readonly defaultText: string | undefined
  readonly module: string | undefined
  readonly validate: OptionDef['validate']
  readonly postset: OptionDef['postset']
  readonly datafree: OptionDef['datafree']
}

const KNOWN: ReadonlySet<string> = new Set([
  'name',
  'type',
  'fallback',
  'flags',
  'default',
  'module',
  'validate',
  'postset',
  'datafree',
])
const FLAGS: ReadonlySet<string> = new Set(['isArray', 'notTunableOnline'])
const EXAMPLE = "{ name: 'limit', type: 'int', fallback: 'Global' }"
const NAME = /^[A-Za-z0-9_]{1,128}$/

/** Throws ERR_OPTION_DEF, or ERR_TYPE_DEPRECATED. */
export function checkDef(given: OptionDef): CheckedDef {
  try {
    return checked(given)
  } catch (error) {
    if (!(error instanceof HeddleError) || error.code !== 'ERR_INVALID_ARGUMENT') throw error
    throw new HeddleError('ERR_OPTION_DEF', error.message, { cause: error })
  }
}

function checked(given: OptionDef): CheckedDef {
  checkOptions('registerOption', given, KNOWN, EXAMPLE)
  const {
    name,
    type,
    fallback,
    flags = {},
    default: defaultText,
    module,
    validate,
    postset,
    datafree,
  } = given
  checkOptions('flags', flags, FLAGS, '{ isArray: true }')
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid('the name of an option', 'consists of letters, digits and underscores', name)
  }
  if (DEPRECATED_TYPES.has(String(type))) {
    throw new HeddleError(
      'ERR_TYPE_DEPRECATED',
      `${name}: the type ${String(type)} is not to be used any more`,
    )
  }
  if (typeof type !== 'string' || !Object.hasOwn(TYPES, type)) {
    throw invalid(`the type of ${name}`, `is one of ${Object.keys(TYPES).join(', ')}`, type)
  }
  for (const [part, value] of Object.entries({ default: defaultText, module })) {
    if (value !== undefined && typeof value !== 'string')
      throw invalid(`the ${part} of ${name}`, 'is text', value)
  }
  for (const [part, value] of Object.entries({ validate, postset, datafree })) {
    if (value !== undefined && typeof value !== 'function') throw invalid(part, 'is a function', value)
  }
  return {
    name,
    type,
    fallback,
    isArray: flag('isArray', flags.isArray, false),
    notTunableOnline: flag('notTunableOnline', flags.notTunableOnline, false),
    defaultText,
    module,
    validate,
    postset,
    datafree,
  }
}
