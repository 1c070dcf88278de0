import { HeddleError } from '../errors'
import type { ReadOptions, Waits } from '../io/reader'
import type { Coroutine } from './coroutine'
import { deadlineAfter, timeLeft } from './limit'
import { WaitPoint } from './wait-point'

/** Reads of one event that wait as a coroutine. */
export class InputWait implements Waits {
  readonly point: WaitPoint<number>
  /** Milliseconds; counts where a read says nothing else. (AC-17) */
  timeout: number | undefined = undefined
  readonly #co: Coroutine

  /** `dropped`: see WaitPoint. */
  constructor(co: Coroutine, dropped: () => void) {
    this.#co = co
    this.point = new WaitPoint(dropped)
  }

  get busy(): boolean {
    return this.point.busy
  }

  deadline(options: ReadOptions | undefined): number {
    return deadlineAfter(options?.timeout ?? this.timeout)
  }

  check(options: ReadOptions | undefined): void {
    this.#co.assertMayWait()
    options?.signal?.throwIfAborted()
  }

  begin(deadline: number, signal: AbortSignal | undefined): Promise<number> {
    if (this.point.busy) return Promise.reject(new HeddleError('EBUSY', 'a read is waiting here'))
    return this.point.begin(this.#co, 'read', timeLeft(deadline), signal)
  }

  resolve(count: number): void {
    this.point.resolve(count)
  }

  reject(error: unknown): void {
    this.point.reject(error)
  }
}
