import { JobFlag } from '../../jobs'
import type { Job, JobOwner } from './job'
import { Down, type ParcelWriter } from './parcel'
import type { Queue } from './queue'

/** What a worker has submitted to the queue that it serves: its end at the host. */
export class FarDesk implements JobOwner {
  readonly #writer: ParcelWriter
  readonly #flush: () => void
  readonly #queue: Queue
  readonly #jobs = new Map<number, Job>()
  readonly #completing = new Map<number, Job>()
  /** Of jobs without completion that others wait for: told, and the worker has not said that it knows. */
  readonly #told = new Map<number, Job>()
  #lastTold = 0
  #isClosed = false

  constructor(queue: Queue, writer: ParcelWriter, flush: () => void) {
    this.#queue = queue
    this.#writer = writer
    this.#flush = flush
  }

  get isEmpty(): boolean {
    return this.#jobs.size + this.#completing.size + this.#told.size === 0
  }

  submitted(job: Job): void {
    this.#jobs.set(job.order.handle, job)
  }

  remove(handle: number, stop: boolean): void {
    const job = this.#jobs.get(handle)
    if (job !== undefined) this.#queue.remove(job, stop)
  }

  deliver(job: Job): void {
    if (this.#isClosed) {
      job.completed()
      return
    }
    const { handle, flags } = job.order
    const end = job.end as NonNullable<Job['end']>
    this.#jobs.delete(handle)
    let told = 0
    if (flags & JobFlag.COMPLETES) this.#completing.set(handle, job)
    else if (job.parent !== undefined) {
      told = ++this.#lastTold
      this.#told.set(told, job)
    }
    const block = end.block === undefined ? 0 : JobFlag.BLOCK
    const place = end.block === undefined ? this.#writer.put(end.bytes) : this.#writer.putBlock(end.block)
    const length = end.block?.byteLength ?? end.bytes.length
    this.#writer.record(Down.DONE, handle, end.outcome, end.flags | block, place, length, told)
    this.#flush()
  }

  completed(handle: number): void {
    take(this.#completing, handle)?.completed()
  }

  delivered(told: number): void {
    take(this.#told, told)?.completed()
  }

  /** The worker is gone: nobody is told any more, and nobody waits for what it would have completed. */
  close(): void {
    this.#isClosed = true
    const jobs = [...this.#completing.values(), ...this.#told.values()]
    this.#completing.clear()
    this.#told.clear()
    this.#jobs.clear()
    for (const job of jobs) job.completed()
  }
}

function take(jobs: Map<number, Job>, key: number): Job | undefined {
  const job = jobs.get(key)
  jobs.delete(key)
  return job
}
