import type { SafeBackend } from '../backend/memory'
import { HeddleError, systemError } from '../errors'

/** What `Safe` does for its blocks. */
export interface SafeOwner {
  readonly backend: SafeBackend
  readonly isNative: boolean
  /** ERR_SMR_THREAD unless the isolate takes part. */
  assertPart(): void
  free(block: SafeBlock): void
  viewOf(block: SafeBlock): Uint8Array
}

/**
 * A block of safe memory: freeing takes it away from everybody at once, but its bytes stay, unchanged, for whoever saw
 * them in a section that was open then. A view is no way around that: once no section of the isolate is open, the
 * views of freed blocks have length 0. (SM-01, SM-09, SM-11)
 */
export class SafeBlock implements Disposable {
  /** Bytes. */
  readonly size: number
  readonly #owner: SafeOwner
  readonly #id: number
  #view: Uint8Array | undefined

  /** @internal */
  constructor(owner: SafeOwner, id: number, size: number) {
    this.#owner = owner
    this.#id = id
    this.size = size
  }

  /**
   * A number under which any isolate of the process finds the block, `safe.open(id)`, until it is freed.
   * ERR_NATIVE_REQUIRED on the JavaScript backend. (SM-09)
   */
  get id(): number {
    if (this.#owner.isNative) return this.#id
    throw new HeddleError(
      'ERR_NATIVE_REQUIRED',
      'safe blocks of the JavaScript backend stay in their isolate',
    )
  }

  /** Whether somebody has freed it. */
  get isFreed(): boolean {
    return this.#owner.backend.size(this.#id) < 0
  }

  /**
   * The block's bytes, shared with every isolate that has it open: who writes while others read sees to the order by
   * himself. ERR_STALE_BLOCK once the block is freed, except where this isolate has the view already and a section
   * is still open. (SM-09, SM-11)
   */
  view(): Uint8Array {
    this.#owner.assertPart()
    if (this.size > 0 && this.#view !== undefined) this.#owner.backend.letGo()
    if (this.size > 0 && this.#view?.length === this.size) return this.#view
    this.#view = this.#owner.viewOf(this)
    return this.#view
  }

  /** Frees it for everybody. ERR_SMR_DOUBLE_FREE. (SM-01, SM-05) */
  free(): void {
    this.#owner.free(this)
  }

  /** Frees it unless somebody has. */
  [Symbol.dispose](): void {
    if (!this.isFreed) this.free()
  }

  /** @internal */
  get key(): number {
    return this.#id
  }
}

/** What came of asking the backend for a view. */
export function viewError(result: number): HeddleError {
  const error = systemError(result, 'view', 'of a safe block')
  return error.code === 'ENOENT'
    ? new HeddleError('ERR_STALE_BLOCK', 'view: the safe block has been freed')
    : error
}
