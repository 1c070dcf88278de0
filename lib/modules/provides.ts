import { invalid } from '../arguments'

/** What a manifest says a module provides: an option of the configuration, or a capability by name. (MO-04, MO-16) */
export interface Provides {
  /** Scopes from the outermost to the one that holds the key, `Global` first; none for a plain capability. */
  readonly scopes: readonly string[]
  /** Key of the option, or the name of the capability. */
  readonly key: string
  /** Written by `heddle ecm-gen`, which writes it anew. (MO-07) */
  readonly auto: boolean
}

const LINE = /^\s*msys\.provides\s*(:\s*auto)?\s*=(.*)$/i
const OPTION = /^config\s*\.(.*)$/i
const NAME = /^[A-Za-z0-9_]+$/
const CAPABILITY = /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/

/**
 * Reads `config.Global:Binding.Key`, or a whole line `msys.provides = …` of a manifest. Scopes are separated by colons,
 * the key by a colon or a dot. ERR_INVALID_ARGUMENT. (MO-04)
 */
export function parseProvides(text: string): Provides {
  if (typeof text !== 'string') throw invalid('parseProvides takes', 'a line or a capability', text)
  const line = LINE.exec(text)
  const value = (line ? (line[2] as string) : text).trim()
  const auto = line?.[1] !== undefined
  const option = OPTION.exec(value)
  if (option) return { ...parseOption(value, (option[1] as string).trim()), auto }
  if (!CAPABILITY.test(value)) throw invalid('msys.provides', 'is config.Global:Key or a name', value)
  return { scopes: [], key: value, auto }
}

/** Whether a module can provide options of this name: others, which a configuration may contain, are nobody's. */
export function isOptionName(name: string): boolean {
  return NAME.test(name)
}

/** The value of the line that says it. */
export function printProvides({ scopes, key }: Pick<Provides, 'scopes' | 'key'>): string {
  return scopes.length === 0 ? key : `config.${scopes.join(':')}.${key}`
}

/** Equal for what means the same: names are compared without regard to case. */
export function capabilityKey(provides: Pick<Provides, 'scopes' | 'key'>): string {
  return printProvides(provides).toLowerCase()
}

function parseOption(value: string, path: string): { scopes: string[]; key: string } {
  const end = Math.max(path.lastIndexOf(':'), path.lastIndexOf('.'))
  const scopes = end < 0 ? [] : path.slice(0, end).split(':')
  const key = path.slice(end + 1)
  const wellFormed = scopes[0]?.toLowerCase() === 'global' && [...scopes, key].every(isOptionName)
  if (wellFormed) return { scopes, key }
  throw invalid('msys.provides', 'names an option as config.Global:Scope.Key', value)
}
