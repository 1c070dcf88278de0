import { expect, vi } from 'vitest'
import { JobFlag, JobOutcome, JobQueueKind } from '../../lib/backend/jobs'
import { errno } from '../../lib/backend/js/errno'
import { DeadlineHeap } from '../../lib/backend/js/deadline-heap'
import { type Alarm, Alarms } from '../../lib/backend/js/jobs/alarms'
import { Job, type JobOwner, endWithout } from '../../lib/backend/js/jobs/job'
import { listJobs } from '../../lib/backend/js/jobs/listing'
import { Queue, type QueueHost, QueueState } from '../../lib/backend/js/jobs/queue'
import type { Thread } from '../../lib/backend/js/jobs/thread'
import { JobWorkerWish } from '../../lib/backend/protocol'
import { SPEC } from './js-jobs-bench'
import { Reference } from './js-jobs-reference'

export type Cancel = 'none' | 'signal' | 'terminate'

/** A job to be added. Times are milliseconds from now. */
export interface Added {
  readonly subqueue: number
  readonly priority: number
  readonly cancel?: Cancel
  readonly phased?: boolean
  readonly droppable?: boolean
  readonly deadline?: number
  readonly runTimeout?: number
  /** For one of the threads alone. */
  readonly bound?: number
  /** One of the jobs that run waits for it; with `completes` until a step says that its completion has run. */
  readonly parent?: number
  readonly completes?: boolean
}

/** What happens to a queue; numbers choose among what there is at the time. */
export type Step =
  | ({ readonly op: 'add' } & Added)
  | {
      readonly op: 'answer' | 'die' | 'end' | 'remove' | 'stop' | 'start' | 'occupy' | 'complete'
      readonly which: number
    }
  | { readonly op: 'deadline'; readonly which: number; readonly ms: number }
  | { readonly op: 'desired'; readonly threads: number }
  | { readonly op: 'lifo' | 'pause'; readonly on: boolean }
  | { readonly op: 'drop'; readonly onlyDroppable: boolean }
  | { readonly op: 'tick'; readonly ms: number }

const GRACE_MS = 500
/** So much later than they should alarms ring. */
const LATE_MS = 0.001
const CANCELS = { none: 0, signal: JobFlag.CANCEL_SIGNAL, terminate: JobFlag.CANCEL_TERMINATE } as const

/** Time that passes when the case says so. */
class PlayedAlarms extends Alarms {
  /** 0 stands for never. */
  now = 1000
  readonly #heap = new DeadlineHeap<() => void>()

  override set(at: number, call: () => void): Alarm {
    return this.#heap.add(at, call)
  }

  override clear(alarm: Alarm | undefined): void {
    if (alarm !== undefined) this.#heap.remove(alarm)
  }

  pass(ms: number): void {
    const end = this.now + ms
    for (let due = this.#heap.peek(); due !== undefined && due.time <= end; due = this.#heap.peek()) {
      this.#heap.remove(due)
      this.now = Math.max(this.now, due.time + LATE_MS)
      due.value()
    }
    this.now = Math.max(this.now, end)
  }
}

/** What the model knows of a job. */
interface Known {
  readonly job: Job
  readonly cancel: Cancel
  readonly isPhased: boolean
  readonly children: Known[]
  /** Where it runs. */
  on: PlayedThread | undefined
  works: number
  cleanups: number
  /** Only its cleanup is left. */
  fate: number | undefined
  /** Its thread has died, and another is to run its cleanup, whoever has been told of it. */
  isOwed: boolean
  ifDead: number
  /** How it must end, when its children are complete. */
  over: number | undefined
  end: number | undefined
  isComplete: boolean
  deadline: number
  readonly runTimeout: number
  limitAt: number
  begunAt: number
  signalledAt: number | undefined
  isAskedToStop: boolean
}

/** A thread whose jobs begin when the case says so; the first in line, as a worker would. */
class PlayedThread implements Thread {
  readonly jobs = new Set<Job>()
  readonly begun = new Set<Job>()
  isReady = false
  isLeaving = false
  isCondemned = false
  isOccupied = false
  readonly isNeeded = false
  idleSince = 0
  readonly bound: Job[] = []
  /** A job that ran here was to be ended with the thread. */
  mayBeCondemned = false

  constructor(
    readonly id: number,
    readonly room: number,
    readonly play: Play,
  ) {}

  give(job: Job): void {
    expect(this.isReady && !this.isLeaving && !this.isCondemned && !this.isOccupied).toBe(true)
    expect(this.jobs.size).toBeLessThan(this.room)
    this.jobs.add(job)
    this.play.given(job)
    if (this.room === 1) this.begin()
  }

