import { getEnvironmentData } from 'node:worker_threads'
import { invalid } from '../../arguments'
import { HeddleError } from '../../errors'
import { ConfigValue } from '../config-value'
import { fallbackOf } from '../fallback'
import { Hold } from '../hold'
import type { ConfigQuery } from '../query'
import { Scopes } from '../scopes'
import { OptionSlot } from '../slot'
import type { OptionType } from '../types'
import { View } from '../view'
import { CLOSED_WORD, CURRENT, IMAGES, imageAt, imageOf } from './head'
import { Image } from './image'
import { ImageSource } from './image-source'
import { pinning, run, unpinning } from './pins'
import { closed, Seat } from './seat'
import { checkedToken, type ConfigToken, ENVIRONMENT_KEY } from './token'
import { watchWord } from './wait'
import type { DefinitionLists } from './writer'

/** A slot and who registered it. */
interface Known {
  readonly slot: OptionSlot
  readonly module: string
}

/**
 * A Config as other isolates read it (CF-34): straight from shared memory, without its owner, without a lock, always of
 * the generation that is active at the call. What must be of one generation is read through a `snapshot`. Values are those
 * that the owner sees, frozen; each isolate reads a setting once a generation.
 *
 * Belongs to the isolate that attached it; when that ends, however it does, what it held is given back.
 *
 * @throws HeddleError ERR_CLOSED after `close`, here or of the Config.
 */
export class ConfigReader {
  /** What other isolates need to attach, if it is not in their environment. */
  readonly token: ConfigToken
  readonly #words: Int32Array
  readonly #arena: SharedArrayBuffer
  readonly #row: number
  /** How often this reader holds each image. */
  readonly #held = new Uint32Array(IMAGES)
  readonly #scopes = new Scopes()
  readonly #slots: (Known | undefined)[] = []
  readonly #listeners = new Set<(generation: number) => void>()
  #definitionsVersion = -1
  #viewWord = 0
  #view: View | undefined
  #isClosed = false
  #isWatching = false

  private constructor({ token, words, row }: Seat) {
    this.token = token
    this.#words = words
    this.#arena = token.arena
    this.#row = row
  }

  /**
   * Attaches this isolate to the Config that was shared when it was started, or to that of a token from `config.share()`. What this
   * isolate holds is given back when it ends, however it does and whoever started it.
   *
   * @throws HeddleError ERR_INVALID_ARGUMENT if there is none; ERR_CONFIG_FULL if 256 isolates read it; ERR_CLOSED.
   */
  static attach(token: unknown = getEnvironmentData(ENVIRONMENT_KEY)): ConfigReader {
    return new ConfigReader(Seat.of(checkedToken(token)))
  }

  /** The number of the active generation. */
  get generation(): number {
    return this.#pinned((image) => this.#numberOf(image))
  }

