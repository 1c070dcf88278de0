import { JobWorkerWish } from '../../protocol'
import type { Alarms } from './alarms'
import type { Job } from './job'
import type { Settings } from './settings'
import type { Thread } from './thread'

/** A thread above the floor that has had nothing to do for so long leaves. */
const IDLE_MS = 5000
/** Threads in a row that could not be started, after which there are none to be had. */
const MAX_FAILED_STARTS = 3

export interface CrewHost {
  readonly alarms: Alarms
  place(id: number): Thread
  /** False: nobody starts or ends threads any more. */
  wish(thread: number, what: number): boolean
}

/** The threads of a queue: when they come and when they go. (JQ-03, JQ-05) */
export class Crew {
  /** By number, until they have ended. */
  readonly threads = new Map<number, Thread>()
  readonly #settings: Settings
  readonly #host: CrewHost
  #last = 0
  #failedStarts = 0
  #sweepAt = Number.POSITIVE_INFINITY

  constructor(settings: Settings, host: CrewHost) {
    this.#settings = settings
    this.#host = host
  }

  [Symbol.iterator](): IterableIterator<Thread> {
    return this.threads.values()
  }

  /** Threads that are there or are coming. */
  get live(): number {
    return this.#sum((thread) => Number(!thread.isLeaving))
  }

  get idle(): number {
    return this.#sum((thread) => Number(isIdle(thread)))
  }

  /** Jobs with threads, those that are bound to one included. */
  get taken(): number {
    return this.#sum(({ jobs, bound }) => jobs.size + bound.length)
  }

  /** Of them, those that have begun. */
  get inflight(): number {
    return this.#sum((thread) => {
      let count = 0
      for (const job of thread.jobs) if (thread.hasBegun(job)) count++
      return count
    })
  }

  /** Who has the job, not where it is bound to. */
  holding(job: Job): Thread | undefined {
    for (const thread of this) if (thread.jobs.has(job)) return thread
    return undefined
  }

  /** The thread that has become idle last, so that those above the floor can leave. */
  freest(): Thread | undefined {
    let best: Thread | undefined
    let busy = 0
    for (const thread of this) {
      if (thread.jobs.size > 0) busy++
      else if (isIdle(thread) && (best === undefined || thread.idleSince > best.idleSince)) best = thread
    }
    // There may be more than are wanted: those that stay for what they have submitted.
    return busy < this.#settings.desired ? best : undefined
  }

  /** Whether another is to be started: there is work, and none is there, or fewer than are wanted and than there is work for. */
  wantsMore(waiting: number): boolean {
    const inLine = this.#sum(({ jobs }) => Math.max(0, jobs.size - 1))
    if (waiting + inLine === 0) return false
    const { live } = this
    return live === 0 || (live < this.#settings.desired && live < waiting + this.taken)
  }

  /** undefined: none can be had now. */
  start(): Thread | undefined {
    const id = ++this.#last
    const thread = this.#host.place(id)
    this.threads.set(id, thread)
    if (thread.isReady) {
      this.rest(thread)
      return thread
    }
    if (this.#failedStarts < MAX_FAILED_STARTS && this.#host.wish(id, JobWorkerWish.START)) return thread
    this.threads.delete(id)
    this.#failedStarts = 0
    return undefined
  }

  ready(thread: Thread): void {
    this.#failedStarts = 0
    thread.isReady = true
    this.rest(thread)
  }

  /** False: it was known. */
  ended(thread: Thread): boolean {
    if (!this.threads.delete(thread.id)) return false
    if (!thread.isReady && !thread.isLeaving) this.#failedStarts++
    return true
  }

  /** The thread has nothing: it leaves if it is one too many, now or after a while. */
  rest(thread: Thread): void {
    thread.idleSince = performance.now()
    if (this.live > this.#settings.desired) this.#dismiss(thread)
    else this.#sweepBy(thread.idleSince + IDLE_MS)
  }

  /** As many as are wanted remain, as far as they have nothing. */
  shrink(): void {
    for (const thread of this) {
      if (this.live <= this.#settings.desired) return
      this.#dismiss(thread)
    }
  }

  /** Who has nothing leaves. */
  dismissAll(): void {
    for (const thread of [...this]) this.#dismiss(thread)
  }

  /** Its host is to end it, with what it runs. It is given nothing more. */
  condemn(thread: Thread): void {
    thread.isCondemned = true
    this.#host.wish(thread.id, JobWorkerWish.TERMINATE)
  }

  #dismiss(thread: Thread): void {
    if (!isIdle(thread) || thread.bound.length > 0 || thread.isNeeded) return
    thread.isLeaving = true
    thread.leave()
  }

  #sweepBy(at: number): void {
    if (at >= this.#sweepAt) return
    this.#sweepAt = at
    this.#host.alarms.set(at, () => this.#sweep())
  }

  #sweep(): void {
    this.#sweepAt = Number.POSITIVE_INFINITY
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const thread of [...this].filter(isIdle)) {
      if (this.live <= this.#settings.floor) return
      if (thread.idleSince + IDLE_MS <= now) this.#dismiss(thread)
      else next = Math.min(next, thread.idleSince + IDLE_MS)
    }
    this.#sweepBy(next)
  }

  #sum(of: (thread: Thread) => number): number {
    let sum = 0
    for (const thread of this) sum += of(thread)
    return sum
  }
}

export function isIdle(thread: Thread): boolean {
  return canLineUp(thread) && thread.jobs.size === 0 && thread.room > 0
}

/** It can be given jobs. */
export function canLineUp(thread: Thread): boolean {
  return thread.isReady && !thread.isLeaving && !thread.isCondemned && !thread.isOccupied
}
