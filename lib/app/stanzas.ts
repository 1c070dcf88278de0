import type { ConfigQuery } from '../config'
import { patternText } from '../config/source'
import { HeddleError } from '../errors'
import type { LocatedTarget } from '../jobq/targets'
import type { CoreSlot } from './core-option'
import type { Generation, Stanza } from './generation'
import { handlerTarget } from './handler-name'
import { placed } from './place'

// How stanzas of a generation are read.

export const query = (type: string, name: string): ConfigQuery => ({ scopes: { [type]: name } })

/** Without what is undefined: the other side has defaults of its own. */
export function given<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}

/** Each name once, however often it has a stanza; one that is a pattern speaks for others only. (CF-32) */
export function listed<T>(
  from: Generation,
  type: string,
  read: (name: string, stanza: Stanza) => T | undefined,
): T[] {
  const stanzas = new Map<string, Stanza>()
  for (const stanza of from.stanzas(type)) {
    const { instance = '', place } = stanza
    if (patternText(instance) !== undefined) continue
    if (instance === '') from.problems.push(bad(place, `${type} has a name: ${type} "name" { }`))
    else stanzas.set(instance, stanza)
  }
  const found = [...stanzas].map(([name, stanza]) => from.attempt(stanza.place, () => read(name, stanza)))
  return found.filter((one) => one !== undefined)
}

/** What is wrong with it says where it stands. */
export function checked<T extends { readonly place: string }>(settings: T, check: () => void): T {
  try {
    check()
  } catch (error) {
    throw placed(settings.place, error)
  }
  return settings
}

export function targetOf(
  from: Generation,
  slot: CoreSlot<string | undefined>,
  of: ConfigQuery,
  place: string,
): LocatedTarget | undefined {
  const name = from.get(slot, of)
  if (name === undefined) return undefined
  try {
    return handlerTarget(name, from.folder(slot, of))
  } catch (error) {
    throw placed(place, error)
  }
}

export function bad(place: string, reason: string): HeddleError {
  return new HeddleError('ERR_CONFIG_VALUE', `${place}: ${reason}`)
}
