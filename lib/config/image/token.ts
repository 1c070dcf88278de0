/** What a worker needs to read a Config: two buffers, and who started it. Passed in the environment or in workerData. */
import { HeddleError } from '../../errors'
import { HEAD_BYTES } from './head'

/** Plain data that can be posted; its content is not for users. */
export interface ConfigToken {
  readonly head: SharedArrayBuffer
  readonly arena: SharedArrayBuffer
  /** One more than the id of the thread that hands it on, as far as it reads itself; 0 for the owner. */
  readonly parent: number
}

/** The name under which workers find it in their environment. */
export const ENVIRONMENT_KEY = 'heddle.config'

/** @throws HeddleError ERR_INVALID_ARGUMENT */
export function checkedToken(given: unknown): ConfigToken {
  const { head, arena, parent } = (
    typeof given === 'object' && given !== null ? given : {}
  ) as Partial<ConfigToken>
  const isWhole =
    head instanceof SharedArrayBuffer && head.byteLength === HEAD_BYTES && arena instanceof SharedArrayBuffer
  if (isWhole && Number.isSafeInteger(parent)) return { head, arena, parent: parent as number }
  throw new HeddleError(
    'ERR_INVALID_ARGUMENT',
    'no configuration is shared with this isolate: call config.share() before the worker is started, or pass what it returns',
  )
}
