import type { Job } from './job'

/** Waiting jobs of one priority, in the order in which they came. */
class Level {
  readonly priority: number
  first: Job | undefined
  last: Job | undefined

  constructor(priority: number) {
    this.priority = priority
  }

  append(job: Job): void {
    job.prev = this.last
    if (this.last === undefined) this.first = job
    else this.last.next = job
    this.last = job
  }

  /** To its old place: from the end that is nearer, since what was given is old, unless the newest come first. */
  restore(job: Job): void {
    let after = this.last
    if (this.first !== undefined && this.first.number > job.number) after = undefined
    while (after !== undefined && after.number > job.number) after = after.prev
    const next = after === undefined ? this.first : after.next
    job.prev = after
    job.next = next
    if (after === undefined) this.first = job
    else after.next = job
    if (next === undefined) this.last = job
    else next.prev = job
  }

  remove(job: Job): void {
    const { prev, next } = job
    if (prev === undefined) this.first = next
    else prev.next = next
    if (next === undefined) this.last = prev
    else next.prev = prev
    job.prev = undefined
    job.next = undefined
  }
}

/** Jobs of one id: those that wait, by priority, and how many are with threads. (JQ-12) */
export class Subqueue {
  readonly id: bigint
  waiting = 0
  inflight = 0
  /** Neighbours in the ring of those with waiting jobs. */
  left: Subqueue = this
  right: Subqueue = this
  /** Highest first; none is empty. */
  readonly #levels: Level[] = []

  constructor(id: bigint) {
    this.id = id
  }

  get isActive(): boolean {
    return this.waiting > 0 || this.inflight > 0
  }

  add(job: Job): void {
    this.#level(job.order.priority).append(job)
    this.waiting++
  }

  /** A job that was taken, to its old place. */
  restore(job: Job): void {
    this.#level(job.order.priority).restore(job)
    this.waiting++
  }

  take(lifo: boolean): Job {
    const level = this.#levels[0] as Level
    const job = (lifo ? level.last : level.first) as Job
    this.remove(job)
    return job
  }

  remove(job: Job): void {
    const level = this.#level(job.order.priority)
    level.remove(job)
    this.waiting--
    if (level.first === undefined) this.#levels.splice(this.#levels.indexOf(level), 1)
  }

  *[Symbol.iterator](): Generator<Job> {
    for (const level of this.#levels) for (let job = level.first; job !== undefined; job = job.next) yield job
  }

  #level(priority: number): Level {
    let at = 0
    for (; at < this.#levels.length; at++) {
      const level = this.#levels[at] as Level
      if (level.priority === priority) return level
      if (level.priority < priority) break
    }
    const made = new Level(priority)
    this.#levels.splice(at, 0, made)
    return made
  }
}
