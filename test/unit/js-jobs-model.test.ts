import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { JobOutcome, JobQueueKind } from '../../lib/backend/jobs'
import { Alarms } from '../../lib/backend/js/jobs/alarms'
import { Job, type JobEnd, type JobOrder, type JobOwner, endWithout } from '../../lib/backend/js/jobs/job'
import { listJobs } from '../../lib/backend/js/jobs/listing'
import { Queue, type QueueHost, QueueState } from '../../lib/backend/js/jobs/queue'
import type { Thread } from '../../lib/backend/js/jobs/thread'
import { JobWorkerWish } from '../../lib/backend/protocol'
import { SPEC } from './js-jobs-bench'

/** What happens to a queue; numbers choose among what there is at the time. */
type Step =
  | { readonly op: 'add'; readonly subqueue: number; readonly priority: number }
  | { readonly op: 'answer' | 'die' | 'remove' | 'start'; readonly which: number }
  | { readonly op: 'desired'; readonly threads: number }
  | { readonly op: 'lifo' | 'pause'; readonly on: boolean }
  | { readonly op: 'drop' }

const which = fc.nat(1000)
const add = fc.record({
  op: fc.constant('add' as const),
  subqueue: fc.nat(3),
  priority: fc.integer({ min: -1, max: 1 }),
})
const plainAdd = fc.record({
  op: fc.constant('add' as const),
  subqueue: fc.constant(0),
  priority: fc.constant(0),
})
const answer = fc.record({ op: fc.constant('answer' as const), which })
const rare = fc.oneof(
  fc.record({ op: fc.constantFrom('die' as const, 'remove' as const), which }),
  fc.record({ op: fc.constant('desired' as const), threads: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ op: fc.constantFrom('lifo' as const, 'pause' as const), on: fc.boolean() }),
  fc.record({ op: fc.constant('drop' as const) }),
)
const start = fc.record({ op: fc.constant('start' as const), which })

const stepsOf = (adds: fc.Arbitrary<Step>): fc.Arbitrary<Step[]> => {
  const weighted = fc.oneof(
    { weight: 6, arbitrary: adds },
    { weight: 6, arbitrary: answer },
    { weight: 4, arbitrary: start },
    { weight: 3, arbitrary: rare },
  )
  return fc.array(weighted as fc.Arbitrary<Step>, { maxLength: 120 })
}

/** A thread whose jobs begin when the case says so; the first in line, as a worker would. */
class PlayedThread implements Thread {
  readonly jobs = new Set<Job>()
  readonly begun = new Set<Job>()
  isReady = false
  isLeaving = false
  isCondemned = false
  readonly isOccupied = false
  readonly isNeeded = false
  idleSince = 0
  readonly bound: Job[] = []

  constructor(
    readonly id: number,
    readonly room: number,
    readonly queue: Queue,
    readonly began: (job: Job) => void,
  ) {}

  give(job: Job): void {
    expect(this.isReady && !this.isLeaving).toBe(true)
    expect(this.jobs.size).toBeLessThan(this.room)
    this.jobs.add(job)
    if (this.room === 1) this.begin()
  }

  begin(): void {
    const [first] = this.jobs
    if (first === undefined || this.begun.size > 0) return
    this.begun.add(first)
    this.began(first)
  }

  answer(): void {
    for (const job of [...this.begun]) {
      this.begun.delete(job)
      this.jobs.delete(job)
      this.queue.answered(this, job, endWithout(JobOutcome.VALUE), 0.001)
    }
  }

  hasBegun(job: Job): boolean {
    return this.begun.has(job)
  }

  takeBack(job: Job): boolean {
    return !this.begun.has(job) && this.jobs.delete(job)
  }

  signal(): boolean {
    return false
  }

  flush(): void {}

  leave(): void {
    expect(this.jobs.size).toBe(0)
  }
}

/** The rules once more, as simply as can be: all that waits in one list. */
class Reference {
  waiting: Job[] = []
  readonly inflight = new Map<bigint, number>()
  /** Subqueues in which something waits; the first is next. */
  ring: bigint[] = []

  add(job: Job): void {
    this.waiting.push(job)
    if (!this.ring.includes(job.order.subqueue)) this.ring.push(job.order.subqueue)
  }

  remove(job: Job): void {
    this.waiting = this.waiting.filter((other) => other !== job)
    this.ring = this.ring.filter((id) => this.waiting.some((other) => other.order.subqueue === id))
  }

