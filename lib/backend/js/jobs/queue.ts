import {
  CLAIMS,
  JobFlag,
  type JobInfo,
  JobOutcome,
  JobQueueKind,
  type JobQueueSettings,
  type JobQueueSpec,
} from '../../jobs'
import { JobWorkerWish } from '../../protocol'
import { errno } from '../errno'
import type { Alarms } from './alarms'
import { type Job, type JobEnd, JobState, endWithout } from './job'
import { Guess } from './guess'
import { Room } from './room'
import { Smoothed } from './smoothed'
import type { Thread, ThreadHost } from './thread'
import { Waiting } from './waiting'
import { Watch } from './watch'

/** A thread above the floor that has had nothing to do for so long leaves. */
const IDLE_MS = 5000
/** About so much work is in line at a thread at once. */
const LINE_MS = 0.1
/** Threads in a row that could not be started, after which what waits is told so. */
const MAX_FAILED_STARTS = 3
/** A job that was asked to stop has so long before its thread counts as lost. */
const WEDGE_GRACE_MS = 500

export const QueueState = { OPEN: 0, DRAINING: 1, DRAINED: 2 } as const

export interface SubqueueInfo {
  readonly id: bigint
  readonly backlog: number
  readonly inflight: number
}

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
 * One queue: what waits, the threads, who gets what and when threads come and go. The rules are those of native/job; but all
 * of it happens in the isolate that made the queue.
 *
 * Of a job that is over early (removed, timed out) but goes on running, the thread stays taken until it answers.
 */
export class Queue implements ThreadHost {
  readonly id: number
  readonly spec: JobQueueSpec
  readonly settings: Required<Omit<JobQueueSettings, 'spawn'>>
  readonly waiting = new Waiting()
  readonly room = new Room()
  readonly threads = new Map<number, Thread>()
  readonly wait = new Smoothed()
  readonly run = new Smoothed()
  state: number = QueueState.OPEN
  /** Jobs that have run, or were too late for it. */
  total = 0
  timeouts = 0
  readonly #host: QueueHost
  readonly #watch: Watch
  readonly #guess = new Guess()
  readonly #drained: (() => void)[] = []
  #isOrphan = false
  #lastThread = 0
  #failedStarts = 0
  #isPumping = false
  #pumpAgain = false
  #sweepAt = Number.POSITIVE_INFINITY

  constructor(id: number, spec: JobQueueSpec, host: QueueHost) {
    this.id = id
    this.spec = spec
    const { desired, min, max, floor, maxBacklog, lifo, stackBytes } = spec
    this.settings = { desired, min, max, floor, maxBacklog, lifo, stackBytes, paused: false }
    this.#host = host
    this.#watch = new Watch(host.alarms, this)
    this.waiting.lifo = lifo
    this.room.limit(maxBacklog)
  }

  get hostLoop(): number {
    return this.#host.loopId
  }

  /** Jobs that wait for a thread, those that are bound to one included. */
  get backlog(): number {
    let count = this.waiting.size
    for (const thread of this.threads.values()) {
      count += thread.bound.length
      for (const job of thread.jobs) if (!thread.hasBegun(job)) count++
    }
    return count
  }

  get inflight(): number {
    let count = 0
    for (const thread of this.threads.values())
      for (const job of thread.jobs) if (thread.hasBegun(job)) count++
    return count
  }

  /** Threads that are there or are coming. */
  get live(): number {
    let count = 0
    for (const thread of this.threads.values()) if (!thread.isLeaving) count++
    return count
  }

  get idle(): number {
    let count = 0
    for (const thread of this.threads.values()) if (isIdle(thread)) count++
    return count
  }

  jobs(): JobInfo[] {
    const now = performance.now()
    const info = ({ order, addedAt }: Job, state: JobInfo['state']): JobInfo => {
      const { target, subqueue, priority } = order
      return { target, subqueue, priority, state, ageMs: now - addedAt }
    }
    const list = [...this.waiting].map((job) => info(job, 'waiting'))
    for (const thread of this.threads.values()) {
      for (const job of thread.bound) list.push(info(job, 'waiting'))
      for (const job of thread.jobs) list.push(info(job, thread.hasBegun(job) ? 'running' : 'waiting'))
    }
    return list
  }

