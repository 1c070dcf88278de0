import { JobFlag, JobOutcome } from '../../jobs'
import { In } from '../../protocol'
import type { Inbox } from '../inbox'
import { type Blocks, sharedCopy } from './blocks'
import type { Job, JobOwner } from './job'
import type { Queue } from './queue'
import { Smoothed } from './smoothed'

const DONE_WORDS = 6
/** Results from this size on do not go through the receive slab, whoever made them. */
const LARGE_BYTES = 1 << 16

/** A job with the queue that has it. */
export interface Submitted {
  readonly job: Job
  readonly queue: Queue
}

/** What one loop has submitted to queues of its isolate, and what is on its way back to it. (JQ-15) */
export class Desk implements JobOwner {
  readonly #blocks: Blocks
  readonly #requestPass: () => void
  /** By handle, until JOB_DONE. */
  readonly #jobs = new Map<number, Submitted>()
  /** Told, and not completed. */
  readonly #completing = new Map<number, Job>()
  #done: Job[] = []
  #doneAt: number[] = []
  /** Told in the pass under way, and complete when it is over. */
  #told: Job[] = []
  #isClosed = false
  total = 0
  readonly wait = new Smoothed()

  constructor(blocks: Blocks, requestPass: () => void) {
    this.#blocks = blocks
    this.#requestPass = requestPass
  }

  /** Finished jobs that wait for the next pass. */
  get backlog(): number {
    return this.#done.length
  }

  submitted(handle: number, submitted: Submitted): void {
    this.#jobs.set(handle, submitted)
  }

  find(handle: number): Submitted | undefined {
    return this.#jobs.get(handle)
  }

  deliver(job: Job): void {
    if (this.#isClosed) {
      job.completed()
      return
    }
    this.#done.push(job)
    this.#doneAt.push(performance.now())
    this.#requestPass()
  }

  /** False: no job of this loop's own isolate. */
  completed(handle: number): boolean {
    const job = this.#completing.get(handle)
    this.#completing.delete(handle)
    job?.completed()
    return job !== undefined
  }

  /** JOB_DONE for what is over; what does not fit comes with the next pass. */
  collect(inbox: Inbox): void {
    if (this.#done.length === 0) return
    const now = performance.now()
    let count = 0
    for (const job of this.#done) {
      if (!this.#write(inbox, job)) break
      this.wait.add(now - (this.#doneAt[count] as number))
      count++
    }
    this.total += count
    this.#done = this.#done.slice(count)
    this.#doneAt = this.#doneAt.slice(count)
  }

  /** The callbacks of the pass have run. */
  afterDispatch(): void {
    if (this.#told.length === 0) return
    const told = this.#told
    this.#told = []
    for (const job of told) job.completed()
  }

  /** The loop ends: what waits would run for nobody, what runs goes on, and nobody is told. */
  close(): void {
    this.#isClosed = true
    const submitted = [...this.#jobs.values()]
    const jobs = [...this.#done, ...this.#told, ...this.#completing.values()]
    this.#done = []
    this.#told = []
    this.#completing.clear()
    this.#jobs.clear()
    for (const job of jobs) job.completed()
    for (const { job, queue } of submitted) queue.remove(job, false)
  }

  #write(inbox: Inbox, job: Job): boolean {
    const { handle, flags } = job.order
    const end = job.end as NonNullable<Job['end']>
    const isLarge = end.block !== undefined || end.bytes.length >= LARGE_BYTES
    if (!inbox.hasRoom(DONE_WORDS, isLarge ? 0 : end.bytes.length)) return false
    const block = isLarge ? (end.block ?? sharedCopy(end.bytes)) : undefined
    const isLost = isLarge && block === undefined
    const at = inbox.begin(In.JOB_DONE, DONE_WORDS)
    inbox.words32[at + 1] = handle
    inbox.words32[at + 2] = isLost ? JobOutcome.NO_MEMORY : end.outcome
    inbox.words32[at + 3] = end.flags | (block === undefined ? 0 : JobFlag.BLOCK)
    inbox.words32[at + 4] = block === undefined ? inbox.put(end.bytes) : this.#blocks.put(block)
    inbox.words32[at + 5] = block?.byteLength ?? end.bytes.length
    this.#jobs.delete(handle)
    if (flags & JobFlag.COMPLETES) this.#completing.set(handle, job)
    else if (job.parent !== undefined) this.#told.push(job)
    return true
  }
}
