import { checkOptions, flag, invalid, shown } from '../arguments'
import type { Backend } from '../backend/backend'
import { MARK_CELLS, MarkCell, type MemoryBackend } from '../backend/memory'
import { HeddleError, checkResult } from '../errors'
import { type MisusePolicy, misuse } from './memory-error'
import { onSignal } from './signals'

/** Settings of memory. All but `policy` hold for the process on the native backend. An unknown one warns. */
export interface MemoryOptions {
  /**
   * The allocator behind memtypes, before anything is allocated: 'slab' (Heddle's) or 'system' (malloc). The
   * environment variable HEDDLE_ALLOCATOR does the same. EINVAL names the choices, ERR_TOO_LATE. (MT-16)
   */
  readonly allocator?: string
  /**
   * vsize blocks of so many bytes and more are mapped one by one and go back to the system when freed: a number,
   * 'auto' (128 KiB), or 0, the default: only those too large for anything else. ERR_NATIVE_REQUIRED. (MT-13)
   */
  readonly mmapThreshold?: number | 'auto'
  /** What memtypes may hold before memory counts as low at all; 0 (the default): never. Bytes. (MT-14) */
  readonly limitBytes?: number
  /** Low from this percentage of the limit on. Default 95. (MT-14) */
  readonly highWater?: number
  /** Until it has fallen to this percentage. Default 90. (MT-14) */
  readonly goal?: number
  /** Misuse of typed memory by this isolate throws (the default) or ends the process by SIGABRT. (MT-07) */
  readonly policy?: MisusePolicy
  /** How many memtypes may exist, at most 512. EINVAL below what there is. (MT-03) */
  readonly maxTypes?: number
  /** Tells on stderr how many blocks an isolate had not freed when it ended. Default false. */
  readonly leakReport?: boolean
  readonly smr?: SmrOptions
}

/** How safe memory is reclaimed. */
export interface SmrOptions {
  /** A thread collects in the background (the default). Without it only `safe.maintain` does. (SM-07) */
  readonly asynch?: boolean
  /** Pending bytes from which on it collects at once. Default 4 MiB. (SM-12) */
  readonly highWater?: number
}

/** What `pressure` listeners are told. (MT-14) */
export interface Pressure {
  /** Memory has become low, or is so no longer. */
  readonly low: boolean
}

/** Hears of each change of `isLow` once. */
export type PressureListener = (pressure: Pressure) => void

const OPTIONS: Record<keyof MemoryOptions, true> = {
  allocator: true,
  mmapThreshold: true,
  limitBytes: true,
  highWater: true,
  goal: true,
  policy: true,
  maxTypes: true,
  leakReport: true,
  smr: true,
}
const SMR_OPTIONS: Record<keyof SmrOptions, true> = { asynch: true, highWater: true }
const AUTO_THRESHOLD = 128 * 1024

/** Settings of memory, and its pressure. Thread rule: listeners run on the isolate that added them. */
export class Memory {
  readonly #select: () => Backend
  readonly #listeners = new Map<PressureListener, { readonly once: boolean }>()
  #heard = 0
  #isListening = false

  /** @internal */
  constructor(select: () => Backend) {
    this.#select = select
  }

  /** Changes settings; what is left out stays. Nothing has changed when it throws for a value out of range. */
  configure(options: MemoryOptions): void {
    checkOptions('memory.configure', options, new Set(Object.keys(OPTIONS)), "{ policy: 'abort' }")
    const backend = this.#select()
    const { memory } = backend
    const marks = checkedMarks(memory, options)
    const { policy, smr, maxTypes, leakReport } = options
    if (policy !== undefined && policy !== 'throw' && policy !== 'abort') {
      throw invalid('policy', "is 'throw' or 'abort'", policy)
    }
    const threshold = checkedThreshold(options.mmapThreshold)
    if (smr !== undefined) checkSmr(smr)
    if (maxTypes !== undefined) bytes('maxTypes', maxTypes)
    flag('leakReport', leakReport, false)
    if (options.allocator !== undefined) checkAllocator(memory, options.allocator)
    if (maxTypes !== undefined && memory.setTypeLimit(maxTypes) < 0) {
      throw invalid('maxTypes', 'is from what there is to 512', maxTypes)
    }
    if (options.allocator !== undefined) chooseAllocator(memory, options.allocator)
    if (threshold !== undefined) native(memory.setMapThreshold(threshold), 'mmapThreshold')
    if (leakReport !== undefined) memory.setLeakReport(leakReport)
    if (policy !== undefined) misuse.policy = policy
    if (smr !== undefined) configureSmr(backend, smr)
    if (marks === undefined) return
    checkResult(memory.setPressure(marks.limitBytes, marks.highWater, marks.goal), 'configure')
  }

