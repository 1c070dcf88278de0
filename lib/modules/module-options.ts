import { shown } from '../arguments'
import type { OptionDef } from '../config'
import { DEFAULT_LEVEL, isLogLevel, LOG_LEVELS } from './log-level'
import { messageOf, ModuleError } from './module-error'

/** An option that a module declares in its definition: name and place need not be said. (MO-07) */
export type ModuleOption = Omit<OptionDef, 'name' | 'fallback' | 'module'> & {
  /** The key it has in the table if left out. */
  readonly name?: string
  /** The stanza of the module if left out; else a path of scopes, which `heddle ecm-gen` writes into the manifest. */
  readonly fallback?: string
}

/** Declared options, by the name under which their slots are found in `self.options`. */
export type ModuleOptions = Readonly<Record<string, ModuleOption>>

/** An option of a module's definition, checked when the module is loaded. (MO-07) */
export function defineOption<const O extends ModuleOption>(option: O): O {
  if (typeof option === 'object' && option !== null) return Object.freeze({ ...option })
  throw new ModuleError(
    'ERR_MODULE_DEF',
    `defineOption takes an object such as { type: 'int' }, not ${shown(option)}`,
  )
}

/** The table as `defineModule` keeps it. ERR_MODULE_DEF. */
export function checkOptionTable(module: string, given: unknown): ModuleOptions {
  if (given === undefined || given === null) return Object.freeze({})
  if (typeof given !== 'object') throw wrong(module, 'options are an object of options by name', given)
  try {
    const entries = Object.entries(given).map(
      ([name, option]) => [name, copied(module, name, option)] as const,
    )
    return Object.freeze(Object.fromEntries(entries))
  } catch (error) {
    if (error instanceof ModuleError) throw error
    throw new ModuleError('ERR_MODULE_DEF', `${module}: options: ${messageOf(error)}`, {
      module,
      cause: error,
    })
  }
}

/** The definitions to register for a module: what every one has, and what it declares. (MO-17) */
export function optionDefs(
  module: string,
  singleton: boolean,
  options: ModuleOptions,
): [string, OptionDef][] {
  const stanza = singleton ? `[${module}]` : module
  const own = Object.entries(options).map(
    ([key, { name = key, fallback = stanza, ...rest }]): [string, OptionDef] => [
      key,
      { ...rest, name, fallback, module },
    ],
  )
  return [...commonOptions(stanza, module), ...own]
}

/** Valid in the stanza of every module. */
function commonOptions(fallback: string, module: string): [string, OptionDef][] {
  const enabled: OptionDef<'bool'> = { name: 'enabled', type: 'bool', fallback, module, default: 'true' }
  const level: OptionDef<'string'> = {
    name: 'debug_level',
    type: 'string',
    fallback,
    module,
    default: DEFAULT_LEVEL,
    validate: ({ value }) => {
      if (isLogLevel(value)) return true
      throw new Error(`it is one of ${LOG_LEVELS.join(', ')}`)
    },
  }
  return [
    ['enabled', enabled as unknown as OptionDef],
    ['debug_level', level as unknown as OptionDef],
  ]
}

function copied(module: string, name: string, option: unknown): ModuleOption {
  if (typeof option === 'object' && option !== null) return Object.freeze({ ...(option as ModuleOption) })
  throw wrong(module, `option ${name} is an object such as { type: 'int' }`, option)
}

function wrong(module: string, expected: string, given: unknown): ModuleError {
  return new ModuleError('ERR_MODULE_DEF', `${module}: ${expected}, not ${shown(given)}`, { module })
}
