import { threadId } from 'node:worker_threads'
import { HeddleError } from '../errors'
import { describeEvent } from './describe'
import type { Event } from './event'
import { UNNAMED } from './names'

/**
 * What the `error` listeners of an eventer get when a callback fails: `code` is ERR_CALLBACK for an exception or a
 * rejected promise (`cause` is that), or the rule the callback broke. (EV-14, FD-13)
 */
export class CallbackError extends HeddleError {
  /** The registered name of the callback, `(unnamed)` without one. */
  readonly callbackName: string
  /** The mask the callback was called with, or the one it returned if that was wrong. */
  readonly mask: number
  /** `pool/index` of the loop. */
  readonly threadName: string
  readonly threadId: number
  /** The event in one line. */
  readonly event: string

  constructor(event: Event, mask: number, error: unknown) {
    const ours = error instanceof HeddleError && error.code.startsWith('ERR_')
    const callbackName = event.core.names.name(event.callback) ?? UNNAMED
    const why = error instanceof Error ? error.message : String(error)
    super(ours ? error.code : 'ERR_CALLBACK', `callback ${callbackName}: ${why}`, { cause: error })
    this.callbackName = callbackName
    this.mask = mask
    this.threadName = event.owner.name
    this.threadId = threadId
    this.event = describeEvent(event)
  }
}
