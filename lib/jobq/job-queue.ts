import { checkOptions, flag, invalid } from '../arguments'
import {
  JOB_STATS,
  type JobInfo,
  JobOutcome,
  type JobQueueSettings,
  JobSafety,
  type JobsBackend,
  JobStat,
} from '../backend/jobs'
import { HeddleError, systemError } from '../errors'
import type { DeskQueue, JobDesk, JobHandle, Mail } from './job-desk'
import type { JobOrder } from './job-order'
import { type JobqLimits, withDesired, withFloor, withMinMax } from './limits'
import { shutDown } from './outcome'
import { Room } from './room'
import { backlogFull, checkOverflow, checkSignal, type JobRunOptions, orderOf } from './run-options'
import { shortNameOf } from './short-name'
import type { JobqSafety } from './spec'
import type { JobTarget } from './targets'
import { jobHere } from './job-scope'
import type { WorkerHost } from './worker-host'

/** Numbers of a queue. Averages are smoothed: each job counts for a fifth. (JQ-10) */
export interface JobQueueStats {
  /** Waiting jobs. */
  readonly backlog: number
  /** Running jobs. */
  readonly inflight: number
  /** Jobs that have ended. */
  readonly total: number
  /** Of these, jobs that had not begun when their deadline passed. */
  readonly timeouts: number
  readonly avgWaitMs: number
  readonly avgRunMs: number
  /** Live threads, and those of them that wait for a job. */
  readonly concurrency: number
  readonly idle: number
  readonly desired: number
  /** 0: unbounded, as for max. */
  readonly min: number
  readonly max: number
  readonly floor: number
  /** 0: never full. */
  readonly maxBacklog: number
  readonly lifo: boolean
  readonly paused: boolean
  readonly memorySafety: JobqSafety
  readonly state: 'open' | 'draining' | 'drained'
}

/** A subqueue that has something waiting or running. (JQ-12) */
export interface SubqueueStats {
  readonly id: bigint
  readonly backlog: number
  readonly inflight: number
}

/** A waiting or running job. (JQ-11) */
export interface JobDescription extends Omit<JobInfo, 'target'> {
  /** Module and export, or 'native:' and the name of a function. */
  readonly module: string
  readonly export: string
}

const SAFETIES: readonly JobqSafety[] = ['none', 'cs', 'gc']
const STATES = ['open', 'draining', 'drained'] as const
const DRAINED = 2
const DRAIN: ReadonlySet<string> = new Set(['signal'])
const MAX_BACKLOG = 0x7fffffff

/** What a queue is made of. */
export interface JobQueueParts {
  readonly id: number
  readonly name: string
  readonly kind: 'worker' | 'native'
  readonly backend: JobsBackend
  readonly desk: JobDesk
  /** Of a worker queue that this isolate made. */
  readonly host: WorkerHost | undefined
  /** Called once it is destroyed. */
  readonly destroyed: (queue: JobQueue) => void
}

/**
 * A named queue of jobs and the threads that run them: worker threads of Node that run exports of modules, or plain threads
 * that run registered native functions. Its settings may be changed while it is in use; nothing is lost by that.
 *
 * Thread rule: the isolate of the eventer whose `jobqs` gave it. The queue itself is the process's on the native backend;
 * other isolates get it by its name. Once it is destroyed, or the eventer has ended, jobs reject with ERR_JOBQ_SHUTDOWN, and
 * what asks for or changes its settings throws ERR_CLOSED.
 */
export class JobQueue implements DeskQueue, AsyncDisposable {
  /** @internal */
  readonly id: number
  readonly name: string
  /** At most 13 characters, with which the names of its threads begin. (JQ-11) */
  readonly shortName: string
  readonly kind: 'worker' | 'native'
  /** @internal */
  readonly isNative: boolean
  /** @internal */
  readonly mail: Mail | undefined
  /** @internal */
  readonly desk: JobDesk
  readonly #host: WorkerHost | undefined
  readonly #backend: JobsBackend
  readonly #destroyed: (queue: JobQueue) => void
  readonly #room: Room
  readonly #stats = new Float64Array(JOB_STATS)
  #drained: Promise<void> | undefined

