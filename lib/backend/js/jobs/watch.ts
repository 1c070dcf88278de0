import { JobFlag } from '../../jobs'
import type { Alarm, Alarms } from './alarms'
import type { Job } from './job'

/** What becomes of a job whose time is up. */
export interface Watched {
  deadlinePassed(job: Job): void
  runTimedOut(job: Job): void
}

/** The times at which jobs with threads are to be stopped: of few jobs, so that others cost nothing. (AS-09, JQ-17) */
export class Watch {
  readonly #alarms: Alarms
  readonly #queue: Watched
  readonly #set = new Map<Job, Alarm[]>()

  constructor(alarms: Alarms, queue: Watched) {
    this.#alarms = alarms
    this.#queue = queue
  }

  /** It is with a thread, and may run for `limitMs` more. */
  begun(job: Job, limitMs = job.order.runTimeoutMs): void {
    const { flags, deadline, runTimeoutMs } = job.order
    const isCancelled = (flags & (JobFlag.CANCEL_SIGNAL | JobFlag.CANCEL_TERMINATE)) !== 0
    const isBound = isCancelled && deadline !== Number.POSITIVE_INFINITY
    this.forget(job)
    // A cleanup has all the time it needs.
    if (job.fate !== undefined || (!isBound && runTimeoutMs === 0)) return
    const set: Alarm[] = []
    if (isBound) set.push(this.#alarms.set(deadline, () => this.#queue.deadlinePassed(job)))
    if (runTimeoutMs > 0)
      set.push(this.#alarms.set(performance.now() + limitMs, () => this.#queue.runTimedOut(job)))
    this.#set.set(job, set)
  }

  forget(job: Job): void {
    const set = this.#set.get(job)
    if (set === undefined) return
    this.#set.delete(job)
    for (const alarm of set) this.#alarms.clear(alarm)
  }
}
