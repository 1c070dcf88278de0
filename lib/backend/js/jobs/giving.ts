import { CLAIMS, JobFlag, JobOutcome } from '../../jobs'
import { type Crew, canLineUp, isIdle } from './crew'
import { Guess } from './guess'
import { type Job, JobState } from './job'
import type { Room } from './room'
import type { Settings } from './settings'
import type { Tally } from './tally'
import type { Thread } from './thread'
import type { Waiting } from './waiting'
import type { Watch } from './watch'

/** About so much work is in line at a thread at once. */
const LINE_MS = 0.1

/** What giving needs of its queue. */
export interface Giver {
  readonly settings: Settings
  readonly waiting: Waiting
  readonly room: Room
  readonly crew: Crew
  readonly tally: Tally
  readonly watch: Watch
  /** Of a job that will not begin, since its deadline has passed. */
  tooLate(job: Job): void
}

/** Who gets what: jobs that wait go to threads, and what a thread has not begun is taken back. (JQ-07, JQ-12) */
export class Giving {
  readonly #queue: Giver
  readonly #guess = new Guess()

  constructor(queue: Giver) {
    this.#queue = queue
  }

  /** A job has run for so long. */
  ran(ms: number): void {
    this.#guess.add(ms)
  }

  /** What waits goes to threads: first to those that have nothing, then in line behind short jobs. */
  share(): void {
    const { crew } = this.#queue
    for (const thread of crew) this.#giveBound(thread)
    for (let thread = crew.freest(); thread !== undefined; thread = crew.freest())
      if (!this.#giveNext(thread)) break
    this.#lineUp()
    this.#steal()
  }

  /** A job has come. What stands in line at threads was taken when it was not there; it may be its turn before theirs. */
  joined(job: Job, activeBefore: number): void {
    const { waiting, crew } = this.#queue
    const mixes = waiting.active > 1 && waiting.active !== activeBefore
    if (!mixes && job.order.priority === 0) return
    // One that is alone was given under these rules, and is about to begin.
    for (const thread of crew) if (thread.jobs.size > 1) this.recall(thread)
  }

  /** What a thread has not begun waits again, in front. */
  recall(thread: Thread): void {
    const { room, watch, waiting } = this.#queue
    for (const job of [...thread.jobs]) {
      if (!thread.takeBack(job)) continue
      room.take()
      watch.forget(job)
      job.state = JobState.WAITING
      if (!job.isBound) waiting.restore(job)
      else {
        waiting.ended(job)
        thread.bound.unshift(job)
      }
    }
  }

  recallAll(): void {
    for (const thread of this.#queue.crew) this.recall(thread)
  }

  #giveBound(thread: Thread): void {
    while (isIdle(thread) && thread.bound.length > 0) {
      const job = thread.bound.shift() as Job
      this.#queue.waiting.began(job)
      if (this.#mayBegin(job)) this.#give(thread, job)
    }
  }

  /** False: nothing waits any more. */
  #giveNext(thread: Thread): boolean {
    const { waiting, settings } = this.#queue
    for (;;) {
      const job = waiting.take(settings.desired)
      if (job === undefined) return false
      if (!this.#mayBegin(job)) continue
      this.#give(thread, job)
      return true
    }
  }

  /** Not where its deadline is past; but the cleanup of a phased job is owed. */
  #mayBegin(job: Job): boolean {
    const { tally } = this.#queue
    if (job.order.deadline >= performance.now() || job.fate !== undefined) return true
    tally.timeouts++
    if (job.has(JobFlag.PHASED)) {
      job.fate = JobOutcome.TIMED_OUT
      return true
    }
    this.#queue.tooLate(job)
    return false
  }

  #give(thread: Thread, job: Job): void {
    const { room, tally, watch } = this.#queue
    const now = performance.now()
    room.free()
    job.state = JobState.GIVEN
    if (job.startedAt === 0) tally.wait.add(now - job.addedAt)
    job.startedAt = now
    watch.begun(job)
    thread.give(job)
  }

  /** While jobs are short, more of them are on their way to a thread than it runs, so that it need not wait for the next. */
  #lineUp(): void {
    const line = this.#lineLength()
    if (line < 2) return
    const { waiting, crew, settings } = this.#queue
    const most = Math.min(line, Math.ceil(waiting.size / Math.max(1, crew.live)))
    for (const thread of crew) {
      const length = Math.min(most, thread.room)
      // Half a line at a time, so that they go together.
      if (!canLineUp(thread) || thread.jobs.size > length >> 1) continue
      for (let n = length - thread.jobs.size; n > 0; n--) {
        const job = waiting.take(settings.desired)
        if (job === undefined) return
        if (!job.isPlain) {
          waiting.restore(job)
          return
        }
        this.#give(thread, job)
      }
    }
  }

  #lineLength(): number {
    const { settings, waiting } = this.#queue
    const { lifo, maxBacklog } = settings
    if (lifo || maxBacklog > 0 || waiting.active > 1 || this.#guess.ms > LINE_MS) return 1
    return Math.min(CLAIMS, Math.floor(LINE_MS / Math.max(this.#guess.ms, 0.001)))
  }

  /** A thread that has nothing takes half of what the one with most has not begun, as far as it has room. */
  #steal(): void {
    const { waiting, crew } = this.#queue
    if (waiting.size > 0) return
    for (let thief = crew.freest(); thief !== undefined; thief = crew.freest()) {
      const jobs = this.#halfOfFullest(thief.room)
      for (const job of jobs) thief.give(job)
      if (jobs.length === 0) return
    }
  }

  #halfOfFullest(most: number): Job[] {
    let fullest: Thread | undefined
    for (const thread of this.#queue.crew)
      if (thread.jobs.size > Math.max(1, fullest?.jobs.size ?? 0)) fullest = thread
    if (fullest === undefined) return []
    const jobs = [...fullest.jobs]
    const from = Math.max(Math.ceil(jobs.length / 2), jobs.length - most)
    return jobs.slice(from).filter((job) => fullest.takeBack(job))
  }
}
