import type { MemoryBackend } from '../backend/memory'
import { HeddleError, systemError } from '../errors'
import { MemtypeError, misuse } from './memory-error'
import type { Memtype } from './memtype'

const LIVE = ''

/**
 * A block of typed memory. It belongs to the isolate that has it and lives until it is freed: the collector does not
 * free it. What an isolate has not freed when it ends is freed then, and counted (`memtypes.totals().abandoned`).
 *
 * The bytes are in `view()`. After the block is freed, reallocated or given away the view has length 0.
 */
export class Block implements Disposable {
  readonly memtype: Memtype
  /** Bytes that were asked for; of a fixed block the size of its type. */
  readonly size: number
  readonly #backend: MemoryBackend
  readonly #handle: number
  #view: Uint8Array | undefined
  /** What became of it, as a sentence goes on after "the block". */
  #fate: string = LIVE

  /** @internal */
  constructor(backend: MemoryBackend, memtype: Memtype, handle: number, size: number) {
    this.#backend = backend
    this.memtype = memtype
    this.#handle = handle
    this.size = size
  }

  /** False once it is freed, reallocated or given away. */
  get isLive(): boolean {
    return this.#fate === LIVE
  }

  /**
   * Where the block lies, for native code and for looking at alignment. ERR_NATIVE_REQUIRED on the JavaScript
   * backend, ERR_STALE_BLOCK.
   */
  get address(): bigint {
    this.#assertLive('address')
    if (!this.#backend.isNative) {
      throw new HeddleError('ERR_NATIVE_REQUIRED', 'blocks of the JavaScript backend have no address')
    }
    return this.#backend.address(this.#handle)
  }

  /**
   * The block's bytes: the same view at every call. ERR_STALE_BLOCK once the block is gone, or when a program has
   * transferred the view's buffer elsewhere. Node may be reading it in an asynchronous operation: free the block
   * after that. (MT-04)
   */
  view(): Uint8Array {
    this.#assertLive('view')
    this.#view ??= new Uint8Array(this.#buffer())
    if (this.#view.length === this.size) return this.#view
    throw new MemtypeError(
      'ERR_STALE_BLOCK',
      "view: the buffer of the block's view was transferred elsewhere",
      {
        actual: this.memtype.description,
      },
    )
  }

  /** Frees the block with its own type. ERR_DOUBLE_FREE, ERR_STALE_BLOCK. (MT-07) */
  free(): void {
    this.checkFree('free')
    this.#backend.free(this.#handle)
    this.#end('is free already')
  }

  /** Frees the block unless that has been done. */
  [Symbol.dispose](): void {
    if (this.isLive) this.free()
  }

  /**
   * Gives the block up and returns a token, a number with which any isolate of the process makes it its own:
   * `memtypes.adopt(token)`. It works once; a token that nobody presents keeps the block. ERR_NATIVE_REQUIRED on the
   * JavaScript backend, ERR_STALE_BLOCK, ENOMEM. (MT-17)
   */
  release(): number {
    this.#assertLive('release')
    if (!this.#backend.isNative) {
      throw new HeddleError('ERR_NATIVE_REQUIRED', 'blocks of the JavaScript backend stay in their isolate')
    }
    const token = this.#backend.release(this.#handle)
    if (token < 0) throw systemError(token, 'release')
    this.#end('was given away')
    return token
  }

  /** @internal Misuse, unless it can be freed now. */
  checkFree(operation: string): void {
    if (this.isLive) return
    if (this.#fate !== 'is free already') this.#assertLive(operation)
    const { description } = this.memtype
    misuse.raise(
      this.#backend,
      new MemtypeError(
        'ERR_DOUBLE_FREE',
        `${operation}: the block of memtype '${description}' is free already`,
        {
          given: description,
          actual: description,
        },
      ),
    )
  }

  /** @internal The block that takes the place of this one. */
  resized(size: number): Block {
    this.#assertLive('realloc')
    const result = this.#backend.resize(this.#handle, size)
    if (result < 0) throw systemError(result, 'realloc', `of memtype '${this.memtype.description}'`)
    this.#end('was reallocated')
    return new Block(this.#backend, this.memtype, this.#handle, size)
  }

  /** @internal Writes to its start. */
  write(bytes: Uint8Array): void {
    this.#backend.write(this.#handle, bytes)
  }

  #end(fate: string): void {
    this.#fate = fate
    this.#view = undefined
  }

  #buffer(): ArrayBuffer {
    const buffer = this.#backend.view(this.#handle)
    if (typeof buffer !== 'number') return buffer
    throw systemError(buffer, 'view', `of memtype '${this.memtype.description}'`)
  }

  #assertLive(operation: string): void {
    if (this.isLive) return
    const { description } = this.memtype
    misuse.raise(
      this.#backend,
      new MemtypeError(
        'ERR_STALE_BLOCK',
        `${operation}: the block of memtype '${description}' ${this.#fate}`,
        {
          actual: description,
        },
      ),
    )
  }
}
