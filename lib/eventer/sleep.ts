import type { TimedEvent, TimerCallback } from './timed-event'

/** What `sleep` needs of the eventer. */
interface TimerMaker {
  addIn<C>(ms: number, callback: TimerCallback<C>, closure?: C): TimedEvent<C>
}

/** A timer as a promise. (TM-10) */
export function sleep(eventer: TimerMaker, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const wake = () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }
    const abort = () => {
      timer[Symbol.dispose]()
      reject(signal?.reason)
    }
    const timer = eventer.addIn(ms, wake)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
