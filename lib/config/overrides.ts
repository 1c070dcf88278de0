import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { Transaction } from './transaction'

/** An option that is set from outside of the files, as on a command line. (CX-20) */
export interface ConfigOverride {
  /** As on the console: `Key`, `Domain:foo.com.Key`. */
  readonly path: string
  /** The value; behind `(`, `[` or a quotation mark as it would stand in a file. */
  readonly text: string
}

/** Whom values are from that were set so, as their origin shows it. */
export const OVERRIDE_ORIGIN = '<command line>'

/** A copy, checked. ERR_INVALID_ARGUMENT. */
export function checkedOverrides(given: readonly ConfigOverride[] = []): readonly ConfigOverride[] {
  if (!Array.isArray(given)) throw invalid('overrides', 'is an array of { path, text }', given)
  return given.map((override: ConfigOverride) => {
    if (typeof override !== 'object' || override === null)
      throw invalid('an override', "is { path: 'Key', text: '1' }", override)
    const { path, text } = override
    for (const [name, value] of Object.entries({ path, text }))
      if (typeof value !== 'string') throw invalid(name, 'is text', value)
    return { path, text }
  })
}

/** Sets them over what files have said. What is wrong with one names it. */
export function applyOverrides(txn: Transaction, overrides: readonly ConfigOverride[]): void {
  for (const { path, text } of overrides) {
    try {
      if (/^\s*[[("]/.test(text)) txn.setText(path, text)
      else txn.set(path, text)
    } catch (error) {
      if (!(error instanceof HeddleError)) throw error
      const [line = ''] = error.message.split('\n', 1)
      throw new HeddleError(error.code, `${OVERRIDE_ORIGIN}: ${path}=${text}: ${line}`, { cause: error })
    }
  }
}