  /** Those that have jobs. What stands in line at a thread waits. */
  subqueues(): SubqueueInfo[] {
    const list = new Map<bigint, { id: bigint; backlog: number; inflight: number }>()
    for (const { id, isActive, waiting } of this.waiting.subqueues())
      if (isActive) list.set(id, { id, backlog: waiting, inflight: 0 })
    const count = (job: Job, isRunning: boolean): void => {
      const { subqueue: id } = job.order
      const one = list.get(id) ?? { id, backlog: 0, inflight: 0 }
      list.set(id, one)
      if (isRunning) one.inflight++
      else one.backlog++
    }
    for (const thread of this.threads.values()) {
      for (const job of thread.jobs) count(job, thread.hasBegun(job))
      for (const job of thread.bound) count(job, false)
    }
    return [...list.values()]
  }

  /** Takes a job over. `pump` gets it going. */
  add(job: Job): void {
    const isReserved = job.has(JobFlag.RESERVED)
    if (this.state !== QueueState.OPEN || this.#isOrphan) {
      if (isReserved) this.room.free()
      this.finish(job, endWithout(JobOutcome.SHUTDOWN))
      return
    }
    if (!isReserved) this.room.take()
    if (job.has(JobFlag.BOUND)) this.#bind(job)
    else this.#line(job)
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
    const thread = this.threadOf(job)
    if (thread === undefined) return
    if (thread.takeBack(job)) {
      this.waiting.ended(job)
      this.finish(job, endWithout(JobOutcome.REMOVED))
      this.pump()
    } else if (stop) {
      if (job.has(JobFlag.CANCEL_TERMINATE)) job.ifDead = JobOutcome.REMOVED
      this.stop(job)
    }
  }

  threadOf(job: Job): Thread | undefined {
    for (const thread of this.threads.values()) if (thread.jobs.has(job)) return thread
    return undefined
  }

  /** Asks a job that has begun to stop, or has its worker ended. */
  stop(job: Job): void {
    const thread = this.threadOf(job)
    if (thread === undefined) return
    if (job.has(JobFlag.CANCEL_TERMINATE) && this.spec.kind === JobQueueKind.WORKER) {
      this.#condemn(thread)
      return
    }
    if (job.signalledAt === 0) job.signalledAt = performance.now()
    thread.signal(job)
    this.#host.alarms.set(job.signalledAt + WEDGE_GRACE_MS, () => this.pump())
  }

  /** The work of a job is over, or is not to be. */
  finish(job: Job, end: JobEnd): void {
    if (job.state === JobState.OVER) return
    this.#watch.forget(job)
    job.over(end)
  }

  configure({ spawn = false, ...settings }: JobQueueSettings): void {
    Object.assign(this.settings, settings)
    const { lifo, maxBacklog, paused } = this.settings
    const recalls = paused || lifo !== this.waiting.lifo || maxBacklog > 0
    // In the old order: that is how they were taken.
    if (recalls) this.#recallAll()
    this.waiting.lifo = lifo
    this.room.limit(maxBacklog)
    this.#shrink()
    if (spawn) this.#spawn()
    this.pump()
  }

  /** 0; -ENOENT: the job has begun or is over; -EINVAL: it has a cancel mode. (AS-10) */
  setDeadline(job: Job, at: number): number {
    if (job.has(JobFlag.CANCEL_SIGNAL | JobFlag.CANCEL_TERMINATE)) return -errno.EINVAL
    const thread = job.state === JobState.GIVEN ? this.threadOf(job) : undefined
    // What stands in line at a thread is looked at when it is given again.
    if (thread !== undefined) this.#recall(thread)
    if (job.state !== JobState.WAITING) return -errno.ENOENT
    job.order.deadline = at
    this.pump()
    return 0
  }

  /** The loop that made the queue is gone, and with it whoever starts workers. */
  hostGone(): void {
    if (this.spec.kind === JobQueueKind.NATIVE) return
    this.#isOrphan = true
    this.#endAll(JobOutcome.SHUTDOWN)
    this.pump()
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
    this.#recallAll()
    const jobs = [...this.waiting, ...[...this.threads.values()].flatMap((thread) => thread.bound)]
    const dropped = jobs.filter((job) => !onlyDroppable || job.has(JobFlag.DROPPABLE))
    for (const job of dropped) this.#withdraw(job)
    for (const job of dropped) this.finish(job, endWithout(JobOutcome.SHUTDOWN))
    this.pump()
    return dropped.length
  }

