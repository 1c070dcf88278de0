import { HeddleError } from '../errors'
import type { Core } from '../eventer/core'
import { deskOf } from '../eventer/desk'
import type { Loop } from '../eventer/loop'
import { JobOutcome } from '../backend/jobs'
import type { JobDone, JobOrder } from '../jobq'
import type { Semaphore } from '../locks'
import type { AsyncJob, JobEnd } from './async-job'
import { Finisher } from './finisher'
import type { Prepared } from './prepared'
import { tailOrder, threadOrder } from './thread-job'
import type { ThreadPool } from './thread-pool'

/**
 * The way of jobs: a permit of their semaphore, a place in the pool, the work, the completion. Every job that is accepted ends
 * here, once.
 */
export class ThreadJobs {
  readonly #core: Core
  readonly #prepared: Prepared
  readonly #finisher: Finisher
  /** Of the jobs under way. */
  readonly #pools = new Map<AsyncJob, ThreadPool>()
  /** What leaves the line of a semaphore. */
  readonly #leave = new Map<AsyncJob, () => boolean>()

  constructor(core: Core, prepared: Prepared) {
    this.#core = core
    this.#prepared = prepared
    this.#finisher = new Finisher(core, (job) => this.#over(job))
  }

  /** Work and completion, here and now. False: its semaphore has no permit. */
  runHere(job: AsyncJob): boolean {
    const work = this.#prepared.get(job.worker)
    const { concurrency } = job
    if (concurrency !== undefined && !tryPermit(concurrency)) return false
    job.enter('queued')
    try {
      const value = work(job, job.closure)
      if (typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function')
        throw asynchronous(value)
      job.ends({ value, error: undefined, failed: false })
    } catch (error) {
      job.ends(failed(error))
    }
    this.#giveBack(job)
    this.#worked(job)
    return true
  }

  /** Accepts a job for a pool, or answers false: as many wait as may. Throws what prevents it, and the job is as it was. */
  submit(job: AsyncJob, pool: ThreadPool): boolean {
    const { concurrency } = job
    if (concurrency === undefined) return this.#send(job, pool, true)
    if (tryPermit(concurrency)) return this.#sendPermitted(job, pool)
    if (pool.isFull) return false
    this.#accept(job, pool, 'waiting')
    pool.parked.add(job)
    const leave = concurrency.enter(
      () => this.#permitted(job, pool),
      (error) => this.#closed(job, pool, error),
    )
    this.#leave.set(job, leave)
    return true
  }

  /** Calls the completion that was withheld. ERR_JOB_ACTIVE: the work is not over. ERR_JOB_COMPLETED: nothing is withheld. */
  completeTail(job: AsyncJob): void {
    if (job.state === 'withheld') this.#completeLate(job)
    else if (job.isActive && job.state !== 'completing')
      throw new HeddleError('ERR_JOB_ACTIVE', 'the work is not over')
    else throw new HeddleError('ERR_JOB_COMPLETED')
  }

  /** Drops those jobs of a pool that wait for a permit. */
  dropParked(pool: ThreadPool, which: (job: AsyncJob) => boolean): void {
    for (const job of [...pool.parked]) {
      if (which(job) && this.#leave.get(job)?.()) this.#drop(job, pool, new HeddleError('ERR_SHUTDOWN'))
    }
  }

  /** The permit is there. */
  #sendPermitted(job: AsyncJob, pool: ThreadPool): boolean {
    let sent = false
    try {
      sent = this.#send(job, pool, true)
      return sent
    } finally {
      if (!sent) this.#giveBack(job)
    }
  }

  /** The permit has come: the job was accepted, so the pool takes it however many wait. */
  #permitted(job: AsyncJob, pool: ThreadPool): void {
    this.#unpark(job, pool)
    try {
      this.#send(job, pool, false)
    } catch (error) {
      // The permit is that of a job which the eventer has taken along.
      if (pool.isEnding) this.#lost(job, pool)
      else this.#ended(job, failed(error))
    }
  }