  /** The option of that name, if exactly one has it; `module` chooses among several. (CF-05) */
  slot<T = unknown>(name: string, module?: string): OptionSlot<T> | undefined {
    this.#pinned((image) => this.#refresh(image))
    const key = String(name).toLowerCase()
    const found = this.#slots.filter(
      (known) => known?.slot.key === key && (module === undefined || known.module === module.toLowerCase()),
    )
    return found.length === 1 ? (found[0]?.slot as OptionSlot<T>) : undefined
  }

  /** The value of an option in the active generation. No allocation once it was read. */
  value<T>(slot: OptionSlot<T>, query?: ConfigQuery): T {
    const view = this.#view
    if (view !== undefined && Atomics.load(this.#words, CURRENT) === this.#viewWord && !this.#isClosed) {
      const entry = view.place(query).peek(slot)
      if (entry !== undefined) return entry.value
    }
    return this.#pinned((image) => this.#refresh(image).place(query).value(slot))
  }

  /** A value with its generation, which it keeps alive, in all isolates, until it is released. */
  fetch<T>(slot: OptionSlot<T>, query?: ConfigQuery): ConfigValue<T> {
    const image = this.#pin()
    try {
      const entry = this.#refresh(image).place(query).entry(slot)
      return ConfigValue.holding(entry, this.#holdOf(image, `the value of ${slot.name}`))
    } catch (error) {
      this.#unpin(image)
      throw error
    }
  }

  /** A reference to the active generation: all that is read through it is of that one, until it is released. */
  snapshot(): ReaderSnapshot {
    const image = this.#pin()
    try {
      const hold = this.#holdOf(image, 'a snapshot')
      return new ReaderSnapshot(this.#refresh(image), hold, () => this.#checkOpen())
    } catch (error) {
      this.#unpin(image)
      throw error
    }
  }

  /**
   * Calls with the number of the generation when another one is active, some time after it is. Several changes may come
   * as one. Listening keeps no isolate alive. Returns what ends it.
   */
  onChange(listener: (generation: number) => void): () => void {
    if (typeof listener !== 'function') throw invalid('the listener', 'is a function', listener)
    this.#checkOpen()
    this.#listeners.add(listener)
    if (!this.#isWatching) {
      this.#isWatching = true
      void watchWord(
        this.#words,
        CURRENT,
        () => this.#tell(),
        () => this.#isClosed || Atomics.load(this.#words, CURRENT) === CLOSED_WORD,
      )
    }
    return () => void this.#listeners.delete(listener)
  }

  /** Gives back all that is held through it, snapshots and values too. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#view = undefined
    this.#listeners.clear()
    for (const [image, count] of this.#held.entries())
      if (count > 0) run(unpinning(this.#words, this.#row, image, count))
    // Ends the wait of this one; others look, and wait again.
    if (this.#isWatching) Atomics.notify(this.#words, CURRENT)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #tell(): void {
    const image = this.#tryPin()
    if (image === undefined) return
    const generation = this.#numberOf(image)
    this.#unpin(image)
    for (const listener of [...this.#listeners]) {
      // One that throws is an uncaught exception of its isolate, and the others are called.
      queueMicrotask(() => {
        if (this.#listeners.has(listener)) listener(generation)
      })
    }
  }

  #numberOf(image: number): number {
    return Atomics.load(this.#words, imageAt(image) + 2)
  }

  /** The view of a pinned image: the one there is, if it is the same. */
  #refresh(image: number): View {
    const at = imageAt(image)
    const current = Atomics.load(this.#words, CURRENT)
    const isCurrent = imageOf(current) === image && current !== CLOSED_WORD
    if (this.#view !== undefined && isCurrent && current === this.#viewWord) return this.#view
    const read = new Image(this.#arena, Atomics.load(this.#words, at), Atomics.load(this.#words, at + 1))
    this.#define(read)
    const view = new View(new ImageSource(read, this.#scopes, (slot) => this.#check(slot)))
    // What names a pinned image names this one, so the word tells later whether the view is that of the active generation.
    if (isCurrent) {
      this.#view = view
      this.#viewWord = current
    }
    return view
  }

  /** Scopes and slots that have come since. */
  #define(image: Image): void {
    if (image.definitionsVersion <= this.#definitionsVersion) return
    const { scopes, options } = JSON.parse(image.definitions) as DefinitionLists
    for (const scope of scopes) this.#scopes.define(scope)
    for (const { index, module, fallback, type, isArray, name, default: defaultText } of options) {
      if (this.#slots[index] !== undefined) continue
      const slot = new OptionSlot(index, {
        name,
        type: type as OptionType,
        isArray,
        fallback: fallbackOf(fallback, this.#scopes),
        defaultText,
      })
      this.#slots[index] = { slot, module }
    }
    this.#definitionsVersion = image.definitionsVersion
  }

  #check(slot: OptionSlot): void {
    if (this.#slots[slot.index]?.slot === slot) return
    throw new HeddleError(
      'ERR_INVALID_ARGUMENT',
      `the option ${slot.name} is not of this reader: ask slot(name)`,
    )
  }

  #pinned<T>(use: (image: number) => T): T {
    const image = this.#pin()
    try {
      return use(image)
    } finally {
      this.#unpin(image)
    }
  }

  #pin(): number {
    const image = this.#isClosed ? undefined : this.#tryPin()
    if (image === undefined) throw closed()
    return image
  }

  /** The current image, held once more; undefined if the Config is closed. */
  #tryPin(): number | undefined {
    const image = run(pinning(this.#words, this.#row))
    if (image !== undefined) this.#held[image] = (this.#held[image] as number) + 1
    return image
  }

  /** What was closed has given back everything already. */
  #unpin(image: number): void {
    if (this.#isClosed) return
    this.#held[image] = (this.#held[image] as number) - 1
    run(unpinning(this.#words, this.#row, image))
  }

  #holdOf(image: number, what: string): Hold {
    return new Hold(
      what,
      () => this.#unpin(image),
      () => this.#isClosed,
    )
  }

  #checkOpen(): void {
    if (this.#isClosed || Atomics.load(this.#words, CURRENT) === CLOSED_WORD) throw closed()
  }
}

/**
 * One generation as another isolate reads it, from `reader.snapshot()`. To be released.
 *
 * @throws HeddleError ERR_RELEASED after `release`, ERR_CLOSED after the reader was closed.
 */
export class ReaderSnapshot {
  #view: View | undefined
  readonly #hold: Hold
  /** Throws once the reader has given up its hold on the memory. */
  readonly #checkOpen: () => void
  /** The number of the generation, also after the release. */
  readonly generation: number

  /** @internal */
  constructor(view: View, hold: Hold, checkOpen: () => void) {
    this.#view = view
    this.#checkOpen = checkOpen
    this.generation = (view.source as ImageSource).image.generation
    this.#hold = hold
    hold.guard(this)
  }

  value<T>(slot: OptionSlot<T>, query?: ConfigQuery): T {
    return this.#live().place(query).value(slot)
  }

  /** Whether the shared memory is as it was written; reads all of it. For tests and for those who doubt. */
  verify(): boolean {
    return (this.#live().source as ImageSource).image.verify()
  }

  /** Idempotent. */
  release(): void {
    this.#view = undefined
    this.#hold.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  #live(): View {
    this.#checkOpen()
    if (this.#view !== undefined) return this.#view
    throw new HeddleError('ERR_RELEASED', `the snapshot of generation ${this.generation} has been released`)
  }
}