  begin(): void {
    const [first] = this.jobs
    if (first === undefined || this.begun.size > 0) return
    this.begun.add(first)
    this.play.began(first, this)
  }

  answer(): void {
    for (const job of [...this.begun]) {
      this.begun.delete(job)
      this.jobs.delete(job)
      this.isOccupied = false
      this.play.queue.answered(this, job, endWithout(JobOutcome.VALUE), 0.001)
    }
  }

  hasBegun(job: Job): boolean {
    return this.begun.has(job)
  }

  ranFor(job: Job): number {
    return this.play.ranFor(job)
  }

  takeBack(job: Job): boolean {
    return !this.begun.has(job) && this.jobs.delete(job)
  }

  signal(job: Job): boolean {
    if (!this.begun.has(job)) return false
    this.play.signalled(job)
    return true
  }

  flush(): void {}

  leave(): void {
    expect([this.jobs.size, this.bound.length]).toEqual([0, 0])
  }
}

/**
 * Plays steps on a queue with a time of its own, and says of each job how it must end; after each step both must agree, and
 * what holds always is looked at.
 */
export class Play implements QueueHost, JobOwner {
  readonly loopId = 1
  readonly alarms = new PlayedAlarms()
  readonly queue: Queue
  readonly #reference = new Reference()
  readonly #known = new Map<Job, Known>()
  /** Of the threads, in turn. */
  readonly #rooms: readonly number[]
  /** Threads that were asked for and have not come. */
  #coming: PlayedThread[] = []
  #total = 0
  #timeouts = 0

  constructor(...rooms: readonly number[]) {
    this.#rooms = rooms
    vi.spyOn(performance, 'now').mockImplementation(() => this.alarms.now)
    this.queue = new Queue(1, { ...SPEC, kind: JobQueueKind.WORKER, desired: 2 }, this)
  }

  // --- what the queue asks for

