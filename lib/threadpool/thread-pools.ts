import { threadId } from 'node:worker_threads'
import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { Event } from '../eventer/event'
import { Eventer } from '../eventer/eventer'
import { FdEvent } from '../eventer/fd-event'
import type { ModuleTarget } from '../jobq'
import { AsyncJob, type AsyncJobOptions } from './async-job'
import { stanzasOf, type ThreadPoolConfig, tune } from './pool-config'
import { checkName, PREDEFINED, poolSpec, type ThreadPoolOptions } from './pool-spec'
import { Prepared } from './prepared'
import { SuspendedSession } from './session'
import { ThreadJobs } from './thread-jobs'
import { ThreadPool, type ThreadPoolStats } from './thread-pool'

const made = new WeakMap<Eventer, ThreadPools>()

/**
 * Momentum's thread pools over the job queues: one call, `queue`, takes a job object that says what runs where and what
 * happens then. The pools `IO`, `CPU`, `SwapIn` and `SwapOut` are there from the beginning and have no threads before their
 * first job. One object an eventer.
 *
 * Thread rule: the isolate of the eventer, whose first loop is the scheduler's. (TP-01 … TP-22)
 */
export class ThreadPools implements AsyncDisposable {
  readonly #eventer: Eventer
  readonly #pools: ThreadPool[] = []
  readonly #byName = new Map<string, ThreadPool>()
  readonly #prepared = new Prepared()
  readonly #jobs: ThreadJobs
  #isClosed = false
  #closing: Promise<void> | undefined

  /** Those of an eventer, made at the first call. ERR_NOT_INIT. */
  static of(eventer: Eventer = Eventer.current()): ThreadPools {
    if (!(eventer instanceof Eventer)) throw invalid('ThreadPools.of takes', 'an eventer', eventer)
    eventer.core.assertOpen()
    const known = made.get(eventer)
    if (known !== undefined) return known
    const pools = new ThreadPools(eventer)
    made.set(eventer, pools)
    return pools
  }

