import { setTimeout as sleep } from 'node:timers/promises'
import { invalid } from '../arguments'
import type { Backend } from '../backend/backend'
import { SAFE_CELLS, type SafeBackend, SafeCell } from '../backend/memory'
import { HeddleError, systemError } from '../errors'
import { misuse, SmrError } from './memory-error'
import { checkProduct, checkSize } from './memtypes'
import { SafeBlock, type SafeOwner, viewError } from './safe-block'
import { CoroutineSection, type Section, Sections } from './section'
import { onSignal } from './signals'

/** Options of safe allocations. */
export interface SafeOptions {
  /**
   * Runs once, on the isolate that allocated, right before the memory is released; the block can be seen by nobody
   * then. If that isolate has ended, the memory is released all the same. (SM-04)
   */
  readonly onReclaim?: () => void
}

/** How hard `maintain` tries: not at all, what can be had now, everything freed so far, the same but without waiting. */
export type MaintainMode = 'none' | 'try' | 'barrier' | 'barrier-asynch'

/** Counters of safe memory; of the process on the native backend. (SM-08) */
export interface SmrStats {
  /** Safe blocks ever allocated. */
  readonly allocations: number
  /** Never below `freesCompleted`; equal when nothing is pending. */
  readonly freesRequested: number
  readonly freesCompleted: number
  /** In blocks that are freed and not released. */
  readonly bytesPending: number
  /** Grace periods of the collector, which other shared structures use as well. */
  readonly cycles: number
  /** Times that pending bytes passed the high-water mark. (SM-12) */
  readonly highWaters: number
  /** Threads that take part. */
  readonly threads: number
}

const MODES: readonly MaintainMode[] = ['none', 'try', 'barrier', 'barrier-asynch']
/** Between two looks of a barrier: soon at first. */
const MAX_WAIT_MS = 8

/**
 * Safe memory: blocks that several isolates read without a lock. Freeing one never pulls it from under a reader: it is
 * reclaimed only after all sections have ended that were open at that moment. Every callback of a loop is in a
 * section; elsewhere open one.
 *
 * It is no silver bullet: what a callback keeps beyond its end is gone by then, and says so (ERR_STALE_BLOCK).
 *
 * Thread rule: any isolate; blocks are shared by id on the native backend. Use after `finiThread`: ERR_SMR_THREAD.
 */
export class Safe {
  readonly #select: () => Backend
  #made: SafeState | undefined
  #isPart = true

  /** @internal */
  constructor(select: () => Backend) {
    this.#select = select
  }

  /** `size` bytes, 0 included; contents unspecified. ENOMEM, EINVAL. (SM-01, SM-04) */
  alloc(size: number, options: SafeOptions = {}): SafeBlock {
    return this.#state.allocate(checkSize('alloc', size), false, options)
  }

  /** `count` times `size` zeroes. ERANGE when the product is no size, ENOMEM. (SM-04) */
  calloc(count: number, size: number, options: SafeOptions = {}): SafeBlock {
    return this.#state.allocate(checkProduct('calloc', count, size), true, options)
  }

  /** The bytes of a text in UTF-8, without a NUL. ENOMEM. (SM-04) */
  fromString(text: string, options: SafeOptions = {}): SafeBlock {
    if (typeof text !== 'string') throw invalid('fromString takes', 'a string', text)
    return this.from(new TextEncoder().encode(text), options)
  }

  /** A copy of bytes. ENOMEM. (SM-04) */
  from(bytes: Uint8Array, options: SafeOptions = {}): SafeBlock {
    if (!(bytes instanceof Uint8Array)) throw invalid('from takes', 'bytes', bytes)
    const block = this.#state.allocate(bytes.length, false, options)
    this.#state.backend.write(block.key, bytes)
    return block
  }

  /** The block of an id, from whichever isolate. ERR_STALE_BLOCK: freed, or never was. ERR_NATIVE_REQUIRED. (SM-09) */
  open(id: number): SafeBlock {
    return this.#state.open(id)
  }

  /**
   * Frees a block for everybody. ERR_SMR_DOUBLE_FREE: somebody did. ERR_SMR_CORRUPT: it is no safe block. Nothing
   * happens for null and undefined. (SM-01, SM-05)
   */
  free(block: SafeBlock | null | undefined): void {
    const state = this.#state
    if (block === null || block === undefined) return
    state.free(block)
  }

