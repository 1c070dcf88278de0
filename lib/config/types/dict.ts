import { isDictionary, type RawDictionary } from '../value'
import { Refused, scalar, type ValueType } from './value-type'

/** Names and their values in the order of the configuration; nobody can change it. (CF-12, CF-27) */
export class Dictionary implements ReadonlyMap<string, string> {
  readonly #map: Map<string, string>

  private constructor(map: Map<string, string>) {
    this.#map = map
    Object.freeze(this)
  }

  /** @internal */
  static of({ entries }: RawDictionary): Dictionary {
    const map = new Map<string, string>()
    for (const [name, value] of entries) map.set(name, scalar(value, `a dictionary of texts; ${name} is one`))
    return new Dictionary(map)
  }

  get size(): number {
    return this.#map.size
  }

  get(name: string): string | undefined {
    return this.#map.get(name)
  }

  has(name: string): boolean {
    return this.#map.has(name)
  }

  keys(): MapIterator<string> {
    return this.#map.keys()
  }

  values(): MapIterator<string> {
    return this.#map.values()
  }

  entries(): MapIterator<[string, string]> {
    return this.#map.entries()
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#map.entries()
  }

  forEach(callback: (value: string, name: string, dictionary: ReadonlyMap<string, string>) => void): void {
    for (const [name, value] of this.#map) callback(value, name, this)
  }
}

/** `[ a = 1 b = 2 ]` */
export const dictType: ValueType<Dictionary> = {
  parse(raw) {
    if (isDictionary(raw)) return Dictionary.of(raw)
    throw new Refused(`is a dictionary, not ${typeof raw === 'string' ? 'a single value' : 'an array'}`)
  },
}
