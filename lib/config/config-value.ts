import { HeddleError } from '../errors'
import type { Entry } from './entry'
import type { Hold } from './hold'
import type { Origin } from './value'

/**
 * A value that was fetched, and with it the generation it is of: that stays alive until `release` (CF-24). Belongs to
 * the isolate that fetched it. After `release` it throws ERR_RELEASED; a second release does nothing. One that is
 * forgotten is released when it is collected, with a warning.
 */
export class ConfigValue<T = unknown> {
  #entry: Entry<T> | undefined
  readonly #hold: Hold | undefined

  private constructor(entry: Entry<T>, hold: Hold | undefined) {
    this.#entry = entry
    this.#hold = hold
  }

  /** @internal */
  static holding<T>(entry: Entry<T>, hold: Hold): ConfigValue<T> {
    const value = new ConfigValue(entry, hold)
    hold.guard(value)
    return value
  }

  /** For a callback that must not keep it: holds nothing. @internal */
  static passing<T>(entry: Entry<T>): ConfigValue<T> {
    return new ConfigValue(entry, undefined)
  }

  /** Frozen to the ground. Undefined if nothing sets the option and it has no default. */
  get value(): T {
    return this.#live().value
  }

  /** The value as a number: 0 or 1 of a bool, a whole number otherwise; undefined where it is neither. (CF-07) */
  get vint(): number | undefined {
    const { value } = this.#live()
    if (typeof value === 'boolean') return value ? 1 : 0
    return typeof value === 'number' ? Math.trunc(value) : undefined
  }

  /** What `postset` attached to it. */
  get data(): unknown {
    return this.#live().data
  }

  /** Where it was set; undefined for a default. */
  get origin(): Origin | undefined {
    return this.#live().origin
  }

  release(): void {
    this.#entry = undefined
    this.#hold?.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  #live(): Entry<T> {
    if (this.#entry !== undefined) return this.#entry
    throw new HeddleError('ERR_RELEASED', 'the value of an option has been released')
  }
}
