import { AsyncResource } from 'node:async_hooks'
import { HeddleError } from '../errors'
import type { Event } from './event'

/** What a subsystem keeps per event. Every function is optional. (EV-15) */
export interface ContextType<T> {
  readonly name: string
  /** Value of a new event; `inherited` is that of the event being processed, if any. */
  readonly init?: (event: Event, inherited: T | undefined) => T | undefined
  /** Value of a copy. Default: the same value. */
  readonly copy?: (value: T | undefined, copy: Event) => T | undefined
  /** Runs before each callback of the event. */
  readonly prep?: (event: Event, value: T | undefined) => void
  /** Runs when the event dies. */
  readonly cleanup?: (event: Event, value: T | undefined) => void
}

/** Names a registered context. */
export interface ContextSlot<T> {
  readonly index: number
  readonly name: string
  /** Only carries the type. */
  readonly value?: T
}

/** The context values of all events; exists only once something uses contexts. */
export class Contexts {
  readonly #types: ContextType<unknown>[] = []
  readonly #values = new Map<Event, unknown[]>()
  readonly #resources = new Map<Event, AsyncResource>()
  /** Callbacks run in the async context of the code that made their event. (EV-16) */
  readonly keepsAsync: boolean
  #copying = false

  constructor(keepsAsync: boolean) {
    this.keepsAsync = keepsAsync
  }

  register<T>(type: ContextType<T>): ContextSlot<T> {
    if (this.#types.some(({ name }) => name === type.name)) {
      throw new HeddleError('ERR_NAME_TAKEN', `context "${type.name}" is registered already`)
    }
    this.#types.push(type as ContextType<unknown>)
    return { index: this.#types.length - 1, name: type.name }
  }

  get<T>(event: Event, slot: ContextSlot<T>): T | undefined {
    return this.#values.get(event)?.[slot.index] as T | undefined
  }

  set<T>(event: Event, slot: ContextSlot<T>, value: T | undefined): void {
    event.assertAlive()
    const values = this.#values.get(event) ?? []
    values[slot.index] = value
    this.#values.set(event, values)
  }

  born(event: Event): void {
    if (this.keepsAsync) this.#resources.set(event, new AsyncResource('HEDDLE_EVENT'))
    if (this.#copying || this.#types.length === 0) return
    const current = event.core.current
    const inherited = current === undefined ? undefined : this.#values.get(current)
    this.#values.set(
      event,
      this.#types.map((type, at) => (type.init ? type.init(event, inherited?.[at]) : inherited?.[at])),
    )
  }

  /** Makes a copy with `make`: its values come from `copy`, not from `init`. */
  copy<E extends Event>(source: Event, make: () => E): E {
    this.#copying = true
    let copy: E
    try {
      copy = make()
    } finally {
      this.#copying = false
    }
    const values = this.#values.get(source)
    if (values === undefined) return copy
    this.#values.set(
      copy,
      this.#types.map((type, at) => (type.copy ? type.copy(values[at], copy) : values[at])),
    )
    return copy
  }

  run<R>(event: Event, callback: () => R): R {
    const values = this.#values.get(event)
    for (const [at, type] of this.#types.entries()) type.prep?.(event, values?.[at])
    const resource = this.#resources.get(event)
    return resource === undefined ? callback() : resource.runInAsyncScope(callback)
  }

  died(event: Event): void {
    const values = this.#values.get(event)
    this.#values.delete(event)
    this.#resources.delete(event)
    for (const [at, type] of this.#types.entries()) type.cleanup?.(event, values?.[at])
  }
}
