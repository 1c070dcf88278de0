import type { JobOrder } from './job'

/** A function by name, with the number that the sender knows it by. */
export interface TargetName {
  readonly id: number
  readonly module: string
  readonly name: string
}

/** A job that a worker submits to the queue it serves. Times count from the epoch: isolates have clocks of their own. */
export interface FarJob extends Readonly<JobOrder> {
  /** Number of the job that waits for it (`Up.HOLD` names one), or -1. */
  readonly parent: number
}

/** What crosses a link in one message: records of words, with the bytes and blocks that they name. */
export interface Parcel {
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly blocks: readonly SharedArrayBuffer[]
  /** Of numbers that were not used on this link before. */
  readonly targets: readonly TargetName[]
  /** Before the records. */
  readonly jobs: readonly FarJob[]
}

/** The first message from the host, which is there when the worker looks. */
export interface Hello {
  readonly queue: number
  readonly worker: number
  /** Cells of the queue's `Room`. */
  readonly room: Int32Array
}

/** The first message from the worker. */
export interface Serving {
  readonly claims: Int32Array
  /** When its clock began, by the epoch: see `BEGINS`. */
  readonly origin: number
}

/** Records from the host to a worker. Word 0 is `kind | words << 8`, as in the port. */
export const Down = {
  /** run, target, cleanup, flags, offset or block, length, subqueueLow, subqueueHigh */
  RUN: 1,
  /** run */
  SIGNAL: 2,
  LEAVE: 3,
  /** handle, outcome, flags, offset or block, length, number of the job if it wants DELIVERED, or 0 */
  DONE: 4,
} as const

/** Records from a worker to the host. */
export const Up = {
  /** run, outcome, flags, offset or block, length, microseconds that it ran */
  RESULT: 1,
  /** 1: what it runs waits for something. */
  OCCUPIED: 2,
  /** handle, stop */
  REMOVE: 3,
  /** handle: the completion of a job of FarJob has run. */
  COMPLETED: 4,
  /** number: a job without completion has been told. */
  DELIVERED: 5,
  /** hold, run: something that this isolate has submitted elsewhere depends on the job. */
  HOLD: 6,
  /** hold */
  RELEASE: 7,
} as const

const NO_BYTES = new Uint8Array(0)

/** Puts a parcel together. */
export class ParcelWriter {
  #words: number[] = []
  #chunks: Uint8Array[] = []
  #length = 0
  #blocks: SharedArrayBuffer[] = []
  #targets: TargetName[] = []
  #jobs: FarJob[] = []
  readonly #told = new Set<number>()

  record(kind: number, ...words: readonly number[]): void {
    this.#words.push(kind | ((words.length + 1) << 8), ...words)
  }

  /** The offset of the bytes; they are read when the parcel is taken. */
  put(bytes: Uint8Array): number {
    const offset = this.#length
    if (bytes.length === 0) return offset
    this.#chunks.push(bytes)
    this.#length += bytes.length
    return offset
  }

  /** The place of the block. */
  putBlock(block: SharedArrayBuffer): number {
    return this.#blocks.push(block) - 1
  }

  /** Says once what a number stands for. */
  name(id: number, of: (id: number) => { module: string; name: string } | undefined): void {
    if (id === 0 || this.#told.has(id)) return
    this.#told.add(id)
    const target = of(id)
    if (target !== undefined) this.#targets.push({ id, ...target })
  }

  job(job: FarJob): void {
    this.#jobs.push(job)
  }

  /** What there is to send; undefined: nothing. */
  take(): Parcel | undefined {
    if (this.#words.length === 0 && this.#jobs.length === 0) return undefined
    const parcel: Parcel = {
      words: Int32Array.from(this.#words),
      bytes: this.#joined(),
      blocks: this.#blocks,
      targets: this.#targets,
      jobs: this.#jobs,
    }
    this.#words = []
    this.#chunks = []
    this.#length = 0
    this.#blocks = []
    this.#targets = []
    this.#jobs = []
    return parcel
  }

  #joined(): Uint8Array {
    if (this.#chunks.length === 0) return NO_BYTES
    const bytes = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return bytes
  }
}

/** Calls for each record of a parcel: its kind, and the position of its word 0. */
export function eachRecord(words: Int32Array, call: (kind: number, at: number) => void): void {
  for (let at = 0; at < words.length; ) {
    const head = words[at] as number
    call(head & 0xff, at)
    at += Math.max(1, head >>> 8)
  }
}