  private constructor(eventer: Eventer) {
    this.#eventer = eventer
    this.#jobs = new ThreadJobs(eventer.core, this.#prepared)
    eventer.core.closers.add(async () => this.#abandon())
    for (const [name, options] of PREDEFINED) this.#add(name, options)
  }

  /** Pools there are. (TP-19) */
  get count(): number {
    return this.#pools.length
  }

  /** By job class. */
  list(): readonly ThreadPool[] {
    return [...this.#pools]
  }

  /** The number of a pool, whatever the case of its name; -1: there is none. (TP-10) */
  classFor(name: string): number {
    return this.find(name)?.jobClass ?? -1
  }

  /** The pool of a name or number. ERR_NO_POOL. (TP-10) */
  byName(name: string | number): ThreadPool {
    const pool = this.find(name)
    if (pool === undefined) throw new HeddleError('ERR_NO_POOL', `no pool is called ${String(name)}`)
    return pool
  }

  /** The same; undefined where there is none. */
  find(name: string | number): ThreadPool | undefined {
    return typeof name === 'number' ? this.#pools[name] : this.#byName.get(String(name).toLowerCase())
  }

  /** Makes a pool. EEXIST, ERR_SHUTDOWN, ERR_INVALID_ARGUMENT. (TP-19) */
  create(name: string, options: ThreadPoolOptions = {}): ThreadPool {
    if (this.#isClosed) throw new HeddleError('ERR_SHUTDOWN')
    checkName(name)
    if (this.find(name) !== undefined) throw new HeddleError('EEXIST', `a pool is called ${name} already`)
    return this.#add(name, options)
  }

  /**
   * Makes the pools that stanzas name, brings those that are there in step with them, and starts their threads; call it
   * again for a new configuration. The concurrency counts at once, the size of stacks for new threads; the backlog of a pool that has begun stays,
   * with a warning (HEDDLE_NOT_TUNABLE). What no stanza names stays as it is. ERR_INVALID_ARGUMENT changes nothing; ERR_SHUTDOWN. (TP-17)
   */
  configure(config: ThreadPoolConfig): void {
    const stanzas = stanzasOf(config)
    for (const [name, options] of stanzas) {
      checkName(name)
      poolSpec(options)
    }
    if (this.#isClosed) throw new HeddleError('ERR_SHUTDOWN')
    for (const [name, options] of stanzas) {
      const pool = this.find(name)
      if (pool === undefined) this.create(name, { owner: 'configuration', deferSpawn: false, ...options })
      else tune(pool, options)
    }
  }

  /** A job object, as `new AsyncJob` makes it. */
  job<C = undefined>(options: AsyncJobOptions<C>): AsyncJob<C> {
    return new AsyncJob(options)
  }

  /**
   * Submits a job: true, and it belongs to its pool until the completion is over. False: as many wait as may. In the mode
   * `sync` work and completion have run when this returns, whatever the pools are like; false: its semaphore has no permit.
   *
   * ERR_JOB_ACTIVE, ERR_NO_POOL, ERR_SHUTDOWN, ERR_CLOSED (its semaphore is), ERR_MEMTYPE_MISMATCH, ERR_NOT_SUPPORTED: the
   * worker cannot run there; a DataCloneError of the closure. Then the job is as it was. (TP-01)
   */
  queue(job: AsyncJob): boolean {
    this.#check(job)
    if (job.completion.mode === 'sync') return this.#jobs.runHere(job)
    const pool = this.#poolOf(job)
    // Nobody goes ahead of those who wait.
    pool.room.look()
    job.assertIdle()
    return !pool.room.isWaitedFor && this.#jobs.submit(job, pool)
  }

  /** The same, except that it waits for a place where `queue` answers false. The signal's reason, ERR_SHUTDOWN. (TP-18) */
  async enqueue(job: AsyncJob, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw invalid('signal', 'is an AbortSignal', signal)
    signal?.throwIfAborted()
    if (this.queue(job)) return
    if (job.completion.mode === 'sync')
      throw new HeddleError('EAGAIN', 'the semaphore of the job has no permit')
    await this.#wait(job, this.#poolOf(job), signal)
  }

  /**
   * Calls the completion that `skipCompletion` has withheld, in the thread it belongs to; a `callback` runs on some thread of the
   * pool. ERR_JOB_ACTIVE: the work is not over. ERR_JOB_COMPLETED: nothing is withheld. (TP-14)
   */
  completeTail(job: AsyncJob): void {
    this.#jobs.completeTail(checked('completeTail', job))
  }

  /** The completion of the job will schedule the event and call it back with the mask. ERR_JOB_ACTIVE. (TP-21) */
  wakeEventOnCompletion(job: AsyncJob, event: Event, mask: number): void {
    checked('wakeEventOnCompletion', job).completion = { mode: 'event', event, mask }
  }

  /**
   * Puts the session of a descriptor event aside: its duplicate is kept, its watch ends. In the event's callback return 0
   * after that. For the completions `module` and `event`, and for anybody who resumes it. (MX-03)
   */
  suspend(event: FdEvent): SuspendedSession {
    if (!(event instanceof FdEvent)) throw invalid('suspend takes', 'a descriptor event', event)
    return new SuspendedSession(this.#eventer.core, event)
  }

  /** Loads an export, so that jobs of the mode `sync` can run it. ERR_INVALID_ARGUMENT: there is none. (TP-08) */
  prepare(target: ModuleTarget): Promise<void> {
    return this.#prepared.load(target)
  }

  /** (TP-22) */
  stats(): ThreadPoolStats[] {
    return this.#pools.map((pool) => pool.stats())
  }

  /**
   * Takes no more jobs and waits for those it has. Jobs with `skipOnShutdown` are dropped where they have not begun: they
   * are not completed and `done` rejects with ERR_SHUTDOWN; those that run are not waited for. Then the threads end. (TP-15)
   */
  shutdown(): Promise<void> {
    this.#isClosed = true
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  #add(name: string, options: ThreadPoolOptions): ThreadPool {
    const spec = poolSpec(options)
    const queueName = threadId === 0 ? `threads/${name}` : `threads/${name}#${threadId}`
    const pool = new ThreadPool(this.#eventer.jobqs, queueName, name, this.#pools.length, spec)
    this.#pools.push(pool)
    this.#byName.set(name.toLowerCase(), pool)
    if (!spec.deferSpawn) pool.begin()
    return pool
  }

  #check(job: AsyncJob): void {
    this.#eventer.core.assertOpen()
    checked('queue', job).assertIdle()
    job.checkMemory()
  }

  #poolOf({ jobClass }: AsyncJob): ThreadPool {
    if (this.#isClosed) throw new HeddleError('ERR_SHUTDOWN')
    return this.byName(jobClass)
  }

  async #wait(job: AsyncJob, pool: ThreadPool, signal: AbortSignal | undefined): Promise<void> {
    let isTaken = false
    const tries = (): boolean => {
      if (this.#isClosed) throw new HeddleError('ERR_SHUTDOWN')
      isTaken = this.#jobs.submit(job, pool)
      return isTaken
    }
    job.enter('waiting')
    try {
      await pool.room.wait(tries, signal)
    } catch (error) {
      if (!isTaken) job.refused()
      throw error
    }
  }

  async #shutDown(): Promise<void> {
    for (const pool of this.#pools) {
      pool.room.look()
      this.#jobs.dropParked(pool, (job) => job.skipOnShutdown)
      pool.dropWaiting()
    }
    await Promise.all(this.#pools.map((pool) => pool.settled()))
    // Not waited for: what runs there and need not be waited for may take its time.
    for (const pool of this.#pools) pool.end().catch((error: unknown) => this.#eventer.core.report(error))
  }

  /** The eventer ends; the queues end with it. */
  #abandon(): void {
    this.#isClosed = true
    this.#closing ??= Promise.resolve()
    for (const pool of this.#pools) {
      pool.room.look()
      this.#jobs.dropParked(pool, () => true)
    }
  }
}

function checked(call: string, job: AsyncJob): AsyncJob {
  if (job instanceof AsyncJob) return job
  throw invalid(`${call} takes`, 'an AsyncJob', job)
}
