import { HeddleError } from '../errors'
import type { Backend, Engine, EngineOptions } from './backend'
import { Meter } from './meter'
import { CLOCK_CELLS, CONTROL_WORDS, Clock, Control } from './protocol'

/** Reads one record that starts at word `at` of the inbox. */
export type RecordHandler = (at: number) => void

const INBOX_WORDS = 1 << 15
const OUTBOX_WORDS = 1 << 15
/**
 * Room for 32 reads of 16 KiB, which stays in a second-level cache with what the kernel copies it from. Twice as much
 * served 64 busy connections in one pass, for 0.93 of the C reference's rate instead of 0.97 to 1.0; half as much served
 * too few, for 0.88. Pages that no read reached are not backed by memory.
 */
const RECV_BYTES = 1 << 19
const SEND_BYTES = 1 << 18

/** Blocks of this size and more are written by reference instead of being copied into the send slab. */
export const BLOCK_BYTES = 16384

/** Words that no record with bytes exceeds: its bytes are reserved first, and must not be flushed away when it begins. */
const LONGEST_RECORD = 32

/**
 * Node drains nextTick and promise jobs between two callbacks of its own; this is the call it uses. Between the
 * records of a batch we do the same, so that a batch looks to the user like so many callbacks.
 */
const drainJobs: () => void =
  (process as unknown as { _tickCallback?: () => void })._tickCallback ?? (() => {})

const ignore: RecordHandler = () => {}

/**
 * The one crossing between a loop and this isolate: two rings and two slabs that only this thread touches.
 *
 * Subsystems register a handler per record kind, and append records with `begin` and the typed arrays. Nothing
 * here allocates per event.
 */
export class Port {
  readonly inbox: Int32Array
  readonly recv: Buffer
  readonly outbox: Int32Array
  readonly send: Buffer
  readonly control: Int32Array
  readonly clock: Float64Array
  readonly backend: Backend
  readonly engine: Engine
  /** Counts dispatches, so that a view handed to a callback can be recognised as stale. */
  batch = 0
  /** Called when the records of a batch have been read. */
  afterBatch: (() => void) | undefined
  /** Counts what is dispatched. */
  meter = new Meter()
  /** The record under dispatch and the end of its batch, words; equal outside a dispatch. */
  #at = 0
  #end = 0
  readonly #handlers: RecordHandler[] = new Array(256).fill(ignore)
  readonly #scratch = new Float64Array(1)
  readonly #scratchWords = new Int32Array(this.#scratch.buffer)

  constructor(backend: Backend, options: EngineOptions) {
    this.backend = backend
    this.inbox = new Int32Array(INBOX_WORDS)
    this.outbox = new Int32Array(OUTBOX_WORDS)
    this.recv = Buffer.from(new ArrayBuffer(RECV_BYTES))
    this.send = Buffer.from(new ArrayBuffer(SEND_BYTES))
    this.control = new Int32Array(CONTROL_WORDS)
    this.clock = new Float64Array(CLOCK_CELLS)
    this.clock[Clock.STARTED] = -1
    try {
      this.engine = backend.createEngine(this, options, (words) => this.#dispatch(words))
    } catch (error) {
      throw typed(error)
    }
  }

  /** Time of the pass, loop milliseconds (the scale of `performance.now()`). */
  get now(): number {
    return this.clock[Clock.NOW] as number
  }

  /** Registers the reader of one record kind. One reader a kind. */
  handle(kind: number, handler: RecordHandler): void {
    this.#handlers[kind] = handler
  }

  /**
   * Reserves a record of `words` words in the outbox, writes word 0 and returns its position. The caller fills
   * words 1 to words - 1 before anything else is appended.
   */
  begin(kind: number, words: number): number {
    const control = this.control
    let at = control[Control.OUT_WORDS] as number
    if (at + words > OUTBOX_WORDS) {
      this.#makeRoom()
      at = 0
    }
    control[Control.OUT_WORDS] = at + words
    this.outbox[at] = kind | (words << 8)
    return at
  }

  /** A record of one argument. */
  push1(kind: number, a: number): void {
    const at = this.begin(kind, 2)
    this.outbox[at + 1] = a
  }

  /** A record of two arguments. */
  push2(kind: number, a: number, b: number): void {
    const at = this.begin(kind, 3)
    this.outbox[at + 1] = a
    this.outbox[at + 2] = b
  }

  /** A record of a handle and a double. */
  pushDouble(kind: number, handle: number, value: number): void {
    const at = this.begin(kind, 4)
    this.#scratch[0] = value
    this.outbox[at + 1] = handle
    this.outbox[at + 2] = this.#scratchWords[0] as number
    this.outbox[at + 3] = this.#scratchWords[1] as number
  }

  /**
   * Makes room for `bytes` (at most SEND_BYTES) in the send slab and returns the offset; the outbox is applied
   * first if they do not fit. The caller advances `control[SEND_BYTES]` by what it wrote, then appends the record
   * that names them: reserve bytes first, then begin the record.
   */
  reserve(bytes: number): number {
    const used = this.control[Control.SEND_BYTES] as number
    if (
      used + bytes <= SEND_BYTES &&
      (this.control[Control.OUT_WORDS] as number) + LONGEST_RECORD <= OUTBOX_WORDS
    )
      return used
    this.#makeRoom()
    return 0
  }

  /** A loop with a thread of its own need not be waited for. */
  #makeRoom(): void {
    const { engine } = this
    if (engine.handOver === undefined) engine.flush()
    else engine.handOver()
  }

  /** Reports an exception thrown by a user's callback as an uncaught one; the batch goes on. */
  uncaught(error: unknown): void {
    this.backend.uncaught(error)
  }

  /**
   * Takes a record about a handle out of the batch under dispatch, before its turn: its position, or -1 where none is to
   * come. What was asked for and is not wanted any more may have been answered already.
   */
  takeAhead(kind: number, handle: number): number {
    const inbox = this.inbox
    let at = this.#at
    while (at < this.#end) {
      const head = inbox[at] as number
      if ((head & 0xff) === kind && inbox[at + 1] === handle && at > this.#at) {
        inbox[at + 1] = 0
        return at
      }
      at += head >>> 8
    }
    return -1
  }

  #dispatch(words: number): void {
    const inbox = this.inbox
    const handlers = this.#handlers
    this.batch++
    this.#end = words
    const began = performance.now()
    let records = 0
    let at = 0
    while (at < words) {
      const head = inbox[at] as number
      this.#at = at
      records++
      try {
        ;(handlers[head & 0xff] as RecordHandler)(at)
        drainJobs()
      } catch (error) {
        this.backend.uncaught(error)
      }
      at += head >>> 8
    }
    this.#at = 0
    this.#end = 0
    this.afterBatch?.()
    this.#measured(records, began)
  }

  #measured(records: number, began: number): void {
    const control = this.control
    const passes = control[Control.PASSES] as number
    this.meter.dispatched(records, performance.now() - began, passes, control[Control.WAITS] as number)
  }
}

/** What there is one of a port: made when it is first asked for. */
export function onePerPort<T extends object>(make: (port: Port) => T): (port: Port) => T {
  const known = new WeakMap<Port, T>()
  return (port) => {
    const found = known.get(port)
    if (found !== undefined) return found
    const one = make(port)
    known.set(port, one)
    return one
  }
}

/** The addon knows plain errors with a code only, such as EMFILE without a descriptor for the multiplexer. */
function typed(error: unknown): unknown {
  if (error instanceof HeddleError || !(error instanceof Error)) return error
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined ? error : new HeddleError(code, `${code}: ${message}`, { cause: error })
}
