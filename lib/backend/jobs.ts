import type { MessagePort } from 'node:worker_threads'

/**
 * What lib/jobq needs of a backend: queues of jobs, the threads that run them, and the records that carry jobs there and
 * results back. On the native backend queues belong to the process and any isolate may use one; on the other they belong to
 * the isolate that made them, and `find` knows only those.
 *
 * Calls return a non-negative number on success and a negative errno on failure. A queue and a target are named by numbers
 * from 1, which are never given out twice. Submitting and answering are records of the port (`Out.JOB_…`, `In.JOB_…`).
 *
 * Kinds of queues: the threads of a native one run registered C functions; those of a worker queue are worker threads of
 * Node that run exports of modules. Worker threads are started and ended by the isolate that made the queue, its host, when
 * the backend asks for it (`In.JOBQ_WORKER`); each then serves the queue over the port of its own loop.
 */

export const JobQueueKind = { NATIVE: 0, WORKER: 1 } as const

/** The native queue that is there for everybody (of the process, of the isolate on the js backend), and its least threads. */
export const NATIVE_QUEUE = 'default_native'
export const LEAST_NATIVE_THREADS = 4

/** What the threads of a queue do about safe memory. `CS`: each job is a section. `GC`: they reclaim between jobs. */
export const JobSafety = { NONE: 0, CS: 1, GC: 2 } as const

/** How a job ended: word 2 of `In.JOB_DONE`. Of `VALUE` and `ERROR` there are bytes. */
export const JobOutcome = {
  VALUE: 0,
  /** The function failed; the bytes say how. */
  ERROR: 1,
  /** Its deadline had passed before it could begin: the work was skipped. */
  TIMED_OUT: 2,
  /** Taken out by JOB_REMOVE before it began. */
  REMOVED: 3,
  /** The thread ended in the middle of it. */
  WORKER_DIED: 4,
  /** The queue takes no more jobs. */
  SHUTDOWN: 5,
  NO_MEMORY: 6,
  /** It ran longer than it may (and its worker was asked to stop, or ended). */
  RUN_TIMED_OUT: 7,
  /** No thread of the queue answers: each runs a job that was asked to stop and goes on. */
  WEDGED: 8,
  /** No thread could be started. */
  NO_THREAD: 9,
} as const

/** Bits of the flags of a job (`Out.JOB_ADD`, `In.JOB_RUN`). */
export const JobFlag = {
  /** `offset` is the number of a block (`JobsEngine.block`), not a place in the slab. In JOB_RUN and JOB_DONE: to be taken by `takeBlock`. */
  BLOCK: 1,
  /** A place was reserved by `reserve`, so the backlog's limit is not asked again. */
  RESERVED: 2,
  /** To be run by the worker whose number is in the record, and no other. */
  BOUND: 4,
  /** The phases of an asynchronous event: WORK, then CLEANUP, also where the work is skipped. */
  PHASED: 8,
  /** Of JOB_RUN: the deadline has passed; only CLEANUP is to run. */
  SKIP_WORK: 16,
  /** At its deadline, or after its run time, the worker is asked to stop (JOB_SIGNAL). */
  CANCEL_SIGNAL: 32,
  /** At its deadline, or after its run time, the worker is ended. */
  CANCEL_TERMINATE: 64,
  /** JOB_COMPLETED follows JOB_DONE when the completion has run: others may wait for it. */
  COMPLETES: 128,
  /** A shutdown need not run it (skip_on_shutdown). */
  DROPPABLE: 256,
  /**
   * The bytes are the value itself, a Uint8Array. Nothing to the backend, which passes it on: from JOB_ADD to JOB_RUN, from
   * JOB_RESULT to JOB_DONE.
   */
  RAW: 512,
  /** The submitter can take a result that goes over a MessagePort. Passed on as RAW is. */
  POSTABLE: 1024,
  /** Of JOB_RUN: its run time is limited, so the worker notes when it begins: see `BEGINS`. */
  LIMITED: 2048,
} as const

/** Places in what `JobsBackend.stats` writes. Times are milliseconds. */
export const JobStat = {
  BACKLOG: 0,
  INFLIGHT: 1,
  /** Ended since the queue was made. */
  TOTAL: 2,
  TIMEOUTS: 3,
  AVG_WAIT_MS: 4,
  AVG_RUN_MS: 5,
  /** Live threads. */
  CONCURRENCY: 6,
  DESIRED: 7,
  MIN: 8,
  MAX: 9,
  FLOOR: 10,
  MAX_BACKLOG: 11,
  LIFO: 12,
  PAUSED: 13,
  /** 0 open, 1 draining, 2 drained. */
  STATE: 14,
  /** Live threads that wait for a job. */
  IDLE: 15,
  SAFETY: 16,
} as const
export const JOB_STATS = 17

export interface JobQueueSpec {
  readonly name: string
  readonly kind: number
  readonly safety: number
  /** Threads: 0 in min and max is unbounded. `lib/jobq/limits.ts` keeps the rules between them; the backend stores them. */
  readonly desired: number
  readonly min: number
  readonly max: number
  readonly floor: number
  /** From so many waiting jobs on `reserve` fails; 0: never. */
  readonly maxBacklog: number
  readonly lifo: boolean
  /** Of new native threads, bytes; 0: the system's usual. */
  readonly stackBytes: number
}

/** What may be changed while the queue is in use. */
export type JobQueueSettings = Partial<
  Pick<JobQueueSpec, 'desired' | 'min' | 'max' | 'floor' | 'maxBacklog' | 'lifo' | 'stackBytes'>
> & {
  readonly paused?: boolean
  /** Once: threads are started until there are `desired`, though there is no work for them. They rest like others. */
  readonly spawn?: boolean
}

