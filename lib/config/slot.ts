import type { Fallback } from './fallback'
import type { OptionType } from './types'

/**
 * The handle of an option for the life of the program, as `registerOption` gives it and `slot(name)` finds it: plain
 * data, one object an option and isolate. `T` is what a fetch returns. (CF-04)
 */
export class OptionSlot<T = unknown> {
  /** What values of it are; never there. */
  declare readonly valueType: T
  /** The same in all isolates. Not used again once another isolate may know it. */
  readonly index: number
  readonly name: string
  /** The name in lower case. */
  readonly key: string
  readonly type: OptionType
  readonly isArray: boolean
  readonly fallback: Fallback
  /** As it was given, undefined if there is none. */
  readonly defaultText: string | undefined

  constructor(index: number, spec: SlotSpec) {
    this.index = index
    this.name = spec.name
    this.key = spec.name.toLowerCase()
    this.type = spec.type
    this.isArray = spec.isArray
    this.fallback = spec.fallback
    this.defaultText = spec.defaultText
    Object.freeze(this)
  }
}

export interface SlotSpec {
  readonly name: string
  readonly type: OptionType
  readonly isArray: boolean
  readonly fallback: Fallback
  readonly defaultText: string | undefined
}
