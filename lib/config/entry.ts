import type { OptionSlot } from './slot'
import type { Origin } from './value'

/** One value of one option in one generation: what a setting, or the default, was read as. */
export class Entry<T = unknown> {
  readonly slot: OptionSlot<T>
  /** Frozen to the ground; undefined where there is neither a setting nor a default. */
  readonly value: T
  /** Undefined for a default. */
  readonly origin: Origin | undefined
  /** What `postset` attached, in the isolate of the Config. */
  data: unknown = undefined

  constructor(slot: OptionSlot<T>, value: T, origin: Origin | undefined) {
    this.slot = slot
    this.value = value
    this.origin = origin
  }
}
