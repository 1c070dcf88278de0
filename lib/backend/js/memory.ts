import { totalmem } from 'node:os'
import { setImmediate } from 'node:timers'
import { type AdoptedBlock, type MemoryBackend, TotalsCell, type TypeInfo } from '../memory'
import { detach, isDetached, makeBuffer } from './detach'
import { errno } from './errno'
import { HeldAccount } from './held-account'
import { type CountedType, MemoryTypes } from './memory-types'

const ENGINE = 'javascript'

interface JsBlock {
  readonly type: number
  size: number
  /** The memory itself. */
  buffer: ArrayBuffer
  /** Somebody has a view, so there is something to detach. */
  isSeen: boolean
}

/** Typed memory in pure JavaScript: each block is an ArrayBuffer, types and accounts are the isolate's own. */
export class JsMemory implements MemoryBackend {
  readonly engines = [ENGINE]
  readonly isNative = false
  readonly #types = new MemoryTypes()
  readonly #blocks = new Map<number, JsBlock>()
  readonly #pressure: Pressure
  #lastHandle = 0
  #heard: (() => void) | undefined

  constructor() {
    this.#pressure = new Pressure(() => setImmediate(() => this.#heard?.()).unref())
  }

  engine(): string {
    return ENGINE
  }

  setEngine(name: string): number {
    return name === ENGINE ? 0 : -errno.EINVAL
  }

  setMapThreshold(_bytes: number): number {
    return -errno.ENOTSUP
  }

  setPressure(limitBytes: number, highPercent: number, goalPercent: number): number {
    return this.#pressure.set(limitBytes, highPercent, goalPercent)
  }

  pressureMarks(into: Float64Array): void {
    into.set(this.#pressure.marks)
  }

  setTypeLimit(limit: number): number {
    return this.#types.setLimit(limit)
  }

  /** Nothing is left unfreed here: the heap of the isolate goes as a whole. */
  setLeakReport(_on: boolean): void {}

  register(description: string, kind: number, size: number, align: number, fill: number): number {
    return this.#types.register(description, kind, size, align, fill)
  }

  typeCount(): number {
    return this.#types.count
  }

  type(id: number): TypeInfo | undefined {
    return this.#types.of(id)
  }

  find(description: string): number {
    return this.#types.find(description)
  }

  usage(id: number, into: Float64Array): void {
    this.#types.usage(id, into)
  }

  totals(into: Float64Array): void {
    into.fill(0)
    let live = 0
    for (const type of this.#types) live += type.live
    into[TotalsCell.LIVE] = live
    into[TotalsCell.BYTES] = this.#pressure.held
    into[TotalsCell.HELD_BYTES] = this.#pressure.held
    into[TotalsCell.RESIDENT_BYTES] = process.memoryUsage.rss()
    into[TotalsCell.PHYSICAL_BYTES] = totalmem()
  }

  allocate(id: number, size: number, zeroed: boolean): number {
    const buffer = makeBuffer(size)
    if (buffer === undefined) return -errno.ENOMEM
    const type = this.#types.of(id) as CountedType
    if (!zeroed && type.fill >= 0) new Uint8Array(buffer).fill(type.fill)
    const handle = ++this.#lastHandle
    this.#blocks.set(handle, { type: id, size, buffer, isSeen: false })
    this.#account(id, 1, size)
    return handle
  }

  resize(handle: number, size: number): number {
    const block = this.#blocks.get(handle)
    if (block === undefined) return -errno.EBADF
    const buffer = makeBuffer(size)
    if (buffer === undefined) return -errno.ENOMEM
    const { fill } = this.#types.of(block.type) as CountedType
    const bytes = new Uint8Array(buffer)
    if (fill >= 0) bytes.fill(fill)
    // What a program has carried away is not here to be copied.
    if (!isDetached(block.buffer, block.size)) bytes.set(new Uint8Array(block.buffer).subarray(0, size))
    hide(block)
    this.#account(block.type, 0, size - block.size)
    block.buffer = buffer
    block.size = size
    return 0
  }

  free(handle: number): number {
    const block = this.#blocks.get(handle)
    if (block === undefined) return -errno.EBADF
    this.#blocks.delete(handle)
    hide(block)
    this.#account(block.type, -1, -block.size)
    return 0
  }

  view(handle: number): ArrayBuffer | number {
    const block = this.#blocks.get(handle)
    if (block === undefined) return -errno.EBADF
    block.isSeen = true
    return block.buffer
  }

  write(handle: number, bytes: Uint8Array): number {
    const block = this.#blocks.get(handle)
    if (block === undefined) return -errno.EBADF
    new Uint8Array(block.buffer).set(bytes)
    return 0
  }

  address(_handle: number): bigint {
    return 0n
  }

  release(_handle: number): number {
    return -errno.ENOTSUP
  }

  adopt(_token: number): AdoptedBlock | number {
    return -errno.ENOTSUP
  }

  isLow(): boolean {
    return this.#pressure.changes % 2 === 1
  }

  pressureChanges(): number {
    return this.#pressure.changes
  }

  collect(): void {}

  abort(text: string): void {
    process.stderr.write(`heddle: ${text}\n`)
    // process.abort() is for the main thread only.
    process.kill(process.pid, 'SIGABRT')
  }

  listen(heard: () => void): void {
    this.#heard = heard
  }

  /** For the rest of the backend: the account of what it holds itself of a memtype. */
  held(description: string): HeldAccount {
    const type = this.#types.find(description)
    return new HeldAccount((blocks, bytes) => this.#account(type, blocks, bytes))
  }

  /** For the rest of the backend: tells the listener, soon. */
  signal(): void {
    setImmediate(() => this.#heard?.()).unref()
  }

  #account(type: number, blocks: number, bytes: number): void {
    this.#types.account(type, blocks, bytes)
    this.#pressure.change(bytes)
  }
}

function hide(block: JsBlock): void {
  if (block.isSeen && !isDetached(block.buffer, block.size)) detach(block.buffer)
  block.isSeen = false
}

/** How much is held, against a limit with two marks. */
class Pressure {
  held = 0
  /** Low exactly when odd. */
  changes = 0
  /** As `set` last: limit, percentages of high and goal. */
  marks: readonly number[] = [0, 95, 90]
  readonly #changed: () => void
  #high = Number.POSITIVE_INFINITY
  #goal = Number.POSITIVE_INFINITY

  constructor(changed: () => void) {
    this.#changed = changed
  }

  set(limitBytes: number, highPercent: number, goalPercent: number): number {
    if (highPercent > 100 || goalPercent > highPercent) return -errno.EINVAL
    this.marks = [limitBytes, highPercent, goalPercent]
    const limit = limitBytes === 0 ? Number.POSITIVE_INFINITY : limitBytes
    this.#high = (limit * highPercent) / 100
    // Equal marks would make a level both.
    this.#goal = Math.min((limit * goalPercent) / 100, this.#high - 1)
    if (limitBytes === 0) this.#goal = Number.POSITIVE_INFINITY
    this.change(0)
    return 0
  }

  change(bytes: number): void {
    this.held += bytes
    const isLow = this.changes % 2 === 1
    if (isLow ? this.held > this.#goal : this.held < this.#high) return
    this.changes++
    this.#changed()
  }
}
