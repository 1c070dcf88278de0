import { JobFlag, JobOutcome, type JobQueueSettings, type JobQueueSpec } from '../../jobs'
import { errno } from '../errno'
import type { Alarms } from './alarms'
import { Crew } from './crew'
import { type Giver, Giving } from './giving'
import { type Job, type JobEnd, type JobKeeper, JobState, endWithout } from './job'
import { Room } from './room'
import type { Settings } from './settings'
import { type Stopping, Stops } from './stops'
import { Tally } from './tally'
import type { Thread, ThreadHost } from './thread'
import { Waiting } from './waiting'
import { Watch } from './watch'

export const QueueState = { OPEN: 0, DRAINING: 1, DRAINED: 2 } as const

/** What a queue needs of the isolate that it belongs to. */
export interface QueueHost {
  /** The loop that made it. */
  readonly loopId: number
  readonly alarms: Alarms
  /** Makes a thread of a native queue, which is ready at once. */
  place(queue: Queue, id: number): Thread
  /** JOBQ_WORKER for the loop that made the queue. False: it is gone. */
  wish(queue: Queue, thread: number, what: number): boolean
}

/**
 * One queue: what waits (`Waiting`), the threads (`Crew`), who gets what (`Giving`), who is made to stop (`Stops`). The rules
 * are those of native/job; but all of it happens in the isolate that made the queue.
 *
 * Of a job that is over early (removed, timed out) but goes on running, the thread stays taken until it answers.
 */
export class Queue implements ThreadHost, JobKeeper, Giver, Stopping {
  readonly id: number
  readonly spec: JobQueueSpec
  readonly settings: Settings
  readonly waiting = new Waiting()
  readonly room = new Room()
  readonly tally = new Tally()
  readonly crew: Crew
  readonly watch: Watch
  state: number = QueueState.OPEN
  readonly #host: QueueHost
  readonly #giving: Giving
  readonly #stops: Stops
  readonly #drained: (() => void)[] = []
  /** Jobs whose owners have not been told. */
  #open = 0
  #isPumping = false
  #pumpAgain = false

