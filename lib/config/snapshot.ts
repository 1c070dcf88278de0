import { HeddleError } from '../errors'
import { ConfigValue } from './config-value'
import type { HookRegistry } from '../hooks'
import type { Generation, Readable } from './generation'
import type { Hold } from './hold'
import type { Place } from './place'
import type { ConfigQuery } from './query'
import type { OptionSlot } from './slot'
import type { ConfigNode } from './tree'

/**
 * A reference to one generation (CF-25): what is read through it is of that generation, whatever is active meanwhile, and
 * its hooks are called with it as the transaction. To be released; the generation ends after its last reader. Belongs to
 * its isolate.
 *
 * @throws HeddleError ERR_RELEASED after `release`.
 */
export class ConfigSnapshot implements Readable, Disposable {
  #of: Generation | undefined
  readonly #hold: Hold
  /** The number of the generation, also after the release. */
  readonly generation: number

  /** @internal Made by `config.snapshot()`. */
  constructor(generation: Generation) {
    this.#of = generation
    this.generation = generation.number
    this.#hold = generation.hold(`a snapshot of generation ${generation.number}`)
    this.#hold.guard(this)
  }

  /** The providers of hooks in this generation. */
  get hookRegistry(): HookRegistry {
    const { registry } = this.#live()
    if (registry !== undefined) return registry
    throw new HeddleError('ERR_NOT_SUPPORTED', 'this Config was made without hooks')
  }

  /** All stanzas and settings. */
  get root(): ConfigNode {
    return this.#live().root
  }

  value<T>(slot: OptionSlot<T>, query?: ConfigQuery): T {
    return this.place(query).value(slot)
  }

  fetch<T>(slot: OptionSlot<T>, query?: ConfigQuery): ConfigValue<T> {
    const generation = this.#live()
    const entry = generation.view.place(query).entry(slot)
    return ConfigValue.holding(entry, generation.hold(`the value of ${slot.name}`))
  }

  place(query?: ConfigQuery): Place {
    return this.#live().view.place(query)
  }

  get isReleased(): boolean {
    return this.#of === undefined
  }

  /** Idempotent. */
  release(): void {
    this.#of = undefined
    this.#hold.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  #live(): Generation {
    if (this.#of !== undefined) return this.#of
    throw new HeddleError('ERR_RELEASED', `the snapshot of generation ${this.generation} has been released`)
  }
}
