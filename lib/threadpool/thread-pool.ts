import { HeddleError } from '../errors'
import type { JobQueue, JobQueues } from '../jobq'
import { Room } from '../jobq/room'
import type { AsyncJob } from './async-job'
import { checkCount, checkThreads, type ThreadPoolSpec } from './pool-spec'

/** What counts a pool. Times are milliseconds. (TP-22) */
export interface ThreadPoolStats {
  readonly name: string
  readonly jobClass: number
  readonly owner: string
  readonly kind: 'worker' | 'native'
  /** Threads there may be. */
  readonly concurrency: number
  /** Threads there are; those that run a job, and those that wait for one. */
  readonly threads: number
  readonly active: number
  readonly idle: number
  /** Jobs that wait for a thread, and those that wait for a permit of their semaphore. */
  readonly queued: number
  readonly parked: number
  readonly maxQueue: number
  /** Jobs whose work is over. */
  readonly total: number
  readonly avgWaitMs: number
  readonly avgRunMs: number
}

/**
 * A named set of threads and the jobs that wait for them: a job queue that is made when the first job comes. Its number is its
 * job class. Made by `ThreadPools`, and ended with them.
 */
export class ThreadPool {
  readonly name: string
  /** What `ThreadPools.classFor` answers. */
  readonly jobClass: number
  readonly owner: string
  readonly kind: 'worker' | 'native'
  readonly autoShrink: boolean
  /** @internal Those who wait for a place, in the order of arrival. */
  readonly room: Room
  /** @internal Jobs that wait for a permit. */
  readonly parked = new Set<AsyncJob>()
  /** @internal Jobs that are accepted and not completed. */
  readonly active = new Set<AsyncJob>()
  /** @internal Jobs whose work is over. The queue counts callbacks of `completeTail` as well. */
  total = 0
  readonly #jobqs: JobQueues
  readonly #queueName: string
  readonly #onWorkerDeath: 'respawn' | 'exit'
  #spawns = false
  #concurrency: number
  #maxQueue: number
  #stackSize: number
  #queue: JobQueue | undefined
  #ended = false
  #settled: (() => void) | undefined

  /** @internal */
  constructor(jobqs: JobQueues, queueName: string, name: string, jobClass: number, spec: ThreadPoolSpec) {
    this.#jobqs = jobqs
    this.#queueName = queueName
    this.name = name
    this.jobClass = jobClass
    this.owner = spec.owner
    this.kind = spec.kind
    this.autoShrink = spec.autoShrink
    this.#concurrency = spec.concurrency
    this.#maxQueue = spec.maxQueue
    this.#stackSize = spec.stackSize
    this.#onWorkerDeath = spec.onWorkerDeath
    this.room = new Room(jobqs.desk)
  }

  /** Threads there may be. Set, it counts at once: running jobs end before a thread does. ERR_INVALID_ARGUMENT. (TP-17) */
  get concurrency(): number {
    return this.#concurrency
  }

  set concurrency(threads: number) {
    this.#concurrency = checkThreads(threads)
    if (this.#queue !== undefined) this.#resize(this.#queue)
  }

  /** Jobs that may wait; 0: any number. ERR_NOT_TUNABLE once the pool has begun. */
  get maxQueue(): number {
    return this.#maxQueue
  }

  set maxQueue(jobs: number) {
    checkCount('maxQueue', jobs, 0x7fffffff)
    if (this.hasBegun)
      throw new HeddleError('ERR_NOT_TUNABLE', `the backlog of ${this.name} is fixed: it has begun`)
    this.#maxQueue = jobs
  }

  /** Bytes of the stacks of threads to come, of worker threads 1 MiB at least; 0: as usual. */
  get stackSize(): number {
    return this.#stackSize
  }

  set stackSize(bytes: number) {
    this.#stackSize = checkCount('stackSize', bytes, 1 << 30)
    this.#queue?.setStackSize(bytes)
  }

  /** Its queue is there. */
  get hasBegun(): boolean {
    return this.#queue !== undefined
  }

  /** @internal Has all its threads from now on, without waiting for jobs that need them. */
  begin(): void {
    this.#spawns = true
    this.queue.spawn()
  }

  /** Threads alive. */
  get threads(): number {
    return this.#queue?.stats().concurrency ?? 0
  }

  stats(): ThreadPoolStats {
    const { name, jobClass, owner, kind } = this
    const queue = this.#queue?.stats()
    return {
      ...{ name, jobClass, owner, kind },
      concurrency: this.#concurrency,
      threads: queue?.concurrency ?? 0,
      active: queue?.inflight ?? 0,
      idle: queue?.idle ?? 0,
      queued: queue?.backlog ?? 0,
      parked: this.parked.size,
      maxQueue: this.#maxQueue,
      total: this.total,
      avgWaitMs: queue?.avgWaitMs ?? 0,
      avgRunMs: queue?.avgRunMs ?? 0,
    }
  }

  /** @internal */
  get isEnding(): boolean {
    return this.#ended || this.#queue?.isDraining === true
  }

  /** @internal As many wait as may, for a thread or for a permit. */
  get isFull(): boolean {
    if (this.#maxQueue === 0 || this.#queue === undefined) return false
    return this.#queue.stats().backlog + this.parked.size >= this.#maxQueue
  }

  /** @internal The job is over. */
  forget(job: AsyncJob): void {
    this.active.delete(job)
    if (this.#settled !== undefined && !this.mustWait) this.#settled()
  }

  /** @internal Resolves when no job is left that a shutdown waits for. */
  settled(): Promise<void> {
    if (!this.mustWait) return Promise.resolve()
    return new Promise((resolve) => {
      this.#settled = resolve
    })
  }

  /** @internal Some job has not been completed that a shutdown waits for. */
  get mustWait(): boolean {
    for (const job of this.active) if (!job.skipOnShutdown) return true
    return false
  }

  /** @internal Made at the first use. ERR_SHUTDOWN. */
  get queue(): JobQueue {
    if (this.#queue !== undefined) return this.#queue
    if (this.#ended) throw new HeddleError('ERR_SHUTDOWN')
    this.#queue = this.#jobqs.create(this.#queueName, {
      kind: this.kind,
      concurrency: this.#concurrency,
      floor: this.autoShrink ? 0 : this.#concurrency,
      maxBacklog: this.#maxQueue,
      stackSize: this.#stackSize,
      onWorkerDeath: this.#onWorkerDeath,
    })
    return this.#queue
  }

  /** @internal Drops what waits for a thread and need not run. */
  dropWaiting(): void {
    this.#queue?.dropWaiting(true)
  }

  /** @internal Ends its threads when nothing runs there any more; what may be dropped is. */
  async end(): Promise<void> {
    this.#ended = true
    const queue = this.#queue
    if (queue === undefined) return
    let isDrained = true
    await queue.drain().catch((error: unknown) => {
      // The eventer has ended before what runs there, and the queue is nobody's any more.
      if ((error as { readonly code?: unknown }).code !== 'ERR_JOBQ_SHUTDOWN') throw error
      isDrained = false
    })
    this.#queue = undefined
    if (isDrained) queue.destroy()
  }

  /** The floor goes first: it would hold the concurrency up. */
  #resize(queue: JobQueue): void {
    queue.setMinMax(0, 0)
    queue.setFloor(0)
    queue.setConcurrency(this.#concurrency)
    if (!this.autoShrink) queue.setFloor(this.#concurrency)
    if (this.#spawns) queue.spawn()
    this.room.look()
  }
}
