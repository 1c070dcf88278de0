import { checkOptions, invalid } from '../arguments'

/** Whose value is wanted. Make the most specific query: fallback does the rest. (CF-21) */
export interface ConfigQuery {
  readonly binding?: string | undefined
  readonly domain?: string | undefined
  readonly host?: string | undefined
  readonly pathway?: string | undefined
  /** Found from the binding if it is left out. */
  readonly bindingGroup?: string | undefined
  /** The instance of the module's stanza. */
  readonly instance?: string | undefined
  /** Instances of scopes that modules declare, by the name of the scope. */
  readonly scopes?: Readonly<Record<string, string>> | undefined
}

const FIELDS: readonly (readonly [keyof ConfigQuery, string])[] = [
  ['binding', 'binding'],
  ['domain', 'domain'],
  ['host', 'host'],
  ['pathway', 'pathway'],
  ['bindingGroup', 'binding_group'],
]

/** Longer names are nobody's. */
const MAX_NAME = 1024

const KNOWN: ReadonlySet<string> = new Set([...FIELDS.map(([field]) => field), 'instance', 'scopes', 'txn'])

/**
 * Instance by type of scope; the module's stands under the empty name. A name that is too long is nobody's, and left out. Throws
 * ERR_INVALID_ARGUMENT.
 */
export function instancesOf(query: ConfigQuery): ReadonlyMap<string, string> {
  checkOptions('a query', query, KNOWN, "{ domain: 'foo.com' }")
  const instances = new Map<string, string>()
  for (const [field, type] of FIELDS) add(instances, type, query[field])
  add(instances, '', query.instance)
  for (const [name, value] of Object.entries(query.scopes ?? {})) add(instances, name.toLowerCase(), value)
  return instances
}

function add(instances: Map<string, string>, type: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value !== 'string')
    throw invalid(`the ${type === '' ? 'instance' : type} of a query`, 'is text', value)
  if (value.length <= MAX_NAME) instances.set(type, value)
}
