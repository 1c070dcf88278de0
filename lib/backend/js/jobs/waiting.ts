import type { Job } from './job'
import { Subqueue } from './subqueue'

/**
 * The jobs of a queue that wait, and whose turn it is: subqueues take turns, each aimed at an equal share of the threads;
 * within one the highest priority is first, and among equals the oldest or the newest. (JQ-07, JQ-12, JQ-17)
 */
export class Waiting {
  /** Looked at when a job is taken, so that it can be switched at any time. */
  lifo = false
  readonly #zero = new Subqueue(0n)
  /** The others, while they have a job. */
  readonly #subqueues = new Map<bigint, Subqueue>()
  /** Of the ring of those with waiting jobs: who is next. */
  #turn: Subqueue | undefined
  #size = 0
  /** Subqueues with waiting jobs or jobs with threads. */
  #active = 0
  #arrivals = 0

  get size(): number {
    return this.#size
  }

  get active(): number {
    return this.#active
  }

  add(job: Job): void {
    const subqueue = this.#of(job.order.subqueue)
    job.number = ++this.#arrivals
    this.#change(subqueue, () => subqueue.add(job))
  }

  /** A job that a thread had and did not begin is next again: where it stood. */
  restore(job: Job): void {
    const subqueue = this.#of(job.order.subqueue)
    this.#change(subqueue, () => {
      subqueue.inflight--
      subqueue.restore(job)
    })
  }

  remove(job: Job): void {
    const subqueue = this.#of(job.order.subqueue)
    this.#change(subqueue, () => subqueue.remove(job))
  }

  /** The next job for one of `threads` threads. It counts as theirs until `ended`. */
  take(threads: number): Job | undefined {
    const subqueue = this.#next(threads)
    if (subqueue === undefined) return undefined
    let job: Job | undefined
    this.#turn = subqueue.right
    this.#change(subqueue, () => {
      job = subqueue.take(this.lifo)
      subqueue.inflight++
    })
    return job
  }

  /** A job that waited elsewhere (it is bound to a thread) begins. */
  began(job: Job): void {
    const subqueue = this.#of(job.order.subqueue)
    this.#change(subqueue, () => subqueue.inflight++)
  }

  /** A job that was taken is over. */
  ended(job: Job): void {
    const subqueue = this.#of(job.order.subqueue)
    this.#change(subqueue, () => subqueue.inflight--)
  }

  *subqueues(): Generator<Subqueue> {
    yield this.#zero
    yield* this.#subqueues.values()
  }

  *[Symbol.iterator](): Generator<Job> {
    for (const subqueue of this.subqueues()) yield* subqueue
  }

  #of(id: bigint): Subqueue {
    if (id === 0n) return this.#zero
    const known = this.#subqueues.get(id)
    if (known !== undefined) return known
    const made = new Subqueue(id)
    this.#subqueues.set(id, made)
    return made
  }

  /** The first in turn that has less than its share of the threads; where none has, the one that has least. */
  #next(threads: number): Subqueue | undefined {
    const first = this.#turn
    if (first === undefined) return undefined
    const share = Math.max(1, Math.floor(threads / this.#active))
    let least = first
    let at = first
    do {
      if (at.inflight < share) return at
      if (at.inflight < least.inflight) least = at
      at = at.right
    } while (at !== first)
    return least
  }

  /** Keeps the counts, the ring and the table in step with one subqueue. */
  #change(subqueue: Subqueue, change: () => void): void {
    const { waiting, isActive } = subqueue
    change()
    this.#size += subqueue.waiting - waiting
    if (waiting === 0 && subqueue.waiting > 0) this.#enter(subqueue)
    if (waiting > 0 && subqueue.waiting === 0) this.#leave(subqueue)
    if (subqueue.isActive === isActive) return
    this.#active += isActive ? -1 : 1
    if (isActive) this.#subqueues.delete(subqueue.id)
  }

  /** Into the ring, as the last to have a turn. */
  #enter(subqueue: Subqueue): void {
    const first = this.#turn
    if (first === undefined) {
      this.#turn = subqueue
      return
    }
    subqueue.left = first.left
    subqueue.right = first
    first.left.right = subqueue
    first.left = subqueue
  }

  #leave(subqueue: Subqueue): void {
    if (this.#turn === subqueue) this.#turn = subqueue.right === subqueue ? undefined : subqueue.right
    subqueue.left.right = subqueue.right
    subqueue.right.left = subqueue.left
    subqueue.left = subqueue
    subqueue.right = subqueue
  }
}