  ended(job: Job): void {
    const { subqueue } = job.order
    this.inflight.set(subqueue, this.#of(subqueue) - 1)
  }

  /** Who must be given next. */
  take(threads: number, lifo: boolean): Job | undefined {
    const busy = new Set([...this.ring, ...[...this.inflight].filter(([, n]) => n > 0).map(([id]) => id)])
    const share = Math.max(1, Math.floor(threads / busy.size))
    const least = Math.min(...this.ring.map((id) => this.#of(id)))
    const chosen =
      this.ring.find((id) => this.#of(id) < share) ?? this.ring.find((id) => this.#of(id) === least)
    if (chosen === undefined) return undefined
    const at = this.ring.indexOf(chosen) + 1
    this.ring = [...this.ring.slice(at), ...this.ring.slice(0, at)]
    const own = this.waiting.filter((job) => job.order.subqueue === chosen)
    const highest = Math.max(...own.map((job) => job.order.priority))
    const equals = own.filter((job) => job.order.priority === highest)
    const job = (lifo ? equals.at(-1) : equals[0]) as Job
    this.inflight.set(chosen, this.#of(chosen) + 1)
    this.remove(job)
    return job
  }

  #of(id: bigint): number {
    return this.inflight.get(id) ?? 0
  }
}

/** Plays steps on a queue, and checks after each what must hold always. */
class Play implements QueueHost, JobOwner {
  readonly loopId = 1
  readonly alarms = new Alarms()
  readonly queue: Queue
  readonly reference = new Reference()
  readonly jobs: Job[] = []
  readonly ends = new Map<Job, JobEnd>()
  readonly begun: Job[] = []
  /** Of the threads, in turn. */
  readonly #rooms: readonly number[]
  /** Of threads that were asked for and have not come. */
  #coming: PlayedThread[] = []

  constructor(...rooms: readonly number[]) {
    this.#rooms = rooms
    this.queue = new Queue(1, { ...SPEC, kind: JobQueueKind.WORKER, desired: 2 }, this)
  }

  place(queue: Queue, id: number): Thread {
    const thread = new PlayedThread(id, this.#rooms[id % this.#rooms.length] as number, queue, (job) =>
      this.#began(job),
    )
    this.#coming.push(thread)
    return thread
  }

  wish(_queue: Queue, _thread: number, what: number): boolean {
    expect(what).toBe(JobWorkerWish.START)
    return true
  }

  deliver(job: Job): void {
    expect(this.ends.has(job)).toBe(false)
    this.ends.set(job, job.end as JobEnd)
  }

  step(step: Step): void {
    switch (step.op) {
      case 'add':
        this.#add(step.subqueue, step.priority)
        break
      case 'start':
        this.#start(step.which)
        break
      case 'answer':
        this.#answer(step.which)
        break
      case 'die':
        this.#die(step.which)
        break
      case 'remove':
        this.#remove(step.which)
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
        this.reference.waiting = []
        this.reference.ring = []
        this.queue.dropWaiting(false)
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
      this.#start(0)
      this.#answer(turn)
      this.#dismissed()
    }
    expect(drained).toBe(1)
    expect(this.queue.state).toBe(QueueState.DRAINED)
    expect(this.ends.size).toBe(this.jobs.length)
    const ran = [...this.ends.values()].filter(
      ({ outcome }) => outcome <= JobOutcome.ERROR || outcome === JobOutcome.WORKER_DIED,
    )
    expect(this.queue.tally.total).toBe(ran.length)
    expect(this.queue.crew.threads.size).toBe(0)
    expect([...this.queue.waiting.subqueues()].map(({ id, isActive }) => [id, isActive])).toEqual([
      [0n, false],
    ])
    expect(Atomics.load(this.queue.room.cells, 0)).toBe(0)
    expect(new Set(this.begun).size).toBe(this.begun.length)
  }

  #threads(): PlayedThread[] {
    return [...this.queue.crew.threads.values()] as PlayedThread[]
  }

  #add(subqueue: number, priority: number): void {
    const job = this.job(subqueue, priority)
    this.jobs.push(job)
    this.reference.add(job)
    this.queue.add(job)
    this.queue.pump()
  }

  job(subqueue: number, priority: number): Job {
    const order: JobOrder = {
      handle: this.jobs.length,
      target: 1,
      cleanup: 0,
      flags: 0,
      bytes: new Uint8Array(0),
      block: undefined,
      subqueue: BigInt(subqueue),
      priority,
      deadline: Number.POSITIVE_INFINITY,
      runTimeoutMs: 0,
      worker: 0,
    }
    return new Job(this, order, undefined, performance.now())
  }

  #start(which: number): void {
    const coming = this.#coming.filter((thread) => this.queue.crew.threads.has(thread.id))
    const thread = coming[which % Math.max(1, coming.length)]
    this.#coming = coming.filter((other) => other !== thread)
    if (thread !== undefined) this.queue.ready(thread)
    for (const one of this.#threads()) one.begin()
  }

  #answer(which: number): void {
    const running = this.#threads().filter((thread) => thread.begun.size > 0)
    const thread = running[which % Math.max(1, running.length)]
    if (thread === undefined) return
    for (const job of thread.begun) this.reference.ended(job)
    thread.answer()
    thread.begin()
  }

  #die(which: number): void {
    const threads = this.#threads().filter((thread) => thread.isReady)
    const thread = threads[which % Math.max(1, threads.length)]
    if (thread === undefined) return
    for (const job of thread.begun) this.reference.ended(job)
    this.queue.ended(thread)
  }

