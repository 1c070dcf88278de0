import type { Job, JobEnd } from './job'

/**
 * What runs jobs of a queue: a worker thread of Node at the other end of a link, or a place for an asynchronous call of Node
 * where natively there is a plain thread. The queue decides what it gets; it answers through `ThreadHost`.
 */
export interface Thread {
  readonly id: number
  /** What it has been given and has not answered, oldest first. */
  readonly jobs: ReadonlySet<Job>
  /** It has been heard of: it can be given jobs. */
  isReady: boolean
  /** It has been asked to end, having nothing. */
  isLeaving: boolean
  /** Its host was asked to end it, with what it runs. */
  isCondemned: boolean
  /** A job that it runs waits for something: it is given no more, though the thread itself is free. */
  readonly isOccupied: boolean
  /** Jobs that its isolate has submitted are not complete: it stays to hear of them. */
  readonly isNeeded: boolean
  idleSince: number
  /** Jobs for this thread and no other. */
  readonly bound: Job[]

  /** How many more it can be given at once. */
  readonly room: number
  give(job: Job): void
  /** Whether it has begun; asked for a job that it was given. */
  hasBegun(job: Job): boolean
  /** Of one that has begun and whose run time is limited: milliseconds since then. */
  ranFor(job: Job): number
  /** True: it had not begun, and will not. */
  takeBack(job: Job): boolean
  /** False: it has not begun, or is over. */
  signal(job: Job): boolean
  /** Sends what it was given. */
  flush(): void
  leave(): void
}

/** What a queue is told by its threads. */
export interface ThreadHost {
  ready(thread: Thread): void
  /** `runMs`: how long the function took. */
  answered(thread: Thread, job: Job, end: JobEnd, runMs: number): void
  /** The thread stands free again, or is occupied: see `isOccupied`. */
  turned(thread: Thread): void
  /** Nothing more comes from it. */
  ended(thread: Thread): void
}
