import type { Job } from '../../lib/backend/js/jobs/job'

/** Whose turn it is, as simply as can be: all that waits in one list. */
export class Reference {
  waiting: Job[] = []
  readonly #inflight = new Map<bigint, number>()
  /** Subqueues in which something waits; the first is next. */
  #ring: bigint[] = []

  add(job: Job): void {
    this.waiting.push(job)
    this.#enter(job)
  }

  /** A job that had begun waits again, where it stood. */
  restore(job: Job): void {
    this.ended(job)
    const at = this.waiting.findIndex((other) => other.number > job.number)
    this.waiting.splice(at < 0 ? this.waiting.length : at, 0, job)
    this.#enter(job)
  }

  remove(job: Job): void {
    this.waiting = this.waiting.filter((other) => other !== job)
    this.#ring = this.#ring.filter((id) => this.waiting.some((other) => other.order.subqueue === id))
  }

  /** A job that waited elsewhere. */
  began(job: Job): void {
    const { subqueue } = job.order
    this.#inflight.set(subqueue, this.#of(subqueue) + 1)
  }

  ended(job: Job): void {
    const { subqueue } = job.order
    this.#inflight.set(subqueue, this.#of(subqueue) - 1)
  }

  /** Who must be given next. */
  take(threads: number, lifo: boolean): Job | undefined {
    const busy = new Set([...this.#ring, ...[...this.#inflight].filter(([, n]) => n > 0).map(([id]) => id)])
    const share = Math.max(1, Math.floor(threads / busy.size))
    const least = Math.min(...this.#ring.map((id) => this.#of(id)))
    const chosen =
      this.#ring.find((id) => this.#of(id) < share) ?? this.#ring.find((id) => this.#of(id) === least)
    if (chosen === undefined) return undefined
    const at = this.#ring.indexOf(chosen) + 1
    this.#ring = [...this.#ring.slice(at), ...this.#ring.slice(0, at)]
    const own = this.waiting.filter((job) => job.order.subqueue === chosen)
    const highest = Math.max(...own.map((job) => job.order.priority))
    const equals = own.filter((job) => job.order.priority === highest)
    const job = (lifo ? equals.at(-1) : equals[0]) as Job
    this.began(job)
    this.remove(job)
    return job
  }

  #enter(job: Job): void {
    if (!this.#ring.includes(job.order.subqueue)) this.#ring.push(job.order.subqueue)
  }

  #of(id: bigint): number {
    return this.#inflight.get(id) ?? 0
  }
}