  #remove(which: number): void {
    const left = this.jobs.filter((job) => !this.ends.has(job))
    const job = left[which % Math.max(1, left.length)]
    if (job === undefined) return
    const hadBegun = this.begun.includes(job)
    if (!hadBegun) this.reference.remove(job)
    this.queue.remove(job, false)
    expect(this.ends.get(job)?.outcome).toBe(hadBegun ? undefined : JobOutcome.REMOVED)
  }

  /** Threads that were let go end. */
  #dismissed(): void {
    for (const thread of this.#threads()) if (thread.isLeaving) this.queue.ended(thread)
  }

  #began(job: Job): void {
    this.begun.push(job)
    if (this.#rooms.length > 1) return
    const { desired, lifo } = this.queue.settings
    expect(job).toBe(this.reference.take(desired, lifo))
  }

  #check(): void {
    const { queue } = this
    const left = this.jobs.filter((job) => !this.ends.has(job))
    const running = left.filter((job) => this.begun.includes(job))
    expect(queue.crew.inflight).toBe(running.length)
    expect(queue.backlog).toBe(left.length - running.length)
    expect(listJobs(queue).length).toBe(left.length)
    const { desired, paused } = queue.settings
    const idle = this.#threads().filter(
      (thread) => thread.isReady && !thread.isLeaving && thread.jobs.size === 0,
    )
    // Nobody is idle while something waits, and nobody waits for a thread that is not coming.
    if (!paused && queue.waiting.size > 0) {
      expect(idle).toEqual([])
      expect(queue.crew.live).toBeGreaterThan(0)
    }
    if (paused) for (const thread of this.#threads()) expect(thread.jobs.size).toBe(thread.begun.size)
    if (idle.length > 0) expect(queue.crew.live).toBeLessThanOrEqual(desired)
  }
}

const RUNS = { numRuns: 500 }

const addOne: Step = { op: 'add', subqueue: 0, priority: 0 }
const stepOf = (op: 'answer' | 'start'): Step => ({ op, which: 0 })

/** One thread has a line of eight, and nothing waits. */
function lined(...rooms: readonly number[]): Play {
  const play = new Play(...rooms)
  const pause = (on: boolean): Step => ({ op: 'pause', on })
  const before: Step[] = [{ op: 'desired', threads: 1 }, addOne, stepOf('start'), stepOf('answer')]
  const eight = Array.from({ length: 8 }, () => addOne)
  for (const step of [...before, pause(true), ...eight, pause(false)]) play.step(step)
  return play
}

describe('js job queues against a model', () => {
  it('JQ-02 JQ-07 JQ-12 JQ-17 begins jobs in exactly the order that the rules give', () => {
    fc.assert(
      fc.property(stepsOf(add), (steps) => {
        const play = new Play(1)
        for (const step of steps) play.step(step)
        play.finish()
      }),
      RUNS,
    )
  })

  it('JQ-02 JQ-13 JQ-17 accounts for every job once, with jobs in line at threads', () => {
    fc.assert(
      fc.property(
        stepsOf(fc.oneof({ weight: 4, arbitrary: plainAdd }, { weight: 1, arbitrary: add })),
        (steps) => {
          const play = new Play(8, 1, 3)
          for (const step of steps) play.step(step)
          play.finish()
        },
      ),
      RUNS,
    )
  })

  it('JQ-17 hands no thread more than it has room for', () => {
    const play = lined(1, 8)
    const lengths = () => [...play.queue.crew].map(({ jobs }) => jobs.size)
    expect(lengths()).toEqual([7])
    play.step({ op: 'desired', threads: 2 })
    for (const step of [stepOf('start'), stepOf('start')]) play.step(step)
    expect(lengths()).toEqual([7, 1])
    play.step({ op: 'answer', which: 1 })
    expect(lengths()).toEqual([6, 1])
    play.finish()
  })

  it('goes on when a thread could not be given a job', () => {
    const play = lined(8)
    const [thread] = play.queue.crew
    play.step(stepOf('start'))
    for (let n = 0; n < 8; n++) play.step(stepOf('answer'))
    const broken = new Error('broken')
    const give = vi.spyOn(thread as Thread, 'give').mockImplementationOnce(() => {
      throw broken
    })
    expect(() => play.step(addOne)).toThrow(broken)
    play.queue.add(play.job(0, 0))
    play.queue.pump()
    expect(give).toHaveBeenCalledTimes(2)
    expect(thread?.jobs.size).toBe(1)
  })
})