  constructor(id: number, spec: JobQueueSpec, host: QueueHost) {
    this.id = id
    this.spec = spec
    const { desired, min, max, floor, maxBacklog, lifo, stackBytes } = spec
    this.settings = { desired, min, max, floor, maxBacklog, lifo, stackBytes, paused: false }
    this.#host = host
    const { alarms } = host
    this.crew = new Crew(this.settings, {
      alarms,
      place: (thread) => host.place(this, thread),
      wish: (thread, what) => host.wish(this, thread, what),
    })
    this.#stops = new Stops(this, alarms)
    this.watch = new Watch(alarms, this.#stops)
    this.#giving = new Giving(this)
    this.waiting.lifo = lifo
    this.room.limit(maxBacklog)
  }

  get hostLoop(): number {
    return this.#host.loopId
  }

  /** Jobs that wait for a thread, those that are bound to one or in line at one included. */
  get backlog(): number {
    return this.waiting.size + this.crew.taken - this.crew.inflight
  }

  /** Takes a job over. `pump` gets it going. */
  add(job: Job): void {
    const isReserved = job.has(JobFlag.RESERVED)
    if (this.state !== QueueState.OPEN) {
      if (isReserved) this.room.free()
      this.finish(job, endWithout(JobOutcome.SHUTDOWN))
      return
    }
    if (!isReserved) this.room.take()
    job.keeper = this
    this.#open++
    if (job.isBound) this.#bind(job)
    else {
      const { active } = this.waiting
      this.waiting.add(job)
      this.#giving.joined(job, active)
    }
  }

  /** A job is not wanted any more. One that has begun is asked to stop if `stop`. */
  remove(job: Job, stop: boolean): void {
    // What only has its cleanup left cannot be taken out.
    if (job.fate !== undefined) return
    if (job.state === JobState.WAITING) {
      this.#withdraw(job)
      this.finish(job, endWithout(JobOutcome.REMOVED))
      return
    }
    const thread = this.crew.holding(job)
    if (thread === undefined) return
    if (thread.takeBack(job)) {
      this.waiting.ended(job)
      this.finish(job, endWithout(JobOutcome.REMOVED))
      this.pump()
    } else if (stop) {
      this.#stops.stop(job, JobOutcome.REMOVED)
    }
  }

  /** The work of a job is over, or is not to be. */
  finish(job: Job, end: JobEnd): void {
    if (job.state === JobState.OVER) return
    this.watch.forget(job)
    job.over(end)
  }

  settled(): void {
    this.#open--
    if (this.#open === 0 && this.state === QueueState.DRAINING) this.pump()
  }

  tooLate(job: Job): void {
    this.room.free()
    this.waiting.ended(job)
    this.tally.total++
    this.finish(job, endWithout(JobOutcome.TIMED_OUT))
  }

  recall(thread: Thread): void {
    this.#giving.recall(thread)
  }

  configure({ spawn = false, ...settings }: JobQueueSettings): void {
    Object.assign(this.settings, settings)
    const { lifo, maxBacklog, paused } = this.settings
    const recalls = paused || lifo !== this.waiting.lifo || maxBacklog > 0
    // In the old order: that is how they were taken.
    if (recalls) this.#giving.recallAll()
    this.waiting.lifo = lifo
    this.room.limit(maxBacklog)
    if (spawn) this.#spawn()
    this.pump()
  }

  /** 0; -ENOENT: the job has begun or is over; -EINVAL: it has a cancel mode. (AS-10) */
  setDeadline(job: Job, at: number): number {
    if (job.has(JobFlag.CANCEL_SIGNAL | JobFlag.CANCEL_TERMINATE)) return -errno.EINVAL
    const thread = job.state === JobState.GIVEN ? this.crew.holding(job) : undefined
    // What stands in line at a thread is looked at when it is given again.
    if (thread !== undefined) this.recall(thread)
    if (job.state !== JobState.WAITING) return -errno.ENOENT
    job.order.deadline = at
    this.pump()
    return 0
  }

  drain(then: () => void): void {
    this.#drained.push(then)
    if (this.state === QueueState.OPEN) {
      this.state = QueueState.DRAINING
      this.room.close()
    }
    this.pump()
  }

  /** How many it were. */
  dropWaiting(onlyDroppable: boolean): number {
    this.#giving.recallAll()
    const bound = [...this.crew].flatMap((thread) => thread.bound)
    const jobs = [...this.waiting, ...bound].filter((job) => !onlyDroppable || job.has(JobFlag.DROPPABLE))
    const count = this.#end(jobs, JobOutcome.SHUTDOWN)
    this.pump()
    return count
  }

  /** Gives out what can be given out, asks for threads, and lets them go. Jobs that end meanwhile add to it. */
  pump(): void {
    this.#pumpAgain = true
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#pumpAgain) {
        this.#pumpAgain = false
        if (!this.settings.paused) this.#work()
        this.crew.shrink()
        if (this.waiting.size > 0 && this.#stops.areIgnored) this.#endWaiting(JobOutcome.WEDGED)
        this.#settle()
      }
    } finally {
      this.#isPumping = false
      for (const thread of this.crew) thread.flush()
    }
  }

  ready(thread: Thread): void {
    this.crew.ready(thread)
    this.pump()
  }

  answered(thread: Thread, job: Job, end: JobEnd, runMs: number): void {
    this.waiting.ended(job)
    this.tally.run.add(runMs)
    this.#giving.ran(runMs)
    this.tally.total++
    this.finish(job, job.fate === undefined ? end : endWithout(job.fate))
    this.turned(thread)
  }

  turned(thread: Thread): void {
    if (thread.isOccupied) this.recall(thread)
    else if (thread.jobs.size === 0) this.crew.rest(thread)
    this.pump()
  }

  ended(thread: Thread): void {
    if (!this.crew.ended(thread)) return
    this.recall(thread)
    for (const job of thread.jobs) this.#died(job)
    for (const job of thread.bound.splice(0)) {
      this.room.free()
      this.finish(job, endWithout(JobOutcome.WORKER_DIED))
    }
    this.pump()
  }

  /**
   * What was in the middle of its work when its thread ended. The cleanup of a phased one is owed, also where its owner has been
   * told already: another thread runs it.
   */
  #died(job: Job): void {
    if (!job.has(JobFlag.PHASED) || job.fate !== undefined) {
      this.waiting.ended(job)
      this.tally.total++
      this.finish(job, endWithout(job.fate ?? job.ifDead))
      return
    }
    this.watch.forget(job)
    job.fate = job.ifDead
    job.isBound = false
    job.signalledAt = 0
    job.state = JobState.WAITING
    this.room.take()
    this.waiting.restore(job)
  }

  #bind(job: Job): void {
    const thread = this.crew.threads.get(job.order.worker)
    if (thread !== undefined && !thread.isLeaving) {
      thread.bound.push(job)
      return
    }
    this.room.free()
    this.finish(job, endWithout(JobOutcome.WORKER_DIED))
  }

  #withdraw(job: Job): void {
    this.room.free()
    if (!job.isBound) {
      this.waiting.remove(job)
      return
    }
    const bound = this.crew.threads.get(job.order.worker)?.bound
    bound?.splice(bound.indexOf(job), 1)
  }

  #work(): void {
    this.#giving.share()
    while (this.crew.wantsMore(this.waiting.size)) {
      const thread = this.crew.start()
      if (thread?.isReady === true) this.#giving.share()
      if (thread !== undefined) continue
      if (this.crew.live === 0) this.#endWaiting(JobOutcome.NO_THREAD)
      return
    }
  }

  /** As many as can be had. */
  #spawn(): void {
    if (this.state !== QueueState.OPEN) return
    while (this.crew.live < this.settings.desired && this.crew.start() !== undefined);
  }

  #endWaiting(outcome: number): void {
    this.#end([...this.waiting], outcome)
  }

  /** How many it were: a cleanup that is owed is run, as long as there are threads. */
  #end(jobs: readonly Job[], outcome: number): number {
    const ending = this.crew.live > 0 ? jobs.filter((job) => job.fate === undefined) : jobs
    for (const job of ending) this.#withdraw(job)
    for (const job of ending) this.finish(job, endWithout(job.fate ?? outcome))
    return ending.length
  }

  /** Nothing is left to do: the threads go, and then whoever asked is told. */
  #settle(): void {
    const left = this.#open + this.waiting.size + this.crew.taken
    if (this.state === QueueState.OPEN || left > 0) return
    this.crew.dismissAll()
    if (this.crew.threads.size > 0) return
    this.state = QueueState.DRAINED
    for (const then of this.#drained.splice(0)) then()
  }
}
