import type { ConfigNode } from '../config'
import { instanceKey } from './instance'
import { isOptionName } from './provides'

/** A stanza of a module in a configuration that is being set up. */
export interface WantedModule {
  /** In lower case. */
  readonly name: string
  readonly instance: string | undefined
  /** `enabled = false` stands in it. */
  readonly isDisabled: boolean
}

/** An option that a configuration gives a value, outside of the stanzas of modules. */
export interface UsedOption {
  /** Scopes from `global` inwards, in lower case. */
  readonly scopes: readonly string[]
  readonly key: string
}

/** As the type bool reads them. The value is looked at before it can be read by its type. (CF-07) */
const FALSE = new Set(['false', 'no', 'off', '0', 'disabled'])

/** The stanzas of modules at the top, in the order of the configuration; of equal ones the last counts. (MO-06, MO-17) */
export function wantedModules(root: ConfigNode, isModule: (name: string) => boolean): WantedModule[] {
  const wanted = new Map<string, WantedModule>()
  for (const { type, instance, settings } of root.children) {
    if (!isModule(type)) continue
    const enabled = settings.get('enabled')?.value
    const before = wanted.get(instanceKey(type, instance))
    // A stanza that says nothing about it leaves what an equal one said.
    const isDisabled = enabled === undefined ? before?.isDisabled === true : isFalse(enabled)
    wanted.set(instanceKey(type, instance), { name: type, instance, isDisabled })
  }
  return [...wanted.values()]
}

/** Every name that may be an option's and is used in scopes, in the order of the configuration, each once. (MO-05) */
export function usedOptions(root: ConfigNode, isModule: (name: string) => boolean): UsedOption[] {
  const used = new Map<string, UsedOption>()
  const visit = (node: ConfigNode, scopes: readonly string[]): void => {
    for (const key of node.settings.keys())
      if (isOptionName(key)) used.set(`${scopes.join(':')}.${key}`, { scopes, key })
    for (const child of node.children) {
      if (!isOptionName(child.type) || (scopes.length === 1 && isModule(child.type))) continue
      visit(child, child.type === 'global' ? scopes : [...scopes, child.type])
    }
  }
  visit(root, ['global'])
  return [...used.values()]
}

function isFalse(value: unknown): boolean {
  return typeof value === 'string' && FALSE.has(value.toLowerCase())
}
