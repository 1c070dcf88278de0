import { invalid } from '../arguments'
import { selectBackend } from '../backend/select'
import type { SharedCounterEngine } from '../backend/shared'
import { HeddleError } from '../errors'
import { openFailure } from './failures'
import { checkName } from './options'

/**
 * A number that all isolates of the process add to without getting in each other's way (SM-09): each hold has a cell of its
 * own, so adding costs an addition, and reading costs a sum. Opened by name, alive while anybody holds it open; what a
 * hold has added stays when it ends. Exact up to 2^53.
 *
 * Thread rule: an instance belongs to the isolate that opened it; each opens its own.
 *
 * @throws HeddleError ERR_CLOSED after `close`.
 */
export class SharedCounter {
  /** What the counter was opened as. */
  readonly name: string
  readonly #engine: SharedCounterEngine
  readonly #start: number
  /** Undefined once closed. */
  #cell: Float64Array | undefined

  private constructor(name: string, engine: SharedCounterEngine) {
    this.name = name
    this.#engine = engine
    this.#cell = engine.cell
    this.#start = engine.cell[0] as number
  }

  /**
   * Opens the counter of that name, making it with 0 if nobody holds one open.
   *
   * @throws HeddleError: on the js backend ETIME if the main thread has not loaded the package or does not answer for
   * ten seconds; EMFILE above some hundred holds.
   */
  static async open(name: string): Promise<SharedCounter> {
    checkName('SharedCounter.open', name)
    const engine = await selectBackend().shared.openCounter(name)
    if (typeof engine === 'number') throw openFailure('SharedCounter', name, engine)
    return new SharedCounter(name, engine)
  }

  /** Adds `n`, which may be negative. Never waits. */
  add(n = 1): void {
    if (typeof n !== 'number') throw invalid('n', 'is a number', n)
    const cell = this.#open()
    cell[0] = (cell[0] as number) + n
  }

  /** The sum of what all have added, this very moment give or take what is being added. */
  get value(): number {
    this.#open()
    return this.#engine.sum()
  }

  /** What this instance has added. */
  get local(): number {
    return (this.#open()[0] as number) - this.#start
  }

  /** Gives this hold back. When it was the last, the counter is gone. Idempotent. */
  close(): void {
    this.#cell = undefined
    this.#engine.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #open(): Float64Array {
    if (this.#cell === undefined) throw new HeddleError('ERR_CLOSED', 'the counter is closed')
    return this.#cell
  }
}
