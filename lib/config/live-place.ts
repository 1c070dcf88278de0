import type { Place } from './place'
import type { ConfigQuery } from './query'
import type { OptionSlot } from './slot'
import type { View } from './view'

/**
 * What a query sees, now and after any number of reloads: resolved anew when another generation is active, an array access
 * otherwise. `config.place()` makes it. Belongs to its isolate.
 */
export class LivePlace {
  readonly #active: () => View
  readonly #query: ConfigQuery | undefined
  #view: View
  #place: Place

  /** @internal */
  constructor(active: () => View, query: ConfigQuery | undefined) {
    this.#active = active
    // A copy: the place means the same for ever.
    this.#query = query && { ...query, scopes: query.scopes && { ...query.scopes } }
    this.#view = active()
    this.#place = this.#view.place(this.#query)
  }

  /** The value of an option in the active generation. Frozen. */
  value<T>(slot: OptionSlot<T>): T {
    const view = this.#active()
    if (view !== this.#view) {
      this.#place = view.place(this.#query)
      this.#view = view
    }
    return this.#place.value(slot)
  }
}
