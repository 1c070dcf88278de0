import type { HeddleError } from '../errors'
import { checkOptions, invalid } from '../arguments'
import { DEFAULT_TTL } from '../backend/shared'

/** Options of `SharedMap.open`. All who open a name give the same. */
export interface SharedMapOptions {
  /**
   * Bytes of keys, values and overhead the map may hold. Above it entries go that were not read lately. 0, the default:
   * no limit.
   */
  readonly maxBytes?: number
  /** Milliseconds after which an entry that names no other time is gone. 0 or Infinity, the default: never. */
  readonly ttl?: number
  /**
   * Text keys whose plain values this isolate remembers, so that reading them again costs no call until somebody
   * changes them (native backend). 0 remembers nothing; the default is 16,384. Isolates may differ in this.
   */
  readonly remember?: number
}

/** Text keys an isolate remembers the values of, unless it is told otherwise: some two megabytes. */
const REMEMBER = 16_384

/** Options of what writes an entry. */
export interface SharedSetOptions {
  /** Milliseconds this entry lives, instead of what the map was opened with. 0 or Infinity: for ever. */
  readonly ttl?: number
}

const OPEN_OPTIONS: ReadonlySet<string> = new Set(['maxBytes', 'ttl', 'remember'])
const SET_OPTIONS: ReadonlySet<string> = new Set(['ttl'])

/** What `open` was given, 0 for what was left out. */
export function checkOpen(
  name: unknown,
  options: SharedMapOptions,
): { maxBytes: number; ttlMs: number; remember: number } {
  checkName('SharedMap.open', name)
  checkOptions('SharedMap.open', options, OPEN_OPTIONS, '{ maxBytes: 1048576 }')
  const { maxBytes = 0, ttl = 0, remember = REMEMBER } = options
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 0)
    throw invalid('maxBytes', 'is a number of bytes', maxBytes)
  if (!Number.isSafeInteger(remember) || remember < 0)
    throw invalid('remember', 'is a number of keys', remember)
  return { maxBytes, ttlMs: milliseconds(ttl), remember }
}

export function checkName(call: string, name: unknown): void {
  if (typeof name === 'string' && name !== '') return
  throw invalid(`${call} takes`, 'the name of the structure, which is not empty', name)
}

/** The time to live of an entry as an engine wants it. */
export function ttlOf(call: string, options: SharedSetOptions | undefined): number {
  if (options === undefined) return DEFAULT_TTL
  checkOptions(call, options, SET_OPTIONS, '{ ttl: 1000 }')
  return options.ttl === undefined ? DEFAULT_TTL : milliseconds(options.ttl)
}

/** ERR_INVALID_ARGUMENT for what is neither text nor bytes. */
export function invalidKey(key: unknown): HeddleError {
  return invalid('a key', 'is a string or a Uint8Array', key)
}

function milliseconds(ttl: number): number {
  if (ttl === Infinity) return 0
  if (typeof ttl === 'number' && ttl >= 0) return ttl
  throw invalid('ttl', 'is a number of milliseconds', ttl)
}
