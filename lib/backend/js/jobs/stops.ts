import { JobFlag, JobOutcome, JobQueueKind } from '../../jobs'
import type { Alarms } from './alarms'
import type { Crew } from './crew'
import { type Job, type JobEnd, endWithout } from './job'
import type { Thread } from './thread'
import type { Watch, Watched } from './watch'

/** A job that was asked to stop has so long before its thread counts as lost. */
const WEDGE_GRACE_MS = 500

/** What stopping needs of its queue. */
export interface Stopping {
  readonly spec: { readonly kind: number }
  readonly settings: { readonly desired: number }
  readonly crew: Crew
  readonly watch: Watch
  recall(thread: Thread): void
  finish(job: Job, end: JobEnd): void
  pump(): void
}

/** How jobs with threads are made to stop, and what becomes of a queue whose threads do not. (AS-09, JQ-17) */
export class Stops implements Watched {
  readonly #queue: Stopping
  readonly #alarms: Alarms

  constructor(queue: Stopping, alarms: Alarms) {
    this.#queue = queue
    this.#alarms = alarms
  }

  /** Asks a job that has begun to stop, or has its thread ended: then the job ends so, unless there was a reason before. */
  stop(job: Job, outcome: number): void {
    const thread = this.#queue.crew.holding(job)
    if (thread === undefined) return
    if (job.has(JobFlag.CANCEL_TERMINATE) && this.#queue.spec.kind === JobQueueKind.WORKER) {
      if (job.ifDead === JobOutcome.WORKER_DIED) job.ifDead = outcome
      this.#condemn(thread)
      return
    }
    thread.signal(job)
    if (job.signalledAt !== 0) return
    job.signalledAt = performance.now()
    this.#alarms.set(job.signalledAt + WEDGE_GRACE_MS, () => this.#queue.pump())
  }

  /** Its deadline is past while it is with a thread, and it is to be stopped then. */
  deadlinePassed(job: Job): void {
    const { crew } = this.#queue
    const thread = crew.holding(job)
    if (thread === undefined) return
    if (!thread.hasBegun(job)) {
      this.#queue.recall(thread)
      this.#queue.pump()
      return
    }
    this.stop(job, JobOutcome.RUN_TIMED_OUT)
  }

  /**
   * It runs longer than it may. Whoever waits is told at once, unless its cleanup is still to be run by another thread. Without
   * a cancel mode the job itself is left alone.
   */
  runTimedOut(job: Job): void {
    const thread = this.#queue.crew.holding(job)
    if (thread === undefined) return
    if (!thread.hasBegun(job)) {
      this.#queue.watch.begun(job)
      return
    }
    // It may have begun long after it was given.
    const left = job.order.runTimeoutMs - thread.ranFor(job)
    if (left > 0) {
      this.#queue.watch.begun(job, left)
      return
    }
    const isEnded = job.has(JobFlag.CANCEL_TERMINATE)
    if (!isEnded || !job.has(JobFlag.PHASED)) this.#queue.finish(job, endWithout(JobOutcome.RUN_TIMED_OUT))
    if (isEnded || job.has(JobFlag.CANCEL_SIGNAL)) this.stop(job, JobOutcome.RUN_TIMED_OUT)
  }

  /** Every thread runs a job that was asked to stop a while ago, and there may be no other: nothing that waits can begin. */
  get areIgnored(): boolean {
    const { crew, settings } = this.#queue
    const { live } = crew
    if (live === 0 || live < settings.desired) return false
    const lost = performance.now() - WEDGE_GRACE_MS
    for (const thread of crew) {
      if (thread.isLeaving || thread.isCondemned || thread.jobs.size === 0) return false
      for (const job of thread.jobs) if (job.signalledAt === 0 || job.signalledAt > lost) return false
    }
    return true
  }

  #condemn(thread: Thread): void {
    if (thread.isCondemned) return
    // What it has not begun has nothing to do with it.
    this.#queue.recall(thread)
    this.#queue.crew.condemn(thread)
  }
}
