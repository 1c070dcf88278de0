import { HeddleError } from '../errors'

/** A token is said in a line: what it may hold cannot be another command. ERR_INVALID_ARGUMENT. */
export function checkToken(token: unknown): asserts token is string {
  if (typeof token === 'string' && /^[\x21-\x7e]{1,1024}$/.test(token)) return
  throw new HeddleError('ERR_INVALID_ARGUMENT', 'token is one word of up to 1024 visible ASCII characters')
}
