/** What an isolate needs to read a Config: two buffers. Passed in the environment of workers or in workerData. */
import { HeddleError } from '../../errors'
import { HEAD_BYTES, HEAD_MARK, MARK } from './head'

/** Plain data that can be posted; its content is not for users. */
export interface ConfigToken {
  readonly head: SharedArrayBuffer
  readonly arena: SharedArrayBuffer
}

/** The name under which workers find it in their environment. */
export const ENVIRONMENT_KEY = 'heddle.config'

/** @throws HeddleError ERR_INVALID_ARGUMENT */
export function checkedToken(given: unknown): ConfigToken {
  const { head, arena } = (typeof given === 'object' && given !== null ? given : {}) as Partial<ConfigToken>
  const isWhole =
    head instanceof SharedArrayBuffer && head.byteLength === HEAD_BYTES && arena instanceof SharedArrayBuffer
  if (isWhole && new Int32Array(head)[MARK] === HEAD_MARK) return { head, arena }
  throw new HeddleError(
    'ERR_INVALID_ARGUMENT',
    'no configuration is shared with this isolate: call config.share() before the worker is started, or pass what it returns',
  )
}