export interface JobQueueInfo {
  readonly id: number
  readonly name: string
  readonly kind: number
  /** Of the loops' own queues: finished jobs on their way back. Not to be submitted to. */
  readonly internal: boolean
}

export interface JobInfo {
  readonly target: number
  readonly subqueue: bigint
  readonly priority: number
  readonly state: 'waiting' | 'running'
  /** Since it was added. */
  readonly ageMs: number
}

/** Of the process (of the isolate on the js backend). Any isolate. */
export interface JobsBackend {
  /**
   * The number of the new queue; -EEXIST, -ENOMEM; -EBUSY: the name is that of a queue that is not open any more and not
   * destroyed. The loop is its host: it gets JOBQ_WORKER, and when it ends the queue is abandoned.
   *
   * `NATIVE_QUEUE` has no host and is never ended: creating it makes it where it is not there yet, and is -EEXIST.
   */
  create(loopId: number, spec: JobQueueSpec): number
  /** -ENOENT: none that is open has the name. */
  find(name: string): number
  list(): JobQueueInfo[]
  /** -ENOENT: the queue is destroyed. Raising what there may be starts threads only as jobs need them. */
  configure(queue: number, settings: JobQueueSettings): number
  /** Writes `JOB_STATS` numbers. -ENOENT. */
  stats(queue: number, into: Float64Array): number
  /** Active ones, 0 first. */
  subqueues(queue: number): { readonly id: bigint; readonly backlog: number; readonly inflight: number }[]
  /** Waiting and running jobs. */
  jobs(queue: number): JobInfo[]
  /**
   * No job is taken any more; what waits runs. Each loop that asks gets JOBQ_DRAINED with its request when all is over.
   * -ENOENT; -EPERM: `NATIVE_QUEUE`.
   */
  drain(queue: number, loopId: number, request: number): number
  /** What waits ends with SHUTDOWN; with `onlyDroppable` only jobs that are flagged so. How many it were. */
  dropWaiting(queue: number, onlyDroppable: boolean): number
  /** The name becomes free. -EBUSY: it is not drained. */
  destroy(queue: number): number
  /**
   * Its host is done with it: it takes no more jobs, what waits ends with SHUTDOWN, the name is free at once, and it goes
   * with its last thread. -ENOENT; -EPERM: `NATIVE_QUEUE`.
   */
  abandon(queue: number): number
  /** The number of a function; for native ones -ENOENT: nothing is registered under the name. `module` is 'native:' then. */
  target(module: string, name: string): number
  targetOf(target: number): { readonly module: string; readonly name: string } | undefined
}

/** Of one loop. */
export interface JobsEngine {
  /**
   * Takes a place of the backlog for a job that follows with RESERVED: 0; -EAGAIN: full; -ESHUTDOWN; -ENOENT. What was
   * written to the outbox is applied already.
   */
  reserve(queue: number): number
  /** Gives a place back that will not be used. */
  unreserve(queue: number): number
  /**
   * Moves the deadline of a job that this loop submitted, loop milliseconds or Infinity. What was written to the outbox is
   * applied already. 0; -ENOENT: it has begun, or is over; -EINVAL: it has a cancel mode.
   */
  setDeadline(handle: number, ms: number): number
  /** Copies bytes too large for the slab out of the isolate. A number for the next record with BLOCK, or -ENOMEM. */
  block(bytes: Uint8Array): number
  /** Frees the memory of an ArrayBuffer of our own at once; where that can only be left to the collector it is missing. */
  detach?(buffer: ArrayBuffer): number
  /** The bytes of a record with BLOCK, once: memory of the caller's own. undefined: there is no such block. */
  takeBlock(block: number): ArrayBuffer | undefined
  /**
   * Host, before it starts worker `worker`: the end of the way that its jobs go, for `workerData` and its transfer list; the
   * worker gives it to `serve`. Missing where jobs need no such way (the native backend). undefined: the worker is not wanted
   * any more.
   */
  link?(queue: number, worker: number): MessagePort | undefined
  /**
   * This isolate is worker `worker` of the queue from now on: JOB_RUN records come. `claims` lies in shared memory,
   * CLAIM_CELLS cells of it: see `Claim`. `link`: what `link` gave the host. 0, -ENOENT.
   */
  serve(queue: number, worker: number, claims: Int32Array, link?: MessagePort): number
  /**
   * Host: the worker thread that JOBQ_WORKER asked for could not be started, or has ended. After `serve` the native backend
   * does not need to be told; telling it does no harm.
   */
  workerEnded(queue: number, worker: number): number
  /** Outcomes of jobs on their way to this loop, for the statistics of its back queue: total, avgWaitMs. */
  backStats(into: Float64Array): number
}

/**
 * What becomes of a job between its JOB_RUN record and its end: a cell of shared memory, by which worker and backend agree.
 * The backend writes GIVEN before the record, the worker answers RUNNING by compare-and-exchange before it calls, and
 * drops the record where that fails: then the backend has taken the job back (removed, paused, given to an idle thread). What
 * the worker drops so it answers by FREE; the backend writes FREE behind a JOB_RESULT, and uses no cell that is not free. So
 * a worker may keep records that it has not begun for as long as it likes.
 */
export const Claim = {
  FREE: 0,
  GIVEN: 1,
  RUNNING: 2,
  /** Running, and asked to stop. */
  SIGNALLED: 3,
  TAKEN_BACK: 4,
} as const
/** Jobs that one worker may have been given at once. */
export const CLAIMS = 64
/**
 * Behind the claims: when the job of each was begun, in whole milliseconds of the worker's own clock (rounded up, the low 32
 * bits). Written before RUNNING, where the job is LIMITED; else it says nothing.
 */
export const BEGINS = CLAIMS
export const CLAIM_CELLS = 2 * CLAIMS