  /** @internal See `jobqs.create`. */
  constructor({ id, name, kind, backend, desk, host, destroyed }: JobQueueParts) {
    this.id = id
    this.name = name
    this.shortName = shortNameOf(name)
    this.kind = kind
    this.isNative = kind === 'native'
    this.#host = host
    this.mail = host
    this.desk = desk
    this.#backend = backend
    this.#destroyed = destroyed
    this.#room = new Room(desk)
  }

  /**
   * Runs an export of a module, or a native function, on a thread of the queue. The argument is copied; the function gets it
   * and a `JobContext`. Resolves with a copy of what it returns, or what the promise it returns is fulfilled with; of native
   * functions with a `NativeResult`. Rejects with what it throws, ETIME, EAGAIN, ECANCELED, ENOMEM, ENOENT, EINVAL,
   * ERR_WORKER_DIED, ERR_JOBQ_SHUTDOWN, ERR_QUEUE_WEDGED, ERR_INVALID_ARGUMENT, or a DataCloneError. (AS-12)
   */
  run<T = unknown>(target: JobTarget, arg?: unknown, options?: JobRunOptions): Promise<T> {
    try {
      if (options === undefined && jobHere() === undefined) {
        const { desk } = this
        return desk.run(this, desk.numberOf(this, target), arg) as Promise<T>
      }
      return this.#runWith(target, arg, options === undefined ? {} : options) as Promise<T>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Live threads. (JQ-03) */
  get concurrency(): number {
    return this.#read(JobStat.CONCURRENCY)
  }

  /** The threads it may have now, while there is work for them. (JQ-03) */
  get desired(): number {
    return this.#read(JobStat.DESIRED)
  }

  /** Sets `desired`, pulled into [min, max]. Running jobs end as they would. EINVAL. (JQ-02) */
  setConcurrency(threads: number): void {
    this.#limit((limits) => withDesired(limits, threads))
  }

  get minMax(): readonly [min: number, max: number] {
    const { min, max } = this.#limits()
    return [min, max]
  }

  /** 0 is unbounded. `desired` is pulled in; a floor that no longer fits becomes min. EINVAL: min is above max. (JQ-04) */
  setMinMax(min: number, max: number): void {
    this.#limit((limits) => withMinMax(limits, min, max))
  }

  /** Threads that stay when they have been idle for 5 s. */
  get floor(): number {
    return this.#read(JobStat.FLOOR)
  }

  /** Raises min, max and `desired` where they are below it and not unbounded. EINVAL. (JQ-05) */
  setFloor(threads: number): void {
    this.#limit((limits) => withFloor(limits, threads))
  }

  /** @internal All limits in one step. */
  setLimits(limits: JobqLimits): void {
    this.#limit(() => limits)
  }

  /** Waiting jobs from which on a job is refused that does not insist; 0: never. (JQ-06) */
  get maxBacklog(): number {
    return this.#read(JobStat.MAX_BACKLOG)
  }

  setMaxBacklog(jobs: number): void {
    if (!Number.isInteger(jobs) || jobs < 0 || jobs > MAX_BACKLOG)
      throw invalid('maxBacklog', 'is a number of jobs', jobs)
    this.#configure({ maxBacklog: jobs })
  }

  /** Newest first. May be switched at any time; the mode at the moment a job is taken counts. (JQ-07) */
  get lifo(): boolean {
    return this.#read(JobStat.LIFO) === 1
  }

  set lifo(on: boolean) {
    this.#configure({ lifo: flag('lifo', on, false) })
  }

  /** (JQ-08) */
  get memorySafety(): JobqSafety {
    return safetyOf(this.#read(JobStat.SAFETY))
  }

  /** @internal Starts threads until there are `desired`; otherwise jobs start them. */
  spawn(): void {
    this.#configure({ spawn: true })
  }

  /**
   * Bytes of the stacks of threads that are started from now on; 0: as usual. Worker threads have 1 MiB at least.
   * ERR_NOT_SUPPORTED: another isolate starts the queue's worker threads.
   */
  setStackSize(bytes: number): void {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw invalid('stackSize', 'is a number of bytes', bytes)
    if (!this.isNative && this.#host === undefined)
      throw new HeddleError('ERR_NOT_SUPPORTED', `another isolate starts the threads of ${this.name}`)
    this.#host?.setStackSize(bytes)
    this.#configure({ stackBytes: bytes })
  }

  /** Whether no job begins. */
  get isPaused(): boolean {
    return this.#read(JobStat.PAUSED) === 1
  }

  /** @internal Nothing waits or runs there any more, or it is destroyed. */
  get isDrained(): boolean {
    return !this.#refresh(true) || this.#stats[JobStat.STATE] === DRAINED
  }

  /** This isolate has asked for its end: it takes no more jobs. */
  get isDraining(): boolean {
    return this.#drained !== undefined
  }

  /** No job begins until `resume`; those that run go on. (JQ-17) */
  pause(): void {
    this.#configure({ paused: true })
  }

  resume(): void {
    this.#configure({ paused: false })
  }

  /** (JQ-10) */
  stats(): JobQueueStats {
    this.#refresh()
    const at = (place: number): number => this.#stats[place] as number
    return {
      backlog: at(JobStat.BACKLOG),
      inflight: at(JobStat.INFLIGHT),
      total: at(JobStat.TOTAL),
      timeouts: at(JobStat.TIMEOUTS),
      avgWaitMs: at(JobStat.AVG_WAIT_MS),
      avgRunMs: at(JobStat.AVG_RUN_MS),
      concurrency: at(JobStat.CONCURRENCY),
      idle: at(JobStat.IDLE),
      desired: at(JobStat.DESIRED),
      min: at(JobStat.MIN),
      max: at(JobStat.MAX),
      floor: at(JobStat.FLOOR),
      maxBacklog: at(JobStat.MAX_BACKLOG),
      lifo: at(JobStat.LIFO) === 1,
      paused: at(JobStat.PAUSED) === 1,
      memorySafety: safetyOf(at(JobStat.SAFETY)),
      state: STATES[at(JobStat.STATE)] ?? 'open',
    }
  }

  /** Those that have jobs. (JQ-12) */
  subqueues(): SubqueueStats[] {
    this.#refresh()
    return this.#backend.subqueues(this.id).filter(({ backlog, inflight }) => backlog + inflight > 0)
  }

  /** Calls this with each waiting and each running job of now. (JQ-11) */
  forEach(visit: (job: JobDescription) => void): void {
    if (typeof visit !== 'function') throw invalid('forEach takes', 'a function', visit)
    this.#refresh()
    for (const { target, ...job } of this.#backend.jobs(this.id)) {
      const named = this.#backend.targetOf(target)
      visit({ ...job, module: named?.module ?? '', export: named?.name ?? '' })
    }
  }

  /**
   * No job is taken any more; resolves when all that were taken are over and the threads are gone. Later calls give the same
   * promise. With a signal only the waiting for it is given up. While the queue is paused and something waits it is not over:
   * `resume` or `dropWaiting` comes first. ERR_JOBQ_SHUTDOWN: the eventer has ended meanwhile. (JQ-13)
   */
  drain(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    try {
      checkOptions('drain', options, DRAIN, '{ signal }')
      const signal = checkSignal(options.signal)
      this.#drained ??= this.#drain()
      return signal === undefined ? this.#drained : until(this.#drained, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** ERR_JOBQ_BUSY unless it is drained. The name may be used again. (JQ-14) */
  destroy(): void {
    const result = this.#backend.destroy(this.id)
    if (result >= 0) {
      this.#destroyed(this)
      return
    }
    const error = systemError(result, 'destroy', this.name)
    if (error.code === 'EBUSY')
      throw new HeddleError('ERR_JOBQ_BUSY', `the queue ${this.name} is not drained`)
    if (error.code !== 'ENOENT') throw error
  }

  /** Drains it, then destroys it. See `drain` of a paused one. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#backend.stats(this.id, this.#stats) < 0) return
    await this.drain()
    this.destroy()
  }

  /** Ends what waits with ERR_JOBQ_SHUTDOWN, or those jobs only that are droppable; how many. (TP-15) */
  dropWaiting(onlyDroppable = false): number {
    this.desk.port.engine.flush()
    return this.#backend.dropWaiting(this.id, onlyDroppable)
  }

  async #drain(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.desk.drain(this, (error) => {
          if (error === undefined) resolve()
          else reject(error)
        })
      })
    } catch (error) {
      // It cannot be drained, and goes on, or nobody hears of it any more.
      this.#drained = undefined
      throw error
    }
  }

