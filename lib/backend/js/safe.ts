import { setImmediate, setTimeout } from 'node:timers'
import { SafeCell, type SafeBackend } from '../memory'
import { detach, isDetached, makeBuffer } from './detach'
import { errno } from './errno'

const COLLECT_MS = 500
const HIGH_WATER_BYTES = 4 << 20

interface JsSafeBlock {
  readonly id: number
  readonly size: number
  readonly buffer: ArrayBuffer
  readonly notify: boolean
  /** Somebody has a view, so there is something to detach. */
  isSeen: boolean
}

/**
 * Safe memory of one isolate in pure JavaScript: what is freed while a section is open is kept until none is. Ids
 * mean nothing elsewhere.
 */
export class JsSafe implements SafeBackend {
  readonly #signal: () => void
  readonly #blocks = new Map<number, JsSafeBlock>()
  /** Freed in this order, not reclaimed. */
  #pending: JsSafeBlock[] = []
  /** Freed, and still to be seen. */
  #due: JsSafeBlock[] = []
  readonly #reclaimed: JsSafeBlock[] = []
  #taken: JsSafeBlock | undefined
  /** Levels of each section; 0 is the isolate's own. */
  readonly #levels = new Map<number, number>([[0, 0]])
  #current = 0
  #lastSection = 0
  #lastId = 0
  #allocations = 0
  #requested = 0
  /** Of those requested, taken from the list; completed ones have ended as well. */
  #collected = 0
  #completed = 0
  #bytesPending = 0
  #cycles = 0
  #highWaters = 0
  #highWater = HIGH_WATER_BYTES
  #isAsynch = true
  #timer: NodeJS.Timeout | undefined

  /** `signal`: tell the isolate, soon, that something is to be taken. */
  constructor(signal: () => void) {
    this.#signal = signal
  }

  allocate(size: number, _zeroed: boolean, notify: boolean): number {
    const buffer = makeBuffer(size)
    if (buffer === undefined) return -errno.ENOMEM
    const id = ++this.#lastId
    this.#blocks.set(id, { id, size, buffer, notify, isSeen: false })
    this.#allocations++
    return id
  }

  size(id: number): number {
    return this.#blocks.get(id)?.size ?? -errno.ENOENT
  }

  free(id: number): number {
    const block = this.#blocks.get(id)
    if (block === undefined) return -errno.ENOENT
    this.#blocks.delete(id)
    this.#pending.push(block)
    if (block.isSeen) this.#due.push(block)
    this.#requested++
    const before = this.#bytesPending
    this.#bytesPending += block.size
    this.letGo()
    if (before < this.#highWater && this.#bytesPending >= this.#highWater) this.#hurry()
    this.#schedule()
    return 0
  }

  view(id: number): ArrayBuffer | number {
    const block = this.#blocks.get(id)
    if (block === undefined) return -errno.ENOENT
    block.isSeen = true
    return block.buffer
  }

  write(id: number, bytes: Uint8Array): number {
    const block = this.#blocks.get(id)
    if (block === undefined) return -errno.ENOENT
    new Uint8Array(block.buffer).set(bytes)
    return 0
  }

  enter(): void {
    this.#levels.set(this.#current, (this.#levels.get(this.#current) as number) + 1)
  }

  leave(): number {
    const levels = this.#levels.get(this.#current) as number
    if (levels === 0) return -errno.EPERM
    this.#levels.set(this.#current, levels - 1)
    if (levels === 1) this.letGo()
    return 0
  }

  inSection(): boolean {
    return (this.#levels.get(this.#current) as number) > 0
  }

  makeSection(): number {
    this.#levels.set(++this.#lastSection, 0)
    return this.#lastSection
  }

  swap(section: number): number {
    if (!this.#levels.has(section)) return -errno.EBADF
    const before = this.#current
    this.#current = section
    return before
  }

  dropSection(section: number): number {
    const levels = this.#levels.get(section)
    if (levels === undefined || section === 0) return -errno.EBADF
    if (section === this.#current) return -errno.EBUSY
    this.#levels.delete(section)
    this.letGo()
    return levels
  }

  maintainTry(): number {
    if (this.#pending.length === 0) return 0
    if (!this.#isQuiet()) return -1
    this.letGo()
    const reclaimed = this.#pending
    this.#pending = []
    this.#cycles++
    this.#collected += reclaimed.length
    for (const block of reclaimed) {
      if (block.notify) this.#reclaimed.push(block)
      else this.#end(block)
    }
    if (this.#reclaimed.length > 0) this.#signal()
    return reclaimed.length
  }

  /** They are reclaimed in the order of their frees. */
  ticket(): number {
    if (this.#isAsynch && this.#pending.length > 0) this.#soon()
    return this.#requested
  }

  past(ticket: number): boolean {
    return this.#collected >= ticket
  }

  letGo(): void {
    if (this.#due.length === 0 || !this.#isQuiet()) return
    for (const { buffer, size } of this.#due) if (!isDetached(buffer, size)) detach(buffer)
    this.#due = []
  }

  takeReclaimed(): number {
    if (this.#taken !== undefined) this.#end(this.#taken)
    this.#taken = this.#reclaimed.shift()
    return this.#taken?.id ?? 0
  }

  stats(into: Float64Array): void {
    into.fill(0)
    into[SafeCell.ALLOCATIONS] = this.#allocations
    into[SafeCell.REQUESTED] = this.#requested
    into[SafeCell.COMPLETED] = this.#completed
    into[SafeCell.BYTES_PENDING] = this.#bytesPending
    into[SafeCell.CYCLES] = this.#cycles
    into[SafeCell.HIGH_WATERS] = this.#highWaters
    into[SafeCell.EPOCH] = this.#cycles
    into[SafeCell.THREADS] = 1
    into[SafeCell.BACKLOG_BYTES] = this.#bytesPending
  }

  setAsynch(on: boolean): number {
    this.#isAsynch = on
    if (!on) clearTimeout(this.#timer)
    if (!on) this.#timer = undefined
    this.#schedule()
    return 0
  }

  setHighWater(bytes: number): void {
    this.#highWater = bytes
  }

  #isQuiet(): boolean {
    for (const levels of this.#levels.values()) if (levels > 0) return false
    return true
  }

  #end(block: JsSafeBlock): void {
    this.#completed++
    this.#bytesPending -= block.size
  }

  #hurry(): void {
    this.#highWaters++
    if (this.#isAsynch) this.#soon()
  }

  #soon(): void {
    setImmediate(() => this.#collect()).unref()
  }

  #collect(): void {
    this.#timer = undefined
    this.maintainTry()
    this.#schedule()
  }

  #schedule(): void {
    if (!this.#isAsynch || this.#pending.length === 0) return
    this.#timer ??= setTimeout(() => this.#collect(), COLLECT_MS).unref()
  }
}