  place(_queue: Queue, id: number): Thread {
    const thread = new PlayedThread(id, this.#rooms[id % this.#rooms.length] as number, this)
    this.#coming.push(thread)
    return thread
  }

  wish(queue: Queue, thread: number, what: number): boolean {
    if (what === JobWorkerWish.TERMINATE) expect(queue.crew.threads.get(thread)?.isCondemned).toBe(true)
    return true
  }

  deliver(job: Job): void {
    const known = this.#of(job)
    const outcome = job.end?.outcome
    expect(known.end).toBe(undefined)
    known.end = outcome
    if (known.over === undefined && outcome === JobOutcome.WEDGED) this.#endsWedged(known)
    if (known.over === undefined && outcome === JobOutcome.TIMED_OUT) this.#endsLate(known)
    if (!job.has(JobFlag.COMPLETES)) this.#complete(known)
  }

  // --- what its threads tell

  given(job: Job): void {
    const known = this.#of(job)
    if (known.fate === undefined && known.deadline < this.alarms.now) this.#cleansUpLate(known)
    expect(job.fate).toBe(known.fate)
  }

  ranFor(job: Job): number {
    return this.alarms.now - this.#of(job).begunAt
  }

  began(job: Job, thread: PlayedThread): void {
    const known = this.#of(job)
    known.on = thread
    known.begunAt = this.alarms.now
    known.limitAt = known.begunAt + known.runTimeout
    if (known.fate === undefined) known.works++
    else known.cleanups++
    if (job.isBound) {
      expect(thread.id).toBe(job.order.worker)
      this.#reference.began(job)
    } else if (this.#isExact) expect(job).toBe(this.#next())
  }

  signalled(job: Job): void {
    this.#of(job).signalledAt ??= this.alarms.now
  }

  // --- steps

  step(step: Step): void {
    switch (step.op) {
      case 'add':
        this.add(step)
        break
      case 'start':
        this.#start(step.which)
        break
      case 'answer':
        this.#answer(step.which)
        break
      case 'die':
        this.#die(chosen(this.#readyThreads(), step.which))
        break
      case 'end':
        this.#die(chosen(this.#threads().filter(isDoomed), step.which))
        break
      case 'occupy':
        this.#occupy(step.which)
        break
      case 'complete':
        this.#completeOne(step.which)
        break
      case 'remove':
        this.#remove(step.which, false)
        break
      case 'stop':
        this.#remove(step.which, true)
        break
      case 'deadline':
        this.#setDeadline(step.which, step.ms)
        break
      case 'desired':
        this.queue.configure({ desired: step.threads })
        break
      case 'lifo':
        this.queue.configure({ lifo: step.on })
        break
      case 'pause':
        this.queue.configure({ paused: step.on })
        break
      case 'drop':
        this.#drop(step.onlyDroppable)
        break
      case 'tick':
        this.alarms.pass(step.ms)
        this.#passed()
    }
    this.#dismissed()
    this.#check()
  }

  /** Until nothing is left: every job has ended, once. */
  finish(): void {
    this.queue.configure({ paused: false })
    let drained = 0
    this.queue.drain(() => drained++)
    for (let turn = 0; drained === 0 && turn < 10_000; turn++) {
      this.#die(this.#threads().find(isDoomed))
      this.#start(0)
      this.#answer(turn)
      this.#completeOne(0)
      this.#dismissed()
      this.#check()
    }
    expect(drained).toBe(1)
    const { queue } = this
    expect([queue.state, queue.crew.threads.size]).toEqual([QueueState.DRAINED, 0])
    expect([queue.tally.total, queue.tally.timeouts]).toEqual([this.#total, this.#timeouts])
    const subqueues = [...queue.waiting.subqueues()].map(({ id, isActive }) => [id, isActive])
    expect(subqueues).toEqual([[0n, false]])
    expect(Atomics.load(queue.room.cells, 0)).toBe(0)
    for (const known of this.#all) {
      expect(known.end).not.toBe(undefined)
      expect(known.works).toBeLessThanOrEqual(1)
      expect(known.cleanups).toBeLessThanOrEqual(1)
    }
  }

  add(added: Added): void {
    const { subqueue, priority, cancel = 'none', phased = false, droppable = false, completes } = added
    const bound = added.bound === undefined ? undefined : chosen(this.#readyThreads(), added.bound)
    const parents = this.#all.filter(({ on, end }) => on !== undefined && end === undefined)
    const parent = added.parent === undefined ? undefined : chosen(parents, added.parent)
    const job = new Job(
      this,
      {
        handle: this.#known.size,
        target: 1,
        cleanup: 0,
        flags:
          CANCELS[cancel] |
          (phased ? JobFlag.PHASED : 0) |
          (droppable ? JobFlag.DROPPABLE : 0) |
          (bound === undefined ? 0 : JobFlag.BOUND) |
          (parent !== undefined && completes ? JobFlag.COMPLETES : 0),
        bytes: new Uint8Array(0),
        block: undefined,
        subqueue: BigInt(subqueue),
        priority,
        deadline: added.deadline === undefined ? Number.POSITIVE_INFINITY : this.alarms.now + added.deadline,
        runTimeoutMs: added.runTimeout ?? 0,
        worker: bound?.id ?? 0,
      },
      parent?.job,
      this.alarms.now,
    )
    const known: Known = {
      job,
      cancel,
      isPhased: phased,
      children: [],
      on: undefined,
      works: 0,
      cleanups: 0,
      fate: undefined,
      isOwed: false,
      ifDead: JobOutcome.WORKER_DIED,
      over: bound?.isLeaving === true ? JobOutcome.WORKER_DIED : undefined,
      end: undefined,
      isComplete: false,
      deadline: job.order.deadline,
      runTimeout: job.order.runTimeoutMs,
      limitAt: 0,
      begunAt: 0,
      signalledAt: undefined,
      isAskedToStop: false,
    }
    this.#known.set(job, known)
    parent?.children.push(known)
    if (bound === undefined) this.#reference.add(job)
    this.queue.add(job)
    this.queue.pump()
  }

  #start(which: number): void {
    const coming = this.#coming.filter((thread) => this.queue.crew.threads.has(thread.id))
    const thread = chosen(coming, which)
    this.#coming = coming.filter((other) => other !== thread)
    if (thread !== undefined) this.queue.ready(thread)
    for (const one of this.#threads()) one.begin()
  }

  #answer(which: number): void {
    const busy = this.#threads().filter(({ begun }) => begun.size > 0)
    const thread = chosen(busy, which)
    if (thread === undefined) return
    for (const job of thread.begun) {
      const known = this.#of(job)
      this.#leaves(known)
      known.over ??= known.fate ?? JobOutcome.VALUE
    }
    thread.answer()
    thread.begin()
  }

  #die(thread: PlayedThread | undefined): void {
    if (thread === undefined) return
    for (const job of thread.bound) this.#of(job).over = JobOutcome.WORKER_DIED
    for (const job of thread.jobs)
      if (job.isBound && !thread.begun.has(job)) this.#of(job).over = JobOutcome.WORKER_DIED
    for (const job of thread.begun) {
      const known = this.#of(job)
      if (known.isPhased && known.fate === undefined) this.#owesCleanup(known)
      else {
        this.#leaves(known)
        known.over ??= known.fate ?? known.ifDead
      }
    }
    this.queue.ended(thread)
  }

  #occupy(which: number): void {
    const busy = this.#threads().filter(({ begun }) => begun.size > 0)
    const thread = chosen(busy, which)
    if (thread === undefined) return
    thread.isOccupied = !thread.isOccupied
    this.queue.turned(thread)
  }

  #completeOne(which: number): void {
    const told = this.#all.filter(({ end, isComplete }) => end !== undefined && !isComplete)
    const known = chosen(told, which)
    if (known === undefined) return
    this.#complete(known)
    this.queue.pump()
  }

  #complete(known: Known): void {
    known.isComplete = true
    known.job.completed()
  }

