import { types } from 'node:util'
import { HeddleError } from '../errors'

/** What users give to be sent is a string or bytes: ERR_INVALID_ARGUMENT for everything else, before it counts. */
export function checkBytes(data: unknown): void {
  // The second question is for arrays of other realms; it costs ten times the first.
  if (data instanceof Uint8Array || types.isUint8Array(data)) return
  const kind = data === null ? 'null' : typeof data === 'object' ? data?.constructor?.name : typeof data
  throw new HeddleError('ERR_INVALID_ARGUMENT', `a string or a Uint8Array can be sent, not ${kind}`)
}
