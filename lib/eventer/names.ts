import { HeddleError } from '../errors'
import type { AnyCallback, Event } from './event'

/** Describes an event of a named callback in one line, for endpoints and logs. */
export type Describe = (event: Event) => string

/** Stands for the name of a callback that has none. */
export const UNNAMED = '(unnamed)'

interface Named {
  readonly name: string
  readonly describe: Describe | undefined
}

/** Callbacks by name and back. Names are what other isolates and observers know callbacks by. (EV-13) */
export class CallbackNames {
  readonly #callbacks = new Map<string, AnyCallback>()
  readonly #names = new WeakMap<object, Named>()

  /** ERR_NAME_TAKEN if the name belongs to another callback. Of two names of one callback the later counts. */
  set(name: string, callback: AnyCallback, describe?: Describe): void {
    const known = this.#callbacks.get(name)
    if (known !== undefined && known !== callback) {
      throw new HeddleError('ERR_NAME_TAKEN', `"${name}" names another callback`)
    }
    this.#callbacks.set(name, callback)
    this.#names.set(callback, { name, describe })
  }

  callback(name: string): AnyCallback | undefined {
    return this.#callbacks.get(name)
  }

  /** With an event, what the describer of the name makes of it. */
  name(callback: object, event?: Event): string | undefined {
    const named = this.#names.get(callback)
    if (named === undefined) return undefined
    return event === undefined || named.describe === undefined ? named.name : named.describe(event)
  }
}
