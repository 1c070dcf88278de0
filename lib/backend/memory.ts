/**
 * What lib/memory needs from an engine room: typed memory (memtypes) and safe memory (epoch reclamation). Two
 * implementations, as for the rest of `Backend`; the layer above checks arguments, kinds and owners, so an engine is
 * asked only for what makes sense.
 *
 * Calls return a non-negative number on success and a negative errno on failure. Sizes are bytes. Thread rule: an
 * isolate uses its own; what is process-wide (types, settings, ids, tokens) is said so.
 */

/** How a memtype's blocks are sized. */
export const BlockKind = { FIXED: 0, VSIZE: 1 } as const

/** A registered type. Ids are 1 to `typeCount()`; process-wide on the native backend. */
export interface TypeInfo {
  readonly description: string
  /** Of `BlockKind`. */
  readonly kind: number
  /** Of a fixed block as registered; 0 for vsize. */
  readonly size: number
  readonly align: number
  /** Byte that new memory is filled with, -1 for none. */
  readonly fill: number
}

/** Places in what `usage` writes. */
export const UsageCell = {
  LIVE: 0,
  PEAK: 1,
  TOTAL: 2,
  BYTES: 3,
  PEAK_BYTES: 4,
  MAPPED_BYTES: 5,
  CROSS_THREAD_FREES: 6,
  SLABS: 7,
  FREELIST: 8,
} as const
export const USAGE_CELLS = 9

/** Places in what `totals` writes. */
export const TotalsCell = {
  LIVE: 0,
  BYTES: 1,
  MAPPED_BYTES: 2,
  HELD_BYTES: 3,
  RESIDENT_BYTES: 4,
  PHYSICAL_BYTES: 5,
  UNCLAIMED: 6,
  ABANDONED: 7,
} as const
export const TOTALS_CELLS = 8

/** Places in what `pressureMarks` writes. */
export const MarkCell = { LIMIT_BYTES: 0, HIGH_PERCENT: 1, GOAL_PERCENT: 2 } as const
export const MARK_CELLS = 3

/** A block that came from another isolate. */
export interface AdoptedBlock {
  readonly handle: number
  readonly type: number
  readonly size: number
}

export interface MemoryBackend {
  /** Names `setEngine` takes. */
  readonly engines: readonly string[]
  /** Blocks have addresses, and can be handed to other isolates. */
  readonly isNative: boolean
  engine(): string
  /** -EINVAL: no such engine. -EBUSY: something was allocated already. */
  setEngine(name: string): number
  /** vsize blocks from this size on are mapped one by one; 0: only the largest. -ENOTSUP. */
  setMapThreshold(bytes: number): number
  /** 0: no limit. -EINVAL: percentages out of order. */
  setPressure(limitBytes: number, highPercent: number, goalPercent: number): number
  /** Writes `MARK_CELLS` numbers: what `setPressure` was given last. */
  pressureMarks(into: Float64Array): void
  /** How many types may exist. -EINVAL: fewer than there are, or more than 512. */
  setTypeLimit(limit: number): number
  /** Prints what an isolate leaves unfreed when it ends. */
  setLeakReport(on: boolean): void

  /** The id. -EINVAL: not a valid definition, or the description belongs to another. -ENOSPC: the limit is reached. */
  register(description: string, kind: number, size: number, align: number, fill: number): number
  typeCount(): number
  type(id: number): TypeInfo | undefined
  /** The id, 0 when no type has the description. */
  find(description: string): number
  /** Writes `USAGE_CELLS` numbers. */
  usage(id: number, into: Float64Array): void
  /** Writes `TOTALS_CELLS` numbers. */
  totals(into: Float64Array): void

  /** A handle of this isolate; `size` is that of the type for fixed ones. -ENOMEM. */
  allocate(type: number, size: number, zeroed: boolean): number
  /** The same handle, with the smaller of both sizes kept; a view has been detached. -ENOMEM: nothing has changed. */
  resize(handle: number, size: number): number
  /** Detaches a view. -EBADF: no block of this isolate has the handle. */
  free(handle: number): number
  /** The block's memory, one buffer until it is freed; -EBADF, -ENOTSUP. */
  view(handle: number): ArrayBuffer | number
  /** Writes to the block's start. */
  write(handle: number, bytes: Uint8Array): number
  address(handle: number): bigint
  /** Gives the block up; detaches a view. A token for `adopt`, process-wide, that works once. -ENOMEM. */
  release(handle: number): number
  /** -EBADF: the token is used, or none was. -ENOMEM. */
  adopt(token: number): AdoptedBlock | number

  isLow(): boolean
  /** Changes of `isLow` so far; it is low exactly when their number is odd. */
  pressureChanges(): number
  /** Gives unused memory back to the system. */
  collect(): void
  /** Prints the text and ends the process by SIGABRT. */
  abort(text: string): void
  /**
   * Calls this on the isolate's thread, soon and without keeping it alive, after `pressureChanges` has changed and when
   * `SafeBackend.takeReclaimed` has something.
   */
  listen(heard: () => void): void
}

/** Places in what `SafeBackend.stats` writes. */
export const SafeCell = {
  ALLOCATIONS: 0,
  REQUESTED: 1,
  COMPLETED: 2,
  BYTES_PENDING: 3,
  CYCLES: 4,
  HIGH_WATERS: 5,
  EPOCH: 6,
  THREADS: 7,
  BACKLOG_BYTES: 8,
} as const
export const SAFE_CELLS = 9

/** Safe blocks have ids, process-wide on the native backend, of this isolate on the js one. */
export interface SafeBackend {
  /** An id. With `notify` the block's end comes by `takeReclaimed`. -ENOMEM. */
  allocate(size: number, zeroed: boolean, notify: boolean): number
  /** The size, or -ENOENT: freed, or never was. */
  size(id: number): number
  /** Frees for everybody. -ENOENT: it was freed already. */
  free(id: number): number
  /**
   * The block's memory. It is detached once the block has been freed and no section of this isolate is open. A second
   * call may make another buffer. -ENOENT, -ENOMEM, -ENOTSUP.
   */
  view(id: number): ArrayBuffer | number
  write(id: number, bytes: Uint8Array): number
  /** Opens a level of the current section. */
  enter(): void
  /** Closes one; -EPERM: none is open. */
  leave(): number
  inSection(): boolean
  /** A section of its own: a handle above 0, or -ENOMEM. */
  makeSection(): number
  /** Makes it the current one (0: the isolate's own); the handle of the one before. -EBADF. */
  swap(section: number): number
  /** Levels that were open, which end now. -EBADF, -EBUSY: it is current. */
  dropSection(section: number): number
  /** Reclaims what can be had at once: how much, or -1 when there is something and nothing could be had. */
  maintainTry(): number
  /** A number for `past`; whatever collects in the background is woken. */
  ticket(): number
  /** Whether everything freed before the ticket was given is reclaimed, except for what views hold. */
  past(ticket: number): boolean
  /** Lets go of the views of freed blocks, unless a section is open. */
  letGo(): void
  /** The next block whose end this isolate asked to hear of, 0 for none. The one before is released now. */
  takeReclaimed(): number
  /** Writes `SAFE_CELLS` numbers. */
  stats(into: Float64Array): void
  /** Whether something collects in the background; process-wide. */
  setAsynch(on: boolean): number
  /** Pending bytes from which on reclaiming begins at once; process-wide. */
  setHighWater(bytes: number): void
}
