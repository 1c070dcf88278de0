import { checkOptions, invalid } from '../arguments'
import { HeddleError } from '../errors'
import { checkWait, type LineWaitOptions, waitInLine } from '../waiting'

/** Limits of a semaphore. */
export interface SemaphoreOptions {
  /** More permits there are never: a `post` above it fails with EOVERFLOW. Default 2 ** 31 - 1. */
  readonly max?: number | undefined
}

/** How long to wait for a permit, and how to stop waiting. */
export type SemaphoreWaitOptions = LineWaitOptions

/** Somebody in the line; the line keeps the order of arrival. */
interface Waiter {
  readonly granted: () => void
  readonly ended: (error: unknown) => void
}

const MOST = 0x7fffffff
const KNOWN: ReadonlySet<string> = new Set<keyof SemaphoreOptions>(['max'])
const WAIT: ReadonlySet<string> = new Set<keyof SemaphoreWaitOptions>(['timeout', 'signal'])

/**
 * A counting semaphore of one isolate: so many permits, taken by `wait` and given back by `post`. A posted permit goes to
 * whoever has waited longest, at once: nobody who comes later can take it first.
 *
 * Thread rule: the isolate that made it. A semaphore does not hold the process alive, a wait with a time-out does. (LK-12)
 */
export class Semaphore implements Disposable {
  readonly max: number
  readonly #line = new Set<Waiter>()
  #permits: number
  #closed = false

  /** ERR_INVALID_ARGUMENT. */
  constructor(permits = 1, options: SemaphoreOptions = {}) {
    checkOptions('a semaphore', options, KNOWN, '{ max: 5 }')
    const { max = MOST } = options
    if (!Number.isInteger(max) || max < 1 || max > MOST)
      throw invalid('max', `is an integer from 1 to ${MOST}`, max)
    if (!Number.isInteger(permits) || permits < 0 || permits > max)
      throw invalid('a semaphore has', `an integer from 0 to ${max} as its number of permits`, permits)
    this.max = max
    this.#permits = permits
  }

  /** Permits that can be had without waiting. While somebody waits there are none. */
  get available(): number {
    return this.#permits
  }

  /** Who waits. */
  get waiting(): number {
    return this.#line.size
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Takes a permit where there is one. False once it is closed. */
  tryWait(): boolean {
    if (this.#permits === 0 || this.#closed) return false
    this.#permits--
    return true
  }

  /** Takes a permit, in the order of arrival. ETIME, the reason of the signal, ERR_CLOSED, ERR_INVALID_ARGUMENT. */
  wait(options: SemaphoreWaitOptions = {}): Promise<void> {
    try {
      checkOptions('wait', options, WAIT, '{ timeout: 100 }')
      checkWait(options)
      if (this.#closed) throw closed()
      if (this.tryWait()) return Promise.resolve()
      return waitInLine<void>((granted, ended) => this.enter(granted, ended), options, timedOut)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Gives permits: to those who wait, the first first, and the rest to whoever comes. EOVERFLOW, ERR_CLOSED. */
  post(permits = 1): void {
    if (!Number.isInteger(permits) || permits < 1) throw invalid('post takes', 'a number of permits', permits)
    if (this.#closed) throw closed()
    let left = permits
    const kept = Math.max(0, permits - this.#line.size)
    if (this.#permits + kept > this.max)
      throw new HeddleError('EOVERFLOW', `${this.max} permits are the most of this semaphore`)
    for (const waiter of this.#line) {
      if (left === 0) return
      left--
      this.#line.delete(waiter)
      waiter.granted()
    }
    this.#permits += left
  }

  /** Ends it: who waits is rejected with ERR_CLOSED, and so is who comes. */
  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    const line = [...this.#line]
    this.#line.clear()
    for (const { ended } of line) ended(closed())
  }

  /**
   * @internal Stands in line with a function instead of a promise: `granted` is called once, at once where there is a permit.
   * What is returned leaves the line, true if it was still there.
   */
  enter(granted: () => void, ended: (error: unknown) => void): () => boolean {
    const waiter = { granted, ended }
    if (this.#closed) ended(closed())
    else if (this.tryWait()) granted()
    else this.#line.add(waiter)
    return () => this.#line.delete(waiter)
  }
}

function timedOut(): HeddleError {
  return new HeddleError('ETIME', 'no permit came in time')
}

function closed(): HeddleError {
  return new HeddleError('ERR_CLOSED', 'the semaphore is closed')
}
