const INDEX_BITS = 24
const INDEX_MASK = (1 << INDEX_BITS) - 1
/**
 * Generations run from 1 to 127: a handle is then never 0 and reads the same as a signed and as an unsigned
 * word.
 */
const GENERATIONS = 127

/** Objects by handle (`index | generation << 24`). A handle whose slot was given away again finds nothing. */
export class Slots<T> {
  readonly #items: (T | undefined)[] = []
  readonly #generations: number[] = []
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /**
   * Reserves a slot and stores what `make` builds for its handle; undefined when all 2^24 slots are taken.
   */
  add<U extends T>(make: (handle: number) => U): U | undefined {
    const index = this.#free.pop() ?? this.#items.length
    if (index > INDEX_MASK) return undefined
    const generation = this.#generations[index] ?? 1
    this.#generations[index] = generation
    const item = make(index | (generation << INDEX_BITS))
    this.#items[index] = item
    this.#size++
    return item
  }

  get(handle: number): T | undefined {
    const index = handle & INDEX_MASK
    if (this.#generations[index] !== handle >>> INDEX_BITS) return undefined
    return this.#items[index]
  }

  remove(handle: number): void {
    if (this.get(handle) === undefined) return
    const index = handle & INDEX_MASK
    this.#items[index] = undefined
    this.#generations[index] = ((this.#generations[index] as number) % GENERATIONS) + 1
    this.#free.push(index)
    this.#size--
  }

  /** The live objects at the time of the call. */
  values(): T[] {
    return this.#items.filter((item) => item !== undefined)
  }
}
