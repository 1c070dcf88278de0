import { invalid } from './arguments'

/** How long to wait in a line, and how to leave it. */
export interface LineWaitOptions {
  /** Milliseconds; the wait fails with ETIME after that. 0: what is there now. Default: no limit. */
  readonly timeout?: number | undefined
  /** Its reason is what the wait rejects with; at once if it is aborted already. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Stands in a line: `granted` or `ended` is called once, perhaps before this returns. What is returned leaves the line
 * and is true if it was still there.
 */
export type EnterLine<T> = (granted: (value: T) => void, ended: (error: unknown) => void) => () => boolean

/** The longest time that a timer of Node takes; longer is as good as for ever. */
export const LONGEST_TIMER_MS = 0x7fffffff

/** ERR_INVALID_ARGUMENT, or the reason of a signal that is aborted already. */
export function checkWait({ timeout, signal }: LineWaitOptions): void {
  if (timeout !== undefined && (typeof timeout !== 'number' || !(timeout >= 0)))
    throw invalid('timeout', 'is a number of milliseconds', timeout)
  if (signal === undefined) return
  if (!(signal instanceof AbortSignal)) throw invalid('signal', 'is an AbortSignal', signal)
  signal.throwIfAborted()
}

/**
 * The promise of a place in a line, with the limits of `options`, which were checked. Whoever gives up has left the line
 * when the promise rejects, so nothing is granted to nobody. A wait with a time-out holds the process alive.
 */
export function waitInLine<T>(
  enter: EnterLine<T>,
  { timeout = Number.POSITIVE_INFINITY, signal }: LineWaitOptions,
  timedOut: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    let over = false
    const end = (): void => {
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
    }
    const giveUp = (error: unknown): void => {
      if (!leave()) return
      end()
      reject(error)
    }
    const aborted = (): void => giveUp(signal?.reason)
    const leave = enter(
      (value) => {
        end()
        resolve(value)
      },
      (error) => {
        end()
        reject(error)
      },
    )
    if (over) return
    if (timeout === 0) return giveUp(timedOut())
    signal?.addEventListener('abort', aborted)
    if (timeout <= LONGEST_TIMER_MS) timer = setTimeout(() => giveUp(timedOut()), timeout)
  })
}