  /** True from the moment the high-water mark is reached until the goal is. (MT-14) */
  isLow(): boolean {
    return this.#select().memory.isLow()
  }

  /**
   * Hears of each change of `isLow`, on this isolate's thread, some time after it: an isolate that is busy hears of
   * several, in order, at once. Listening does not keep the process alive. (MT-14)
   */
  on(event: 'pressure', listener: PressureListener): this {
    return this.#add(event, listener, false)
  }

  /** As `on`, for the next change only. */
  once(event: 'pressure', listener: PressureListener): this {
    return this.#add(event, listener, true)
  }

  off(event: 'pressure', listener: PressureListener): this {
    checkEvent(event, listener)
    this.#listeners.delete(listener)
    return this
  }

  #add(event: 'pressure', listener: PressureListener, once: boolean): this {
    checkEvent(event, listener)
    this.#listen()
    this.#listeners.set(listener, { once })
    return this
  }

  #listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    const backend = this.#select()
    this.#heard = backend.memory.pressureChanges()
    onSignal(backend, () => this.#hear(backend))
  }

  /** Low and not low come in turn, so their number says all. */
  #hear(backend: Backend): void {
    const changes = backend.memory.pressureChanges()
    while (this.#heard < changes) {
      this.#heard++
      const low = this.#heard % 2 === 1
      for (const [listener, { once }] of [...this.#listeners]) {
        if (once) this.#listeners.delete(listener)
        try {
          listener({ low })
        } catch (error) {
          backend.uncaught(error)
        }
      }
    }
  }
}

interface Marks {
  readonly limitBytes: number
  readonly highWater: number
  readonly goal: number
}

/** Those that are to hold: what is left out stays, whichever isolate has set it. */
function checkedMarks(
  memory: MemoryBackend,
  { limitBytes, highWater, goal }: MemoryOptions,
): Marks | undefined {
  if (limitBytes === undefined && highWater === undefined && goal === undefined) return undefined
  const now = new Float64Array(MARK_CELLS)
  memory.pressureMarks(now)
  const marks = {
    limitBytes: bytes('limitBytes', limitBytes ?? (now[MarkCell.LIMIT_BYTES] as number)),
    highWater: percent('highWater', highWater ?? (now[MarkCell.HIGH_PERCENT] as number)),
    goal: percent('goal', goal ?? (now[MarkCell.GOAL_PERCENT] as number)),
  }
  if (marks.goal > marks.highWater)
    throw invalid('goal', `is at most highWater (${marks.highWater})`, marks.goal)
  return marks
}

function checkAllocator({ engines, isNative }: MemoryBackend, name: string): void {
  if (engines.includes(name)) return
  const choices = engines.join(', ')
  if (!isNative && NATIVE_ENGINES.includes(name)) {
    throw new HeddleError(
      'ERR_NATIVE_REQUIRED',
      `allocator '${name}' needs the native backend; here: ${choices}`,
    )
  }
  throw new HeddleError('EINVAL', `allocator is one of ${choices}, not ${shown(name)}`)
}

function chooseAllocator(memory: MemoryBackend, name: string): void {
  if (memory.setEngine(name) >= 0) return
  throw new HeddleError(
    'ERR_TOO_LATE',
    `allocator '${name}': memory was allocated already by '${memory.engine()}'`,
  )
}
const NATIVE_ENGINES = ['slab', 'system']

function configureSmr({ safe }: Backend, { asynch, highWater }: SmrOptions): void {
  if (highWater !== undefined) safe.setHighWater(highWater)
  if (asynch !== undefined) checkResult(safe.setAsynch(asynch), 'configure', 'smr.asynch')
}

function checkSmr(smr: SmrOptions): void {
  checkOptions('memory.configure smr', smr, new Set(Object.keys(SMR_OPTIONS)), '{ asynch: false }')
  flag('smr.asynch', smr.asynch, true)
  if (smr.highWater !== undefined) bytes('smr.highWater', smr.highWater)
}

function checkedThreshold(value: number | 'auto' | undefined): number | undefined {
  if (value === undefined || value === 'auto') return value === undefined ? undefined : AUTO_THRESHOLD
  return bytes('mmapThreshold', value)
}

function bytes(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(name, 'is a whole number of 0 and more', value)
}

function percent(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 100) return value
  throw invalid(name, 'is a percentage from 0 to 100', value)
}

function native(result: number, option: string): void {
  if (result < 0) throw new HeddleError('ERR_NATIVE_REQUIRED', `${option} needs the native backend`)
}

function checkEvent(event: string, listener: unknown): void {
  if (event !== 'pressure') throw invalid('memory', "has the event 'pressure'", event)
  if (typeof listener !== 'function') throw invalid('a listener', 'is a function', listener)
}