  /** Gives out what can be given out, asks for threads, and lets them go. Jobs that end meanwhile add to it. */
  pump(): void {
    this.#pumpAgain = true
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#pumpAgain) {
      this.#pumpAgain = false
      if (!this.settings.paused) this.#share()
      this.#start()
      this.#endWedged()
      this.#settle()
    }
    this.#isPumping = false
    for (const thread of this.threads.values()) thread.flush()
  }

  ready(thread: Thread): void {
    this.#failedStarts = 0
    thread.isReady = true
    this.#rest(thread)
    this.pump()
  }

  answered(thread: Thread, job: Job, end: JobEnd, runMs: number): void {
    this.waiting.ended(job)
    this.run.add(runMs)
    this.#guess.add(runMs)
    this.total++
    this.finish(job, job.fate === undefined ? end : endWithout(job.fate))
    this.turned(thread)
  }

  turned(thread: Thread): void {
    if (thread.isOccupied) this.#recall(thread)
    else if (thread.jobs.size === 0) this.#rest(thread)
    this.pump()
  }

  ended(thread: Thread): void {
    if (!this.threads.delete(thread.id)) return
    if (!thread.isReady && !thread.isLeaving) this.#failedStarts++
    this.#recall(thread)
    for (const job of thread.jobs) this.#died(job)
    for (const job of thread.bound.splice(0)) {
      this.room.free()
      this.finish(job, endWithout(JobOutcome.WORKER_DIED))
    }
    this.pump()
  }

  /** Its deadline is past while it is with a thread, and it is to be stopped then. */
  deadlinePassed(job: Job): void {
    const thread = this.threadOf(job)
    if (thread === undefined) return
    if (!thread.hasBegun(job)) {
      this.#recall(thread)
      this.pump()
      return
    }
    if (job.has(JobFlag.CANCEL_TERMINATE)) job.ifDead = JobOutcome.TIMED_OUT
    this.stop(job)
  }

  /** It runs longer than it may. Whoever waits is told at once, unless its cleanup is still to be run by another thread. */
  runTimedOut(job: Job): void {
    const thread = this.threadOf(job)
    if (thread === undefined) return
    if (!thread.hasBegun(job)) {
      this.#watch.begun(job)
      return
    }
    const isEnded = job.has(JobFlag.CANCEL_TERMINATE)
    if (isEnded && job.has(JobFlag.PHASED)) job.ifDead = JobOutcome.RUN_TIMED_OUT
    else this.finish(job, endWithout(JobOutcome.RUN_TIMED_OUT))
    if (isEnded || job.has(JobFlag.CANCEL_SIGNAL)) this.stop(job)
  }

  /** What was in the middle of its work when its thread ended. The cleanup of a phased one is owed: another thread runs it. */
  #died(job: Job): void {
    this.waiting.ended(job)
    if (!job.has(JobFlag.PHASED) || job.fate !== undefined || job.state === JobState.OVER) {
      this.total++
      this.finish(job, endWithout(job.fate ?? job.ifDead))
      return
    }
    job.fate = job.ifDead
    job.signalledAt = 0
    job.state = JobState.WAITING
    this.room.take()
    this.waiting.add(job)
  }

  #bind(job: Job): void {
    const thread = this.threads.get(job.order.worker)
    if (thread !== undefined && !thread.isLeaving) {
      thread.bound.push(job)
      return
    }
    this.room.free()
    this.finish(job, endWithout(JobOutcome.WORKER_DIED))
  }

  #line(job: Job): void {
    const { active } = this.waiting
    this.waiting.add(job)
    // Jobs in line at threads were taken when this one was not there; it may be its turn before theirs.
    const mixes = this.waiting.active > 1 && this.waiting.active !== active
    if (!mixes && job.order.priority === 0) return
    // One that is alone was given under these rules, and is about to begin.
    for (const thread of this.threads.values()) if (thread.jobs.size > 1) this.#recall(thread)
  }

  #withdraw(job: Job): void {
    this.room.free()
    if (!job.has(JobFlag.BOUND)) {
      this.waiting.remove(job)
      return
    }
    const bound = this.threads.get(job.order.worker)?.bound
    bound?.splice(bound.indexOf(job), 1)
  }

  /** What waits goes to threads: first to those that have nothing, then in line behind short jobs. */
  #share(): void {
    for (const thread of this.threads.values()) this.#giveBound(thread)
    for (
      let thread = this.#freest();
      thread !== undefined && this.waiting.size > 0;
      thread = this.#freest()
    ) {
      if (!this.#giveNext(thread)) return
    }
    this.#lineUp()
    this.#steal()
  }

  #giveBound(thread: Thread): void {
    while (isIdle(thread) && thread.bound.length > 0) {
      const job = thread.bound.shift() as Job
      this.waiting.began(job)
      this.#give(thread, job)
    }
  }

  /** The thread that has become idle last, so that those above the floor can leave. */
  #freest(): Thread | undefined {
    let best: Thread | undefined
    let busy = 0
    for (const thread of this.threads.values()) {
      if (thread.jobs.size > 0) busy++
      else if (isIdle(thread) && (best === undefined || thread.idleSince > best.idleSince)) best = thread
    }
    // There may be more than are wanted: those that stay for what they have submitted.
    return busy < this.settings.desired ? best : undefined
  }

  /** False: nothing waits any more. */
  #giveNext(thread: Thread): boolean {
    for (;;) {
      const job = this.waiting.take(this.settings.desired)
      if (job === undefined) return false
      if (job.order.deadline >= performance.now() || job.fate !== undefined) {
        this.#give(thread, job)
        return true
      }
      this.timeouts++
      if (job.has(JobFlag.PHASED)) {
        job.fate = JobOutcome.TIMED_OUT
        this.#give(thread, job)
        return true
      }
      this.room.free()
      this.waiting.ended(job)
      this.total++
      this.finish(job, endWithout(JobOutcome.TIMED_OUT))
    }
  }

  #give(thread: Thread, job: Job): void {
    const now = performance.now()
    this.room.free()
    job.state = JobState.GIVEN
    if (job.startedAt === 0) this.wait.add(now - job.addedAt)
    job.startedAt = now
    this.#watch.begun(job)
    thread.give(job)
  }

  /** While jobs are short, more of them are on their way to a thread than it runs, so that it need not wait for the next. */
  #lineUp(): void {
    const line = this.#lineLength()
    if (line < 2) return
    const most = Math.min(line, Math.ceil(this.waiting.size / Math.max(1, this.live)))
    for (const thread of this.threads.values()) {
      const length = Math.min(most, thread.room)
      // Half a line at a time, so that they go together.
      if (!canLineUp(thread) || thread.jobs.size > length >> 1) continue
      for (let n = length - thread.jobs.size; n > 0; n--) {
        const job = this.waiting.take(this.settings.desired)
        if (job === undefined) return
        if (!job.isPlain) {
          this.waiting.restore(job)
          return
        }
        this.#give(thread, job)
      }
    }
  }

  #lineLength(): number {
    const { lifo, maxBacklog } = this.settings
    if (lifo || maxBacklog > 0 || this.waiting.active > 1 || this.#guess.ms > LINE_MS) return 1
    return Math.min(CLAIMS, Math.floor(LINE_MS / Math.max(this.#guess.ms, 0.001)))
  }

  /** A thread that has nothing takes half of what the one with most has not begun. */
  #steal(): void {
    if (this.waiting.size > 0) return
    for (let thief = this.#freest(); thief !== undefined; thief = this.#freest()) {
      const jobs = this.#halfOfFullest()
      for (const job of jobs) {
        job.state = JobState.GIVEN
        thief.give(job)
      }
      if (jobs.length === 0) return
    }
  }

  #halfOfFullest(): Job[] {
    let fullest: Thread | undefined
    for (const thread of this.threads.values())
      if (thread.jobs.size > Math.max(1, fullest?.jobs.size ?? 0)) fullest = thread
    if (fullest === undefined) return []
    const jobs = [...fullest.jobs]
    return jobs.slice(Math.ceil(jobs.length / 2)).filter((job) => fullest.takeBack(job))
  }

  #recallAll(): void {
    for (const thread of this.threads.values()) this.#recall(thread)
  }

  /** What a thread has not begun waits again, in front. */
  #recall(thread: Thread): void {
    for (const job of [...thread.jobs]) {
      if (!thread.takeBack(job)) continue
      this.room.take()
      this.#watch.forget(job)
      job.state = JobState.WAITING
      if (!job.has(JobFlag.BOUND)) this.waiting.restore(job)
      else {
        this.waiting.ended(job)
        thread.bound.unshift(job)
      }
    }
  }

  /** A thread is started only when there is work, and none is there, or fewer than are wanted and than there is work for. */
  #start(): void {
    if (this.settings.paused) return
    for (;;) {
      const { live } = this
      const work = this.waiting.size + this.#taken()
      if (this.waiting.size + this.#inLine() === 0) return
      if (live > 0 && (live >= this.settings.desired || live >= work)) return
      if (!this.#startOne()) return
    }
  }

  /** Jobs with threads. */
  #taken(): number {
    let count = 0
    for (const thread of this.threads.values()) count += thread.jobs.size + thread.bound.length
    return count
  }

  /** Jobs that stand behind another at a thread. */
  #inLine(): number {
    let count = 0
    for (const thread of this.threads.values()) count += Math.max(0, thread.jobs.size - 1)
    return count
  }

  /** As many as can be had. */
  #spawn(): void {
    if (this.state !== QueueState.OPEN || this.#isOrphan) return
    while (this.live < this.settings.desired && this.#startOne());
  }

  #startOne(): boolean {
    const id = ++this.#lastThread
    const thread = this.#host.place(this, id)
    this.threads.set(id, thread)
    if (this.spec.kind === JobQueueKind.NATIVE) {
      thread.isReady = true
      this.#rest(thread)
      this.#share()
      return true
    }
    if (this.#failedStarts < MAX_FAILED_STARTS && this.#host.wish(this, id, JobWorkerWish.START)) return true
    this.threads.delete(id)
    this.#failedStarts = 0
    if (this.live === 0) this.#endAll(JobOutcome.NO_THREAD)
    return false
  }

  /** The thread has nothing: it leaves if it is one too many, now or after a while. */
  #rest(thread: Thread): void {
    thread.idleSince = performance.now()
    if (this.live > this.settings.desired) this.#dismiss(thread)
    else this.#sweepBy(thread.idleSince + IDLE_MS)
  }

  #dismiss(thread: Thread): void {
    if (!isIdle(thread) || thread.bound.length > 0 || thread.isNeeded) return
    this.#part(thread)
  }

  #part(thread: Thread): void {
    thread.isLeaving = true
    thread.leave()
  }

  #shrink(): void {
    for (const thread of this.threads.values()) {
      if (this.live <= this.settings.desired) return
      this.#dismiss(thread)
    }
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
    for (const thread of [...this.threads.values()].filter(isIdle)) {
      if (this.live <= this.settings.floor) return
      if (thread.idleSince + IDLE_MS <= now) this.#dismiss(thread)
      else next = Math.min(next, thread.idleSince + IDLE_MS)
    }
    this.#sweepBy(next)
  }

  #condemn(thread: Thread): void {
    if (thread.isCondemned) return
    this.#recall(thread)
    thread.isCondemned = true
    this.#host.wish(this, thread.id, JobWorkerWish.TERMINATE)
  }

  /** Every thread runs a job that was asked to stop a while ago, and there may be no other: nothing that waits can begin. */
  #endWedged(): void {
    if (this.waiting.size === 0 || this.live < this.settings.desired) return
    const lost = performance.now() - WEDGE_GRACE_MS
    for (const thread of this.threads.values()) {
      if (thread.isLeaving || thread.isCondemned || thread.jobs.size === 0) return
      for (const job of thread.jobs) if (job.signalledAt === 0 || job.signalledAt > lost) return
    }
    this.#endAll(JobOutcome.WEDGED)
  }

  #endAll(outcome: number): void {
    const jobs = [...this.waiting]
    for (const job of jobs) this.#withdraw(job)
    for (const job of jobs) this.finish(job, endWithout(outcome))
  }

  /** Nothing is left to do: the threads go, and then whoever asked is told. */
  #settle(): void {
    if (this.state === QueueState.OPEN || this.waiting.size + this.#taken() > 0) return
    for (const thread of [...this.threads.values()]) if (isIdle(thread)) this.#part(thread)
    if (this.threads.size > 0) return
    this.state = QueueState.DRAINED
    for (const then of this.#drained.splice(0)) then()
  }
}

function isIdle(thread: Thread): boolean {
  return canLineUp(thread) && thread.jobs.size === 0 && thread.room > 0
}

function canLineUp(thread: Thread): boolean {
  return thread.isReady && !thread.isLeaving && !thread.isCondemned && !thread.isOccupied
}