  /** There will be no permit: the job has failed. */
  #closed(job: AsyncJob, pool: ThreadPool, error: unknown): void {
    this.#unpark(job, pool)
    this.#ended(job, failed(error))
    pool.room.look()
  }

  /** It will not run, and nothing follows. */
  #drop(job: AsyncJob, pool: ThreadPool, error: unknown): void {
    this.#unpark(job, pool)
    job.ends(failed(error))
    this.#finish(job)
  }

  #unpark(job: AsyncJob, pool: ThreadPool): void {
    pool.parked.delete(job)
    this.#leave.delete(job)
  }

  #send(job: AsyncJob, pool: ThreadPool, trying: boolean): boolean {
    // Of those that wait for a permit the queue does not know.
    if (trying && pool.parked.size > 0 && pool.isFull) return false
    const desk = deskOf(this.#finisher.home(job.completion))
    const done: JobDone = (outcome, value) => this.#answered(job, pool, outcome, value)
    const release = job.hold()
    try {
      const order: JobOrder = { ...threadOrder(job), droppable: job.skipOnShutdown }
      if (!trying) desk.submit(pool.queue, order, done)
      else if (desk.trySubmit(pool.queue, order, done) === undefined) return false
    } finally {
      release()
    }
    this.#accept(job, pool, 'queued')
    return true
  }

  #accept(job: AsyncJob, pool: ThreadPool, state: 'waiting' | 'queued'): void {
    job.enter(state)
    this.#pools.set(job, pool)
    pool.active.add(job)
  }

  #answered(job: AsyncJob, pool: ThreadPool, outcome: number, value: unknown): void {
    if (isLost(pool, outcome)) {
      this.#lost(job, pool)
    } else {
      pool.total++
      const isWell = outcome === JobOutcome.VALUE
      this.#ended(job, isWell ? { value, error: undefined, failed: false } : failed(value))
    }
    pool.room.look()
  }

  /** The pool, or the eventer, ends before the job does: nothing follows, and nobody is told who did not ask. */
  #lost(job: AsyncJob, pool: ThreadPool): void {
    this.#giveBack(job)
    this.#drop(job, pool, new HeddleError('ERR_SHUTDOWN'))
  }

  #ended(job: AsyncJob, end: JobEnd): void {
    job.ends(end)
    this.#giveBack(job)
    this.#worked(job)
  }

  #worked(job: AsyncJob): void {
    if (job.skipCompletion) job.enter('withheld')
    else this.#finisher.complete(job)
  }

  #giveBack({ concurrency }: AsyncJob): void {
    if (concurrency === undefined || concurrency.isClosed) return
    try {
      concurrency.post()
    } catch (error) {
      // Somebody has posted what was not taken.
      this.#core.report(error)
    }
  }

  /** The completion that was withheld. A callback runs on some thread of the pool: that of the work does something else by now. */
  #completeLate(job: AsyncJob): void {
    const { completion } = job
    const pool = this.#pools.get(job)
    if (completion.mode !== 'callback' || pool === undefined) {
      this.#finisher.complete(job)
      return
    }
    const desk = deskOf(this.#finisher.home(completion))
    desk.submit(pool.queue, tailOrder(job, completion), (outcome, value) => {
      if (outcome !== JobOutcome.VALUE && !isLost(pool, outcome)) this.#report(job, value)
      this.#over(job)
    })
    job.enter('completing')
  }

  /** The completion is over, or there is none. */
  #over(job: AsyncJob): void {
    const { error, failed: hasFailed } = job.end
    const { mode } = job.completion
    const isHeard = this.#finish(job)
    if (!isHeard && hasFailed && mode === 'none') this.#report(job, error)
  }

  /** The job is the program's again. True: somebody asked for its end. */
  #finish(job: AsyncJob): boolean {
    const pool = this.#pools.get(job)
    this.#pools.delete(job)
    let isHeard = false
    try {
      isHeard = job.finish()
    } catch (error) {
      // Its memory is not what it was when the job was queued.
      this.#report(job, error)
    }
    pool?.forget(job)
    return isHeard
  }

  #report(job: AsyncJob, error: unknown): void {
    const loop = this.#core.loops[0] as Loop
    const name = workerName(job)
    this.#core.reportFailed(() => ({ name, loop, mask: 0, event: `job/${name}/-/-/${loop.name}/-` }), error)
  }
}

/** The pool, or the eventer, has ended before what it was given. */
function isLost(pool: ThreadPool, outcome: number): boolean {
  return outcome === JobOutcome.SHUTDOWN || (outcome === JobOutcome.WORKER_DIED && pool.isEnding)
}

/** ERR_CLOSED. */
function tryPermit(semaphore: Semaphore): boolean {
  if (!semaphore.isClosed) return semaphore.tryWait()
  throw new HeddleError('ERR_CLOSED', 'the semaphore of the job is closed')
}

function workerName({ worker }: AsyncJob): string {
  if (typeof worker === 'function') return worker.name || 'worker'
  return 'native' in worker ? worker.native : worker.export
}

function failed(error: unknown): JobEnd {
  return { value: undefined, error, failed: true }
}

function asynchronous(promise: unknown): HeddleError {
  ;(promise as PromiseLike<unknown>).then(ignore, ignore)
  return new HeddleError('ERR_NOT_SUPPORTED', 'a worker of the mode sync returned a promise')
}

function ignore(): void {}
