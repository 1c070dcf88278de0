import { JobOutcome } from '../../jobs'
import { BUILTIN_TWINS } from './builtin'
import { type NativeAnswer, asFailure, failure } from './builtin-twin'
import type { Job, JobEnd } from './job'
import type { Targets } from './targets'
import type { Thread, ThreadHost } from './thread'

const NUMBER_BYTES = 8
const ERRNO_BYTES = 4

/** A place for one asynchronous call of Node at a time, where natively there is a plain thread. */
export class NativeThread implements Thread {
  readonly id: number
  readonly jobs = new Set<Job>()
  isReady = true
  isLeaving = false
  readonly isCondemned = false
  readonly isOccupied = false
  readonly isNeeded = false
  idleSince = 0
  readonly bound: Job[] = []
  readonly room = 1
  readonly #host: ThreadHost
  readonly #targets: Targets

  constructor(id: number, host: ThreadHost, targets: Targets) {
    this.id = id
    this.#host = host
    this.#targets = targets
  }

  give(job: Job): void {
    this.jobs.add(job)
    const startedAt = performance.now()
    const over = (end: JobEnd) => {
      this.jobs.delete(job)
      this.#host.answered(this, job, end, performance.now() - startedAt)
    }
    // Not before this call returns, whatever the function does.
    void Promise.resolve()
      .then(() => this.#call(job))
      .then(success, failed)
      .then(over)
  }

  /** What Node was asked for cannot be taken back. */
  hasBegun(): boolean {
    return true
  }

  ranFor(): number {
    // It begins what it is given at once.
    return Number.POSITIVE_INFINITY
  }

  takeBack(): boolean {
    return false
  }

  /** The function looks now and then. */
  signal(job: Job): boolean {
    return this.jobs.has(job)
  }

  flush(): void {}

  leave(): void {
    queueMicrotask(() => this.#host.ended(this))
  }

  async #call(job: Job): Promise<NativeAnswer> {
    const name = this.#targets.of(job.order.target)?.name ?? ''
    const twin = BUILTIN_TWINS.get(name)
    if (twin === undefined) throw failure('ENOENT', name)
    return twin(inputOf(job), () => job.signalledAt !== 0)
  }
}

function inputOf({ order }: Job): Uint8Array {
  return order.block === undefined ? order.bytes : new Uint8Array(order.block).slice()
}

/** 8 bytes of the number, then the output. */
function success({ number, bytes }: NativeAnswer): JobEnd {
  const length = bytes?.length ?? 0
  const out = new Uint8Array(NUMBER_BYTES + length)
  new DataView(out.buffer).setFloat64(0, number, true)
  if (bytes !== undefined) out.set(bytes, NUMBER_BYTES)
  return { outcome: JobOutcome.VALUE, flags: 0, bytes: out, block: undefined }
}

/** 4 bytes of the errno, then the text. */
function failed(error: unknown): JobEnd {
  const { errno, text } = asFailure(error)
  const words = new TextEncoder().encode(text)
  const out = new Uint8Array(ERRNO_BYTES + words.length)
  new DataView(out.buffer).setInt32(0, errno, true)
  out.set(words, ERRNO_BYTES)
  return { outcome: JobOutcome.ERROR, flags: 0, bytes: out, block: undefined }
}
