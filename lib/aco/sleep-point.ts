import { invalid } from '../arguments'
import { fromNow } from '../eventer/time'
import { cancelTimeout, scheduleTimeout, type TimeoutId } from '../eventer/timeouts'
import type { Coroutine } from './coroutine'
import { WaitPoint } from './wait-point'

/** Where a coroutine sleeps: one timeout of its loop, cancelled when the sleep ends early. (AC-08) */
export class SleepPoint {
  readonly #co: Coroutine
  readonly #wait = new WaitPoint(() => cancelTimeout(this.#co.loop.core.loops, this.#id))
  #id: TimeoutId = 0

  constructor(co: Coroutine) {
    this.#co = co
  }

  begin(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { loop } = this.#co
    if (typeof ms !== 'number' || Number.isNaN(ms))
      return Promise.reject(invalid('sleep takes', 'a number of milliseconds', ms))
    const wait = this.#wait
    const twice = wait.busy
    const slept = wait.begin(this.#co, 'sleep', undefined, signal)
    if (!twice && wait.busy) this.#id = scheduleTimeout(loop, wake, fromNow(ms), wait)
    return slept
  }
}

const wake = (wait: unknown): void => (wait as WaitPoint).resolve()