  /** Opens a level of the current section; `using` or `end` ends it. (SM-02) */
  section(): Section {
    return this.#state.sections.begin()
  }

  /** True while a level of the current section is open, as in every callback of a loop. (SM-02) */
  inSection(): boolean {
    return this.#state.backend.inSection()
  }

  /** A section of its own for `withSection`. ENOMEM. (SM-13) */
  makeSection(): CoroutineSection {
    return this.#state.sections.make()
  }

  /**
   * Runs `run` with another section in the place of the current one, until it returns: of an async function up to its
   * first await. ERR_CLOSED. (SM-13)
   */
  withSection<T>(section: CoroutineSection, run: () => T): T {
    if (!(section instanceof CoroutineSection))
      throw invalid('withSection takes', 'a section of makeSection', section)
    if (typeof run !== 'function') throw invalid('withSection takes', 'a function', run)
    return this.#state.sections.during(section.handle, run)
  }

  /** Makes the isolate take part, as it does from the start. False: it did already. (SM-03) */
  initThread(): boolean {
    if (this.#isPart) return false
    this.#isPart = true
    return true
  }

  /**
   * The isolate takes part no longer: every other call fails with ERR_SMR_THREAD until `initThread`. What it has freed is
   * left to the collector, nothing is lost. False: it had left already. ERR_SMR_UNBALANCED inside a section. (SM-03)
   */
  finiThread(): boolean {
    if (!this.#isPart) return false
    const { backend } = this.#state
    if (backend.inSection()) throw new SmrError('ERR_SMR_UNBALANCED', 'the isolate is in a section')
    backend.letGo()
    this.#isPart = false
    return true
  }

  /**
   * Reclaims, and resolves to how many safe blocks were released meanwhile. `try`: what can be had now, -1 when
   * something is pending and a section is in the way. `barrier`: waits until everything freed before is reclaimed,
   * except for what views of other isolates still hold; inside a section 0 at once. `barrier-asynch`: has it done,
   * 0 at once. (SM-06)
   */
  async maintain(mode: MaintainMode = 'try'): Promise<number> {
    if (!MODES.includes(mode)) throw invalid('maintain takes', `one of ${MODES.join(', ')}`, mode)
    const state = this.#state
    switch (mode) {
      case 'none':
        return 0
      case 'try':
        return state.maintainTry()
      case 'barrier':
        return state.maintainBarrier()
      case 'barrier-asynch':
        state.backend.ticket()
        return 0
    }
  }

  /** (SM-08) */
  stats(): SmrStats {
    return this.#state.stats()
  }

  get #state(): SafeState {
    this.#made ??= new SafeState(this.#select(), () => this.#assertPart())
    this.#assertPart()
    return this.#made
  }

  #assertPart(): void {
    if (!this.#isPart)
      throw new SmrError('ERR_SMR_THREAD', 'this isolate has left safe memory: safe.finiThread()')
  }
}

/** What there is behind `Safe` once it is used. */
class SafeState implements SafeOwner {
  readonly backend: SafeBackend
  readonly isNative: boolean
  readonly sections: Sections
  readonly assertPart: () => void
  readonly #backend: Backend
  readonly #onReclaim = new Map<number, () => void>()
  readonly #views = new Views()
  readonly #cells = new Float64Array(SAFE_CELLS)

