import { types } from 'node:util'
import { HeddleError } from '../errors'

/** What users give to be sent is a string or bytes: ERR_INVALID_ARGUMENT for everything else, before it counts. */
export function checkBytes(data: unknown): void {
  // Not instanceof: arrays of other realms are as good.
  if (types.isUint8Array(data)) return
  const kind = data === null ? 'null' : typeof data === 'object' ? data?.constructor?.name : typeof data
  throw new HeddleError('ERR_INVALID_ARGUMENT', `a string or a Uint8Array can be sent, not ${kind}`)
}