  #runWith(target: JobTarget, arg: unknown, options: JobRunOptions): Promise<unknown> {
    const order = orderOf(target, arg, options)
    const signal = checkSignal(options.signal)
    const overflow = checkOverflow(options.overflow)
    // Wrong targets are told at once, also where there is no room yet.
    this.desk.numberOf(this, target)
    if (signal?.aborted) return Promise.reject(signal.reason)
    const run = new Run(this.desk, signal, order.cancel !== undefined && order.cancel !== 'none')
    if (overflow === 'accept') run.began(this.desk.submit(this, order, run.done))
    else if (overflow === 'wait') this.#whenRoom(run, order, signal)
    else if (!run.began(this.desk.trySubmit(this, order, run.done))) run.refused(this.#refusal())
    return run.promise
  }

  #whenRoom(run: Run, order: JobOrder, signal: AbortSignal | undefined): void {
    const tries = (): boolean => {
      if (this.#refresh(true) && this.#stats[JobStat.STATE] === 0)
        return run.began(this.desk.trySubmit(this, order, run.done))
      throw this.#refusal()
    }
    this.#room.wait(tries, signal).catch((error: unknown) => run.refused(error))
  }

  /** Why a job was not taken. */
  #refusal(): HeddleError {
    if (this.#refresh(true) && this.#stats[JobStat.STATE] === 0) return backlogFull(this.name)
    return shutDown(this.name)
  }

