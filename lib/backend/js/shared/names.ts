import { randomFillSync } from 'node:crypto'
import { errno } from '../errno'
import { createCells, MAX_CELLS } from './counter'
import { Head, MAX_SLOTS } from './layout'
import { createMemory, SharedMemory } from './memory'
import { Recovery } from './recovery'

/** What is opened by name. */
export type Wanted =
  | { readonly kind: 'map'; readonly name: string; readonly maxBytes: number; readonly ttlMs: number }
  | { readonly kind: 'counter'; readonly name: string }

/** A hold that was given: the memory and the slot in it. `id` is of the structure, for `close`. */
export interface Hold {
  readonly id: number
  readonly slot: number
  readonly buffer: SharedArrayBuffer
}

/** How often what waits for a reader is looked at again. */
const RETRY_MS = 50

/** One structure that somebody holds. */
class Entry {
  readonly id: number
  readonly wanted: Wanted
  readonly buffer: SharedArrayBuffer
  readonly #recovery: Recovery | undefined
  readonly #most: number
  /** Slot → thread. */
  readonly #holders = new Map<number, number>()
  readonly #freeSlots: number[] = []
  #slots = 1
  #timer: NodeJS.Timeout | undefined
  #isDropped = false

  constructor(id: number, wanted: Wanted, buffer: SharedArrayBuffer, recovery: Recovery | undefined) {
    this.id = id
    this.wanted = wanted
    this.buffer = buffer
    this.#recovery = recovery
    this.#most = recovery === undefined ? MAX_CELLS : MAX_SLOTS
  }

  get isHeld(): boolean {
    return this.#holders.size > 0
  }

  /** A slot for a hold of this thread, or a negative errno. */
  hold(thread: number): number {
    const slot = this.#freeSlots.pop() ?? this.#newSlot()
    if (slot < 0) return slot
    this.#holders.set(slot, thread)
    return slot
  }

  /** `isClean`: the slot may be given again at once. */
  release(slot: number, isClean: boolean): void {
    if (!this.#holders.delete(slot)) return
    if (isClean || this.#recovery === undefined) this.#freeSlots.push(slot)
    else this.#recover(this.#recovery, slot)
  }

  releaseThread(thread: number): void {
    for (const [slot, holder] of this.#holders) if (holder === thread) this.release(slot, false)
  }

  /** Nobody holds it any more: what is left to do for others need not be done. */
  drop(): void {
    this.#isDropped = true
    clearTimeout(this.#timer)
  }

  #newSlot(): number {
    if (this.#slots >= this.#most) return -errno.EMFILE
    const slot = this.#slots++
    if (this.#recovery !== undefined) Atomics.store(new Int32Array(this.buffer), Head.SLOTS_USED, this.#slots)
    return slot
  }

  #recover(recovery: Recovery, slot: number): void {
    recovery.endSection(slot)
    const steps = recovery.recover(slot)
    const step = (): void => {
      if (this.#isDropped) return
      if (!steps.next().done) return void setImmediate(step).unref()
      this.#freeSlots.push(slot)
      this.#flush(recovery)
    }
    step()
  }

  #flush(recovery: Recovery): void {
    clearTimeout(this.#timer)
    if (this.#isDropped || recovery.flush()) return
    this.#timer = setTimeout(() => this.#flush(recovery), RETRY_MS).unref()
  }
}

/**
 * The names of shared structures of the process, on its main thread: who holds what, from the first to the last. Holds
 * of a thread that has ended are given back for it.
 */
export class Names {
  readonly #byName = new Map<string, Entry>()
  readonly #byId = new Map<number, Entry>()
  /** Threads are numbered once and for all, so who has ended stays in here. */
  readonly #ended = new Set<number>()
  readonly #children = new Map<number, number[]>()
  #count = 0

  /** A hold for a thread, or a negative errno: -EINVAL for other options than those it was made with. */
  open(wanted: Wanted, thread: number): Hold | number {
    if (this.#ended.has(thread)) return -errno.ESRCH
    const key = `${wanted.kind} ${wanted.name}`
    const entry = this.#byName.get(key) ?? this.#create(key, wanted)
    if (typeof entry === 'number') return entry
    if (!isSame(entry.wanted, wanted)) return -errno.EINVAL
    const slot = entry.hold(thread)
    return slot < 0 ? slot : { id: entry.id, slot, buffer: entry.buffer }
  }

  close(id: number, slot: number, isClean: boolean): void {
    const entry = this.#byId.get(id)
    if (entry === undefined) return
    entry.release(slot, isClean)
    this.#dropUnheld(entry)
  }

  /** `parent` has started `thread`, which cannot outlive it. */
  born(thread: number, parent: number): void {
    const siblings = this.#children.get(parent)
    if (siblings === undefined) this.#children.set(parent, [thread])
    else siblings.push(thread)
  }

  ended(thread: number): void {
    if (this.#ended.has(thread)) return
    this.#ended.add(thread)
    for (const entry of this.#byId.values()) {
      entry.releaseThread(thread)
      this.#dropUnheld(entry)
    }
    const children = this.#children.get(thread) ?? []
    this.#children.delete(thread)
    for (const child of children) this.ended(child)
  }

  #create(key: string, wanted: Wanted): Entry | number {
    const id = ++this.#count
    const made = wanted.kind === 'map' ? createMap(wanted.maxBytes) : { buffer: createCells() }
    if (made === undefined) return -errno.ENOMEM
    const entry = new Entry(id, wanted, made.buffer, 'recovery' in made ? made.recovery : undefined)
    this.#byName.set(key, entry)
    this.#byId.set(id, entry)
    return entry
  }

  #dropUnheld(entry: Entry): void {
    if (entry.isHeld) return
    entry.drop()
    this.#byId.delete(entry.id)
    this.#byName.delete(`${entry.wanted.kind} ${entry.wanted.name}`)
  }
}

function createMap(maxBytes: number): { buffer: SharedArrayBuffer; recovery: Recovery } | undefined {
  const memory = createMemory(maxBytes, randomFillSync(new Int32Array(2)) as unknown as [number, number])
  if (memory === undefined) return undefined
  const recovery = new Recovery(new SharedMemory(memory.buffer))
  return recovery.begin() ? { buffer: memory.buffer, recovery } : undefined
}

function isSame(a: Wanted, b: Wanted): boolean {
  if (a.kind !== 'map' || b.kind !== 'map') return true
  return a.maxBytes === b.maxBytes && a.ttlMs === b.ttlMs
}
