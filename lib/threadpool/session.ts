import { HeddleError } from '../errors'
import type { Core } from '../eventer/core'
import type { Event } from '../eventer/event'
import type { FdEvent } from '../eventer/fd-event'
import type { Resumable } from './completion'
import { dispatchEvent } from './dispatch-event'

/**
 * A descriptor event that is put aside while something else is done for it: its duplicate, which nothing watches. `resume`
 * schedules the duplicate and calls its callback once, ready or not. Disposing one that was not resumed frees it; the
 * descriptor stays open, and is the program's. (TP-04, MX-03)
 */
export class SuspendedSession implements Resumable, Disposable {
  /** What goes on; freed when the session is disposed. */
  readonly event: FdEvent
  #context: unknown
  #state: 'suspended' | 'resumed' | 'ended' = 'suspended'

  /** @internal See `ThreadPools.suspend`. */
  constructor(core: Core, event: FdEvent) {
    this.event = event.copy()
    core.remove(event)
  }

  get state(): 'suspended' | 'resumed' | 'ended' {
    return this.#state
  }

  /** What it was resumed with. */
  get context(): unknown {
    return this.#context
  }

  /** EALREADY: it was resumed, or disposed of. EEXIST, EBADF: the descriptor has another event, or is closed. */
  resume(mask: number, context?: unknown): void {
    if (this.#state !== 'suspended') throw new HeddleError('EALREADY', `the session is ${this.#state}`)
    this.#context = context
    dispatchEvent(this.event, mask)
    this.#state = 'resumed'
  }

  [Symbol.dispose](): void {
    if (this.#state !== 'suspended') return
    this.#state = 'ended'
    const event: Event = this.event
    event[Symbol.dispose]()
  }
}