  #limits(): JobqLimits {
    const { min, max, floor, desired } = this.stats()
    return { min, max, floor, desired }
  }

  #limit(change: (limits: JobqLimits) => JobqLimits): void {
    this.#configure({ ...change(this.#limits()) })
  }

  #configure(settings: JobQueueSettings): void {
    // What this loop has submitted comes first.
    this.desk.port.engine.flush()
    const result = this.#backend.configure(this.id, settings)
    if (result < 0) throw this.#gone()
  }

  #read(place: number): number {
    this.#refresh()
    return this.#stats[place] as number
  }

  /** With what this loop has submitted. False, if `quiet`: it is destroyed. */
  #refresh(quiet = false): boolean {
    this.desk.port.engine.flush()
    if (this.#backend.stats(this.id, this.#stats) >= 0) return true
    if (quiet) return false
    throw this.#gone()
  }

  #gone(): HeddleError {
    return new HeddleError('ERR_CLOSED', `the queue ${this.name} is destroyed`)
  }
}

/** The promise of a job with options. */
class Run {
  readonly promise: Promise<unknown>
  readonly #desk: JobDesk
  readonly #signal: AbortSignal | undefined
  readonly #stops: boolean
  #handle: JobHandle | undefined
  #resolve: (value: unknown) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(desk: JobDesk, signal: AbortSignal | undefined, stops: boolean) {
    this.#desk = desk
    this.#signal = signal
    this.#stops = stops
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** False: there was no room for it. */
  began(handle: JobHandle | undefined): boolean {
    if (handle === undefined) return false
    this.#handle = handle
    this.#signal?.addEventListener('abort', this.#aborted)
    // A getter of the argument may have aborted it.
    if (this.#signal?.aborted) this.#aborted()
    return true
  }

  refused(error: unknown): void {
    this.#reject(error)
  }

  readonly done = (outcome: number, value: unknown): void => {
    this.#signal?.removeEventListener('abort', this.#aborted)
    if (this.#signal?.aborted) this.#reject(this.#signal.reason)
    else if (outcome === JobOutcome.VALUE) this.#resolve(value)
    else this.#reject(value)
  }

  readonly #aborted = (): void => {
    if (this.#handle !== undefined) this.#desk.remove(this.#handle, this.#stops)
  }
}

function safetyOf(number: number): JobqSafety {
  return SAFETIES[number] ?? 'none'
}

/** The number of a mode for the backend. */
export function safetyNumber(safety: JobqSafety): number {
  return { none: JobSafety.NONE, cs: JobSafety.CS, gc: JobSafety.GC }[safety]
}

function until(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason)
    // Also where nobody waits for it: it may fail.
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted))
    if (signal.aborted) aborted()
    else signal.addEventListener('abort', aborted, { once: true })
  })
}
