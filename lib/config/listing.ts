import { checkOptions, invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { Generation } from './generation'
import type { Option, OptionTable } from './options'
import { originText } from './value'
import { validateTree } from './validation'

/** One option as `config.options()` lists it. (CF-35) */
export interface OptionInfo {
  readonly name: string
  readonly module: string
  readonly type: string
  readonly isArray: boolean
  readonly notTunableOnline: boolean
  /** The fallback path, as it was registered. */
  readonly scope: string
  /** As it was registered; undefined if there is none. */
  readonly default: string | undefined
  /** `file:line` or who set it, of the setting that counts most generally; 'default' if nothing sets it. */
  readonly origin: string
  /** Every setting of it. */
  readonly settings: readonly OptionSetting[]
}

/** A place where an option is set. */
export interface OptionSetting {
  readonly path: string
  /** `file:line`, or who set it. */
  readonly origin: string
}

const QUERY: ReadonlySet<string> = new Set(['module', 'name'])

/** Which options are listed. */
export interface OptionsQuery {
  /** Only those of a module; 'core' for those of the package. */
  readonly module?: string
  /** Only this name, or those that it fits. */
  readonly name?: string | RegExp
}

export function listOptions(
  table: OptionTable,
  generation: Generation,
  query: OptionsQuery = {},
): OptionInfo[] {
  checkOptions('options', query, QUERY, "{ module: 'core' }")
  if (query.module !== undefined && typeof query.module !== 'string')
    throw invalid('module', 'is the name of a module', query.module)
  const chosen = new Map(
    table
      .list()
      .filter((option) => isChosen(option, query))
      .map((one) => [one, settings()]),
  )
  for (const { option, node, setting } of validateTree(generation.source).findings) {
    const path = node.path(setting.name)
    chosen.get(option)?.push({ path, origin: originText(generation.originOf(setting, node.steps())) })
  }
  return [...chosen].map(([option, found]) => infoOf(option, found))
}

function settings(): OptionSetting[] {
  return []
}

function infoOf({ slot, def, module }: Option, settings: readonly OptionSetting[]): OptionInfo {
  return {
    name: slot.name,
    module,
    type: slot.type,
    isArray: slot.isArray,
    notTunableOnline: def.notTunableOnline,
    scope: slot.fallback.text,
    default: slot.defaultText,
    origin: mostGeneral(settings)?.origin ?? 'default',
    settings,
  }
}

/** The first place, and of several settings there the last, which counts. */
function mostGeneral(settings: readonly OptionSetting[]): OptionSetting | undefined {
  const first = settings[0]?.path.toLowerCase()
  return settings.findLast(({ path }) => path.toLowerCase() === first)
}

function isChosen({ slot, module }: Option, query: OptionsQuery): boolean {
  if (query.module !== undefined && query.module.toLowerCase() !== module) return false
  return query.name === undefined || isNamed(slot.name, query.name)
}

function isNamed(name: string, wanted: string | RegExp): boolean {
  if (typeof wanted === 'string') return name.toLowerCase() === wanted.toLowerCase()
  if (!(wanted instanceof RegExp))
    throw new HeddleError('ERR_INVALID_ARGUMENT', 'a name is text or an expression')
  // One with the flag g would go on where it stopped.
  return new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, '')).test(name)
}
