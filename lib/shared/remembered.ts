import { MARK, type SharedMapEngine } from '../backend/shared'

/** What was read under a key: trusted while the number of its class is still the same. */
interface Memory {
  /** The same for good: it is part of the key's hash. */
  readonly cell: number
  version: number
  value: unknown
}

/** Whether remembering pays is asked after so many look-ups for each key there is room for: the first are all new. */
const TRIAL = 4
/** It does if one in so many is answered. */
const LEAST_PART = 4
/** So many trials' look-ups are left alone where it does not. */
const PAUSE = 16

/**
 * Values that this isolate has read lately under text keys, so that reading them again takes no call into the engine:
 * 45 ns against 200. Every writer of the process changes the number of a key's class before others can see the new
 * value (`native/shared/versions.h` says why that is enough), so what is answered from here is what a look-up would
 * find. Bounded: at most twice `limit` keys, of which those not read lately go. Where keys hardly ever come again it
 * stops by itself and tries again later.
 */
export class Remembered {
  readonly #versions: Int32Array
  readonly #marks: Uint8Array | undefined
  readonly #limit: number
  readonly #trial: number
  #young = new Map<string, Memory>()
  #old = new Map<string, Memory>()
  #asked = 0
  #answered = 0
  #pause = 0

  private constructor(versions: Int32Array, marks: Uint8Array | undefined, limit: number) {
    this.#versions = versions
    this.#marks = marks
    this.#limit = limit
    this.#trial = TRIAL * limit
  }

  /** Undefined where the engine offers no numbers, or nothing is to be remembered. */
  static of(engine: SharedMapEngine, limit: number): Remembered | undefined {
    const { versions, marks } = engine
    return versions === undefined || limit === 0 ? undefined : new Remembered(versions, marks, limit)
  }

  /** What is remembered of a key, if it still holds. */
  find(key: string): Memory | undefined {
    if (this.#pause > 0) {
      this.#pause--
      return undefined
    }
    if (++this.#asked === this.#trial) this.#judge()
    const memory = this.#young.get(key) ?? this.#promote(key)
    // Atomically, which is to say: each time anew.
    if (memory === undefined || Atomics.load(this.#versions, memory.cell) !== memory.version) return undefined
    this.#answered++
    const marks = this.#marks
    if (marks !== undefined && marks[memory.cell] !== MARK) marks[memory.cell] = MARK
    return memory
  }

  /** Keeps what the engine has just answered, if it says that this may be kept. */
  keep(key: string, value: unknown, { control }: SharedMapEngine): void {
    const cell = control[3] as number
    if (cell < 0 || this.#pause > 0) return
    const version = control[4] as number
    const memory = this.#young.get(key)
    if (memory !== undefined) {
      memory.version = version
      memory.value = value
      return
    }
    this.#add(key, { cell, version, value })
  }

  #promote(key: string): Memory | undefined {
    const memory = this.#old.get(key)
    if (memory === undefined) return undefined
    this.#old.delete(key)
    this.#add(key, memory)
    return memory
  }

  #add(key: string, memory: Memory): void {
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, memory)
  }

  #judge(): void {
    if (this.#answered * LEAST_PART < this.#asked) {
      this.#pause = PAUSE * this.#trial
      this.#young.clear()
      this.#old.clear()
    }
    this.#asked = 0
    this.#answered = 0
  }
}