  constructor(backend: Backend, assertPart: () => void) {
    this.#backend = backend
    this.backend = backend.safe
    this.isNative = backend.memory.isNative
    this.sections = new Sections(backend.safe)
    this.assertPart = assertPart
    onSignal(backend, () => this.#reclaimed())
  }

  allocate(size: number, zeroed: boolean, { onReclaim }: SafeOptions): SafeBlock {
    if (onReclaim !== undefined && typeof onReclaim !== 'function') {
      throw invalid('onReclaim', 'is a function', onReclaim)
    }
    this.backend.letGo()
    const id = this.backend.allocate(size, zeroed, onReclaim !== undefined)
    if (id < 0) throw systemError(id, 'alloc', `${size} bytes of safe memory`)
    if (onReclaim !== undefined) this.#onReclaim.set(id, onReclaim)
    return new SafeBlock(this, id, size)
  }

  open(id: number): SafeBlock {
    if (!this.isNative) {
      throw new HeddleError(
        'ERR_NATIVE_REQUIRED',
        'safe blocks of the JavaScript backend stay in their isolate',
      )
    }
    if (!Number.isSafeInteger(id) || id < 1) throw invalid('open takes', 'the id of a block', id)
    this.backend.letGo()
    const size = this.backend.size(id)
    if (size < 0) throw new HeddleError('ERR_STALE_BLOCK', `open: no safe block has the id ${id}`)
    return new SafeBlock(this, id, size)
  }

  free(block: SafeBlock): void {
    this.assertPart()
    if (!(block instanceof SafeBlock)) {
      misuse.raise(this.#backend.memory, new SmrError('ERR_SMR_CORRUPT', 'free: this is no safe block'))
    }
    if (this.backend.free(block.key) >= 0) return
    misuse.raise(
      this.#backend.memory,
      new SmrError('ERR_SMR_DOUBLE_FREE', 'free: the safe block is free already'),
    )
  }

  viewOf({ key, size }: SafeBlock): Uint8Array {
    this.backend.letGo()
    const known = this.#views.get(key, size)
    if (known !== undefined) return known
    const buffer = this.backend.view(key)
    if (typeof buffer === 'number') throw viewError(buffer)
    if (buffer.byteLength === size) return this.#views.add(key, new Uint8Array(buffer))
    throw new HeddleError('ERR_STALE_BLOCK', "view: the buffer of the block's view was transferred elsewhere")
  }

  maintainTry(): number {
    this.backend.letGo()
    const before = this.#completed()
    const result = this.backend.maintainTry()
    this.#reclaimed()
    const count = this.#completed() - before
    return count === 0 && result < 0 ? -1 : count
  }

  async maintainBarrier(): Promise<number> {
    if (this.backend.inSection()) return 0
    this.backend.letGo()
    const before = this.#completed()
    const ticket = this.backend.ticket()
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
      this.backend.maintainTry()
      if (this.backend.past(ticket)) break
      await sleep(waitMs)
    }
    this.backend.letGo()
    this.#reclaimed()
    return this.#completed() - before
  }

  stats(): SmrStats {
    this.backend.stats(this.#cells)
    const cell = (index: number): number => this.#cells[index] as number
    return {
      allocations: cell(SafeCell.ALLOCATIONS),
      freesRequested: cell(SafeCell.REQUESTED),
      freesCompleted: cell(SafeCell.COMPLETED),
      bytesPending: cell(SafeCell.BYTES_PENDING),
      cycles: cell(SafeCell.CYCLES),
      highWaters: cell(SafeCell.HIGH_WATERS),
      threads: cell(SafeCell.THREADS),
    }
  }

  #completed(): number {
    this.backend.stats(this.#cells)
    return this.#cells[SafeCell.COMPLETED] as number
  }

  /** Ends the blocks whose end somebody here wanted to hear of. */
  #reclaimed(): void {
    for (let id = this.backend.takeReclaimed(); id !== 0; id = this.backend.takeReclaimed()) {
      const onReclaim = this.#onReclaim.get(id)
      this.#onReclaim.delete(id)
      try {
        onReclaim?.()
      } catch (error) {
        this.#backend.uncaught(error)
      }
    }
  }
}

/** One view a block, whoever in this isolate opens it. Those that have been detached are swept now and then. */
class Views {
  readonly #known = new Map<number, Uint8Array>()
  #sweepAt = 1024

  get(id: number, size: number): Uint8Array | undefined {
    const view = this.#known.get(id)
    return view !== undefined && size > 0 && view.length === size ? view : undefined
  }

  add(id: number, view: Uint8Array): Uint8Array {
    if (view.length === 0) return view
    this.#known.set(id, view)
    if (this.#known.size >= this.#sweepAt) this.#sweep()
    return view
  }

  #sweep(): void {
    for (const [id, view] of this.#known) if (view.length === 0) this.#known.delete(id)
    this.#sweepAt = Math.max(1024, this.#known.size * 2)
  }
}
