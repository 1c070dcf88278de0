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
    const why = error instanceof Error ? error.message : String(error)
    super(ours ? error.code : 'ERR_CALLBACK', `callback ${site.name}: ${why}`, { cause: error })
    this.callbackName = site.name
    this.mask = site.mask
    this.threadName = site.loop.name
    this.threadId = threadId
    this.event = site.event
  }
}

/** Which callback failed, or which coroutine, and where. */
export interface CallbackSite {
  readonly name: string
  readonly loop: Loop
  readonly mask: number
  /** What it was called for, in one line. */
  readonly event: string
}

export function eventSite(event: Event, mask: number): CallbackSite {
  const { callback, owner: loop } = event
  return { name: nameOf(callback, loop), loop, mask, event: describeEvent(event) }
}

export function timeoutSite(callback: object, loop: Loop): CallbackSite {
  return { name: nameOf(callback, loop), loop, mask: Mask.TIMER, event: describeTimeout(callback, loop) }
}

function nameOf(callback: object, loop: Loop): string {
  return loop.core.names.name(callback) ?? UNNAMED
}
