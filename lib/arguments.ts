import { HeddleError } from './errors'

/** A message shows so much of a text; the rest may be megabytes. */
const SHOWN = 100

/** Names that were warned of already: once tells it, however often the call is made. */
const warned = new Set<string>()

/** ERR_INVALID_ARGUMENT with a sentence that names the argument, what it should be and what came. */
export function invalid(name: string, expected: string, given: unknown): HeddleError {
  return new HeddleError('ERR_INVALID_ARGUMENT', `${name} ${expected}, not ${shown(given)}`)
}

/** A value in a message: text in quotation marks, so that '8080' is not taken for 8080. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > SHOWN ? `'${value.slice(0, SHOWN)}…'` : `'${value}'`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/**
 * Options must be an object. A name that means nothing warns once, as it is most likely misspelt, and is skipped.
 * `example` shows what was meant where something else came.
 */
export function checkOptions(
  call: string,
  options: unknown,
  known: ReadonlySet<string>,
  example: string,
): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid(`${call} takes`, `an object of options such as ${example}`, options)
  }
  for (const name of Object.keys(options)) if (!known.has(name)) warnUnknown(call, name)
}

/** Each of these is a function or left out. */
export function checkCallbacks(call: string, owner: unknown, names: Iterable<string>): void {
  if (typeof owner !== 'object' || owner === null)
    throw invalid(`${call} takes`, 'an object of callbacks', owner)
  for (const name of names) {
    const callback = (owner as Record<string, unknown>)[name]
    if (callback !== undefined && typeof callback !== 'function')
      throw invalid(name, 'is a function', callback)
  }
}

/** True or false, or left out. */
export function flag(name: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw invalid(name, 'is true or false', value)
}

function warnUnknown(call: string, name: string): void {
  const key = `${call} ${name}`
  if (warned.has(key)) return
  warned.add(key)
  process.emitWarning(`${call} knows no option "${name}", it is ignored`, {
    type: 'HeddleWarning',
    code: 'HEDDLE_UNKNOWN_OPTION',
  })
}
