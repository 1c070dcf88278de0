import { threadId } from 'node:worker_threads'
import { HeddleError } from '../errors'
import { describeEvent, describeTimeout } from './describe'
import type { Event } from './event'
import type { Loop } from './loop'
import { Mask } from './mask'
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

  constructor(site: CallbackSite, error: unknown) {
    const ours = error instanceof HeddleError && error.code.startsWith('ERR_')
    const callbackName = site.loop.core.names.name(site.callback) ?? UNNAMED
    const why = error instanceof Error ? error.message : String(error)
    super(ours ? error.code : 'ERR_CALLBACK', `callback ${callbackName}: ${why}`, { cause: error })
    this.callbackName = callbackName
    this.mask = site.mask
    this.threadName = site.loop.name
    this.threadId = threadId
    this.event = site.event
  }
}

/** Which callback failed, and where. */
export interface CallbackSite {
  readonly callback: object
  readonly loop: Loop
  readonly mask: number
  /** What it was called for, in one line. */
  readonly event: string
}

export function eventSite(event: Event, mask: number): CallbackSite {
  return { callback: event.callback, loop: event.owner, mask, event: describeEvent(event) }
}

export function timeoutSite(callback: object, loop: Loop): CallbackSite {
  return { callback, loop, mask: Mask.TIMER, event: describeTimeout(callback, loop) }
}
