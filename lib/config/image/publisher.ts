/**
 * The owner's side of the shared memory: writes images, makes one current, frees old ones when nobody reads them. A generation is held
 * for as long as its image is, so that it ends after its last reader in any isolate.
 */
import { getEnvironmentData, setEnvironmentData, type Worker } from 'node:worker_threads'
import { HeddleError } from '../../errors'
import type { Generation } from '../generation'
import type { Hold } from '../hold'
import type { TreeSource } from '../tree-source'
import { Arena } from './arena'
import { CLOSED, CURRENT, currentWord, HEAD_BYTES, IMAGES, imageAt, RELEASES } from './head'
import { reading, run } from './pins'
import { watchWorker, watchWorkers } from './threads'
import { type ConfigToken, ENVIRONMENT_KEY } from './token'
import { watchWord } from './wait'
import { type Definitions, writeImage } from './writer'

/** An image that lies in shared memory, for a generation to come or one that is there. */
export interface Placed {
  readonly index: number
  readonly offset: number
  readonly number: number
  hold: Hold | undefined
}

export class Publisher {
  readonly token: ConfigToken
  readonly #words: Int32Array
  readonly #arena: Arena
  readonly #images: (Placed | undefined)[] = new Array<Placed | undefined>(IMAGES).fill(undefined)
  readonly #unwatch: () => void
  #current: Placed | undefined
  #isClosed = false

  /** `maxBytes` of images of all live generations. */
  constructor(maxBytes: number) {
    const head = new SharedArrayBuffer(HEAD_BYTES)
    this.#words = new Int32Array(head)
    this.#arena = new Arena(maxBytes)
    this.token = { head, arena: this.#arena.buffer, parent: 0 }
    this.#unwatch = watchWorkers(this.#words)
    void watchWord(
      this.#words,
      RELEASES,
      () => this.sweep(),
      () => this.#isClosed,
    )
  }

  /** Workers that are started from now on find it by themselves. */
  announce(): void {
    setEnvironmentData(ENVIRONMENT_KEY, this.token as never)
  }

  /** For a worker that was started before the Config was shared. */
  watch(worker: Worker): void {
    watchWorker(this.#words, worker)
  }

  /**
   * Writes an image, which nobody can see yet.
   *
   * @throws HeddleError ERR_CONFIG_FULL, having changed nothing.
   */
  place(number: number, source: TreeSource, definitions: Definitions): Placed {
    this.sweep()
    const index = this.#images.indexOf(undefined)
    if (index < 0) throw full(`${IMAGES} generations are alive`)
    const image = writeImage(number, source, definitions)
    const offset = this.#arena.allocate(image.byteLength)
    if (offset === undefined) throw full(`an image of ${image.byteLength} bytes does not fit`)
    new Int32Array(this.#arena.buffer, offset, image.length).set(image)
    // Plain stores would do: readers come here by CURRENT, which is stored after them.
    const at = imageAt(index)
    Atomics.store(this.#words, at, offset)
    Atomics.store(this.#words, at + 1, image.byteLength)
    Atomics.store(this.#words, at + 2, number)
    const placed: Placed = { index, offset, number, hold: undefined }
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
    placed.hold = generation.hold(`the image of generation ${placed.number}`)
    this.#current = placed
    Atomics.store(this.#words, CURRENT, currentWord(placed.number, placed.index))
    Atomics.notify(this.#words, CURRENT)
    this.sweep()
  }

  /** Frees the images that nobody reads any more. */
  sweep(): void {
    for (const placed of this.#images) {
      if (placed === undefined || placed.hold === undefined || placed === this.#current) continue
      if (run(reading(this.#words, placed.index))) continue
      this.discard(placed)
      placed.hold.release()
    }
  }

  get usedBytes(): number {
    return this.#arena.usedBytes
  }

  /** Readers fail with ERR_CLOSED when they look for the current generation. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unwatch()
    Atomics.store(this.#words, CLOSED, 1)
    Atomics.notify(this.#words, CURRENT)
    for (const placed of this.#images) placed?.hold?.release()
    if (getEnvironmentData(ENVIRONMENT_KEY) === (this.token as unknown))
      setEnvironmentData(ENVIRONMENT_KEY, undefined)
    // Ends the wait.
    Atomics.add(this.#words, RELEASES, 1)
    Atomics.notify(this.#words, RELEASES)
  }
}

function full(why: string): HeddleError {
  return new HeddleError('ERR_CONFIG_FULL', `no room for another generation: ${why}`)
}
