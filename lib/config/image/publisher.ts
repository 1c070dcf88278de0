/**
 * The owner's side of the shared memory: writes images, makes one current, frees old ones when nobody reads them. A generation is held
 * for as long as its image is, so that it ends after its last reader in any isolate.
 */
import { randomFillSync } from 'node:crypto'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { HeddleError } from '../../errors'
import type { Generation } from '../generation'
import type { TreeSource } from '../tree-source'
import { Arena } from './arena'
import {
  CLOSED_WORD,
  CURRENT,
  currentWord,
  HEAD_BYTES,
  HEAD_MARK,
  IDENTITY,
  IDENTITY_WORDS,
  IMAGES,
  imageAt,
  MARK,
  RELEASES,
} from './head'
import { callOwner, reading, run } from './pins'
import { Readers } from './readers'
import { onWorkerEnd } from './threads'
import { type ConfigToken, ENVIRONMENT_KEY } from './token'
import { watchWord } from './wait'
import { type Definitions, writeImage } from './writer'

/** How often the owner looks whether those who read old images are alive: at first, and at last. */
const FIRST_LOOK_MS = 100
const LAST_LOOK_MS = 2000

/** An image that lies in shared memory, for a generation to come or one that is there. */
export interface Placed {
  readonly index: number
  readonly offset: number
  readonly number: number
  /** Lets the generation end; undefined before it was current. */
  unpublish: (() => void) | undefined
}

export class Publisher {
  readonly token: ConfigToken
  readonly #words: Int32Array
  readonly #arena: Arena
  readonly #images: (Placed | undefined)[] = new Array<Placed | undefined>(IMAGES).fill(undefined)
  readonly #readers: Readers
  readonly #unwatch: () => void
  #current: Placed | undefined
  /** Runs while old images are read. Keeps no program alive. */
  #timer: NodeJS.Timeout | undefined
  #pause = FIRST_LOOK_MS
  #isClosed = false

  /** `maxBytes` of images of all live generations. */
  constructor(maxBytes: number) {
    const head = new SharedArrayBuffer(HEAD_BYTES)
    this.#words = new Int32Array(head)
    this.#arena = new Arena(maxBytes)
    this.token = { head, arena: this.#arena.buffer }
    this.#words[MARK] = HEAD_MARK
    randomFillSync(this.#words, IDENTITY, IDENTITY_WORDS)
    this.#readers = new Readers(this.#words)
    this.#unwatch = onWorkerEnd((thread) => this.#ended(thread))
    void watchWord(
      this.#words,
      RELEASES,
      () => this.#called(),
      () => this.#isClosed,
    )
  }

  /** Workers that are started from now on find it by themselves. */
  announce(): void {
    setEnvironmentData(ENVIRONMENT_KEY, this.token as never)
  }

  /**
   * Writes an image, which nobody can see yet.
   *
   * @throws HeddleError ERR_CONFIG_FULL, having changed nothing.
   */
  place(number: number, source: TreeSource, definitions: Definitions): Placed {
    this.sweep()
    const image = writeImage(number, source, definitions)
    let room = this.#room(image.byteLength)
    if (room === undefined) {
      // Those who hold the old ones may have ended.
      this.look()
      room = this.#room(image.byteLength)
    }
    if (room === undefined) throw this.#full(image.byteLength)
    const { index, offset } = room
    new Int32Array(this.#arena.buffer, offset, image.length).set(image)
    // Plain stores would do: readers come here by CURRENT, which is stored after them.
    const at = imageAt(index)
    Atomics.store(this.#words, at, offset)
    Atomics.store(this.#words, at + 1, image.byteLength)
    Atomics.store(this.#words, at + 2, number)
    const placed: Placed = { index, offset, number, unpublish: undefined }
    this.#images[index] = placed
    return placed
  }

  /** Takes back what was placed and never made current. */
  discard(placed: Placed): void {
    this.#images[placed.index] = undefined
    this.#arena.free(placed.offset)
  }

  /** From here on readers find this one. */
  makeCurrent(placed: Placed, generation: Generation): void {
    placed.unpublish = generation.published()
    this.#current = placed
    Atomics.store(this.#words, CURRENT, currentWord(placed.number, placed.index))
    Atomics.notify(this.#words, CURRENT)
    this.sweep()
  }

  /** Frees the images that nobody reads any more. */
  sweep(): void {
    let isOldRead = false
    for (const placed of this.#images) {
      if (placed === undefined || placed.unpublish === undefined || placed === this.#current) continue
      if (run(reading(this.#words, placed.index))) isOldRead = true
      else {
        this.discard(placed)
        placed.unpublish()
      }
    }
    if (isOldRead) this.#lookLater()
    else this.#pause = FIRST_LOOK_MS
  }

  /** Looks whether those who read old images are alive, and frees what nobody reads. */
  look(): void {
    const current = this.#current?.index
    this.#readers.look((row) => this.#readers.isBehind(row, current))
    this.sweep()
  }

  get usedBytes(): number {
    return this.#arena.usedBytes
  }

  /** What is held in other isolates, and by readers in this one. */
  get holds(): number {
    return this.#readers.pins
  }

  /** Readers fail with ERR_CLOSED when they look for the current generation. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unwatch()
    clearTimeout(this.#timer)
    Atomics.store(this.#words, CURRENT, CLOSED_WORD)
    Atomics.notify(this.#words, CURRENT)
    this.#readers.dismiss()
    for (const placed of this.#images) placed?.unpublish?.()
    if (getEnvironmentData(ENVIRONMENT_KEY) === (this.token as unknown))
      setEnvironmentData(ENVIRONMENT_KEY, undefined)
    // Ends the wait.
    callOwner(this.#words)
  }

  #room(bytes: number): { readonly index: number; readonly offset: number } | undefined {
    const index = this.#images.indexOf(undefined)
    const offset = index < 0 ? undefined : this.#arena.allocate(bytes)
    return offset === undefined ? undefined : { index, offset }
  }

  #full(bytes: number): HeddleError {
    const alive = this.#images.filter((placed) => placed !== undefined).length
    const why =
      alive === IMAGES
        ? `${IMAGES} generations are alive`
        : `its image has ${bytes} bytes, and of ${this.#arena.maxBytes} (imageBytes) the images of ${alive} live generations take ${this.usedBytes}`
    return new HeddleError('ERR_CONFIG_FULL', `no room for another generation: ${why}`)
  }

  /** A worker of this isolate has ended, and those that it had started with it. */
  #ended(thread: number): void {
    this.#readers.ended(thread)
    this.look()
  }

  /** Somebody gave back an old image, or took one of the last rows. */
  #called(): void {
    if (this.#readers.areMany) this.#readers.look(() => true)
    this.sweep()
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#pause = Math.min(this.#pause * 2, LAST_LOOK_MS)
      this.look()
    }, this.#pause)
    this.#timer.unref()
  }
}
