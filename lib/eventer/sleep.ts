import type { TimeoutCallback, TimeoutId } from './timeouts'

/** What `sleep` needs of the eventer. */
interface TimerMaker {
  setTimeout<A>(callback: TimeoutCallback<A>, ms: number, arg?: A): TimeoutId
  clearTimeout(id: TimeoutId): boolean
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
      eventer.clearTimeout(id)
      reject(signal?.reason)
    }
    const id = eventer.setTimeout(wake, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