  #remove(which: number, stop: boolean): void {
    const known = chosen(this.#open, which)
    if (known === undefined) return
    if (known.works + known.cleanups === 0 && known.fate === undefined) {
      known.over = JobOutcome.REMOVED
      this.#reference.remove(known.job)
      this.queue.remove(known.job, stop)
      this.queue.pump()
      return
    }
    if (stop && known.on !== undefined && known.fate === undefined && known.cancel !== 'none') {
      this.#asksToStop(known, JobOutcome.REMOVED)
    }
    this.queue.remove(known.job, stop && known.cancel !== 'none')
    this.queue.pump()
  }

  #setDeadline(which: number, ms: number): void {
    const known = chosen(this.#open, which)
    if (known === undefined) return
    const hasBegun = known.on !== undefined || known.over !== undefined
    const expected = known.cancel !== 'none' ? -errno.EINVAL : hasBegun ? -errno.ENOENT : 0
    const at = this.alarms.now + ms
    if (expected === 0) known.deadline = at
    expect(this.queue.setDeadline(known.job, at)).toBe(expected)
  }

  #drop(onlyDroppable: boolean): void {
    const hasThreads = this.queue.crew.live > 0
    let count = 0
    for (const known of this.#all) {
      if (!isWaiting(known)) continue
      if (onlyDroppable && !known.job.has(JobFlag.DROPPABLE)) continue
      if (known.fate !== undefined && hasThreads) continue
      known.over ??= known.fate ?? JobOutcome.SHUTDOWN
      known.isOwed = false
      this.#reference.remove(known.job)
      count++
    }
    expect(this.queue.dropWaiting(onlyDroppable)).toBe(count)
  }

  // --- the model

  /** Begins are compared with those that the rules give. */
  get #isExact(): boolean {
    return this.#rooms.length === 1
  }

  #of(job: Job): Known {
    return this.#known.get(job) as Known
  }

  #threads(): PlayedThread[] {
    return [...this.queue.crew] as PlayedThread[]
  }

  #readyThreads(): PlayedThread[] {
    return this.#threads().filter(({ isReady }) => isReady)
  }

  get #all(): Known[] {
    return [...this.#known.values()]
  }

  get #open(): Known[] {
    return this.#all.filter(({ end }) => end === undefined)
  }

  /** It is over on its thread. */
  #leaves(known: Known): void {
    known.on = undefined
    known.isOwed = false
    this.#total++
    this.#reference.ended(known.job)
  }

  #owesCleanup(known: Known): void {
    known.on = undefined
    known.fate = known.ifDead
    known.isOwed = true
    known.signalledAt = undefined
    known.isAskedToStop = false
    this.#reference.restore(known.job)
  }

  #next(): Job | undefined {
    const { desired, lifo } = this.queue.settings
    for (;;) {
      const job = this.#reference.take(desired, lifo)
      if (job === undefined || this.#of(job).end !== JobOutcome.TIMED_OUT) return job
      // It was its turn, and too late.
      this.#reference.ended(job)
    }
  }

  #endsLate(known: Known): void {
    expect(known.works + known.cleanups).toBe(0)
    expect(known.isPhased).toBe(false)
    expect(known.deadline).toBeLessThan(this.alarms.now)
    known.over = JobOutcome.TIMED_OUT
    this.#total++
    this.#timeouts++
    if (!this.#isExact) this.#reference.remove(known.job)
  }

  #cleansUpLate(known: Known): void {
    expect(known.isPhased).toBe(true)
    known.fate = JobOutcome.TIMED_OUT
    this.#timeouts++
  }

  #endsWedged(known: Known): void {
    expect(known.works + known.cleanups).toBe(0)
    expect(this.#isWedged()).toBe(true)
    known.over = JobOutcome.WEDGED
    this.#reference.remove(known.job)
  }

  #isWedged(): boolean {
    const { live } = this.queue.crew
    if (live === 0 || live < this.queue.settings.desired) return false
    return this.#threads().every(({ isLeaving, isCondemned, begun, jobs }) => {
      if (isLeaving || isCondemned || begun.size === 0 || jobs.size > begun.size) return false
      return [...begun].every(
        (job) => (this.#of(job).signalledAt ?? this.alarms.now) <= this.alarms.now - GRACE_MS,
      )
    })
  }

  /** The first reason counts. */
  #asksToStop(known: Known, outcome: number): void {
    known.isAskedToStop = true
    if (known.cancel !== 'terminate') return
    if (known.ifDead === JobOutcome.WORKER_DIED) known.ifDead = outcome
    ;(known.on as PlayedThread).mayBeCondemned = true
  }

  /** Some time has passed: what had to happen to jobs with threads in it. */
  #passed(): void {
    const { now } = this.alarms
    for (const known of this.#all) {
      // A cleanup has all the time it needs.
      if (known.on === undefined || known.over !== undefined || known.fate !== undefined) continue
      const isLate = known.cancel !== 'none' && known.deadline <= now
      const isTooLong = known.runTimeout > 0 && known.limitAt <= now
      const isFirst = isLate && known.deadline <= known.limitAt
      if (isFirst) this.#reachesDeadline(known)
      if (isTooLong) this.#reachesLimit(known)
      if (isLate && !isFirst && known.over === undefined) this.#reachesDeadline(known)
    }
  }

  #reachesDeadline(known: Known): void {
    known.deadline = Number.POSITIVE_INFINITY
    this.#asksToStop(known, JobOutcome.RUN_TIMED_OUT)
  }

  #reachesLimit(known: Known): void {
    known.limitAt = Number.POSITIVE_INFINITY
    if (known.cancel !== 'terminate' || !known.isPhased) known.over = JobOutcome.RUN_TIMED_OUT
    if (known.cancel !== 'none') this.#asksToStop(known, JobOutcome.RUN_TIMED_OUT)
  }

  /** Threads that were let go end. */
  #dismissed(): void {
    for (const thread of this.#threads()) if (thread.isLeaving) this.queue.ended(thread)
  }

  #check(): void {
    const { queue } = this
    for (const known of this.#all) this.#checkJob(known)
    const { paused, desired } = queue.settings
    const running = this.#all.filter(({ on }) => on !== undefined)
    const waiting = this.#all.filter(isWaiting)
    if (this.#isExact && queue.waiting.size === 0) expect(this.#next()).toBe(undefined)
    expect(queue.crew.inflight).toBe(running.length)
    expect(queue.backlog).toBe(waiting.length)
    expect(listJobs(queue).length).toBe(running.length + waiting.length)
    const idle = this.#threads().filter(
      ({ isReady, isLeaving, isCondemned, jobs }) => isReady && !isLeaving && !isCondemned && jobs.size === 0,
    )
    // Nobody is idle while something waits, and nobody waits for a thread that is not coming.
    if (!paused && queue.waiting.size > 0) {
      expect(idle).toEqual([])
      expect(queue.crew.live).toBeGreaterThan(0)
      const isOwed = [...queue.waiting].every((job) => job.fate !== undefined)
      expect(this.#isWedged() && !isOwed).toBe(false)
    }
    if (paused) for (const { jobs, begun } of this.#threads()) expect(jobs.size).toBe(begun.size)
    if (idle.some(({ bound }) => bound.length === 0)) expect(queue.crew.live).toBeLessThanOrEqual(desired)
    for (const { isCondemned, mayBeCondemned } of this.#threads()) expect(isCondemned).toBe(mayBeCondemned)
  }

  #checkJob(known: Known): void {
    const isDue = known.over !== undefined && known.children.every(({ isComplete }) => isComplete)
    expect(known.end).toBe(isDue ? known.over : undefined)
    const isSignalled = known.signalledAt !== undefined
    if (known.on !== undefined && known.cancel !== 'terminate') expect(isSignalled).toBe(known.isAskedToStop)
    if (known.cancel !== 'signal') expect(isSignalled).toBe(false)
  }
}

function isWaiting({ on, over, isOwed }: Known): boolean {
  return on === undefined && (over === undefined || isOwed)
}

function isDoomed({ isCondemned }: PlayedThread): boolean {
  return isCondemned
}

function chosen<T>(list: readonly T[], which: number): T | undefined {
  return list[which % Math.max(1, list.length)]
}
