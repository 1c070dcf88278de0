import type { HeaderRecord } from './request-head'

/** The headers of a request, read like those of the web platform. Names are matched without regard to case. */
export class RequestHeaders {
  readonly #record: HeaderRecord

  /** @internal */
  constructor(record: HeaderRecord) {
    this.#record = record
  }

  get(name: string): string | undefined {
    return this.#record[name.toLowerCase()]
  }

  has(name: string): boolean {
    return this.#record[name.toLowerCase()] !== undefined
  }

  keys(): IterableIterator<string> {
    return Object.keys(this.#record).values()
  }

  values(): IterableIterator<string> {
    return Object.values(this.#record).values()
  }

  /** Lower-case names and values in the order in which they came. */
  entries(): IterableIterator<[string, string]> {
    return Object.entries(this.#record).values()
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
  }

  /** A plain object of the caller's own, lower-case names to values. */
  toObject(): Record<string, string> {
    return { ...this.#record }
  }

  toJSON(): Record<string, string> {
    return this.toObject()
  }
}
