import { JobFlag, JobOutcome } from '../../jobs'

/** Where a job is on its way. */
export const JobState = {
  WAITING: 0,
  /** With a thread: it runs, or is next in line there. */
  GIVEN: 1,
  /** Its own work is over. What it is told may still be held back by jobs that depend on it. */
  OVER: 2,
} as const

/** Who submitted a job and is told how it ended. */
export interface JobOwner {
  /** Called once, when the work is over and nothing that depends on the job is outstanding. */
  deliver(job: Job): void
}

/** What has taken a job over. */
export interface JobKeeper {
  /** Its owner has been told: nothing more comes of it. */
  settled(): void
}

/** A job for which others may be waited for, here or in another isolate. (AS-06) */
export interface Dependable {
  hold(): void
  release(): void
}

/** What a job was submitted with. */
export interface JobOrder {
  readonly handle: number
  readonly target: number
  readonly cleanup: number
  readonly flags: number
  readonly bytes: Uint8Array
  /** Instead of bytes: shared, so that it survives a thread that takes it along when it dies. */
  readonly block: SharedArrayBuffer | undefined
  readonly subqueue: bigint
  readonly priority: number
  /** Loop milliseconds of this isolate, or Infinity. */
  deadline: number
  /** Milliseconds, 0: as long as it likes. */
  readonly runTimeoutMs: number
  /** Of JobFlag.BOUND. */
  readonly worker: number
}

const NOTHING = new Uint8Array(0)

/** How a job ended. */
export interface JobEnd {
  readonly outcome: number
  /** Of JobFlag, what passes from the answer to the owner. */
  readonly flags: number
  readonly bytes: Uint8Array
  readonly block: SharedArrayBuffer | undefined
}

export function endWithout(outcome: number): JobEnd {
  return { outcome, flags: 0, bytes: NOTHING, block: undefined }
}

/**
 * One job from its submission to its completion. Belongs to its queue until its work is over, to its owner until that is told.
 * `prev`, `next` chain it among those that wait in its subqueue.
 */
export class Job implements Dependable {
  readonly owner: JobOwner
  readonly order: JobOrder
  readonly parent: Dependable | undefined
  readonly addedAt: number
  prev: Job | undefined
  next: Job | undefined
  state: number = JobState.WAITING
  keeper: JobKeeper | undefined
  /** Only the thread that it names may run it. */
  isBound: boolean
  /** In the order of arrival at its queue. */
  number = 0
  startedAt = 0
  /** Only its cleanup is to run, and then it ends so. */
  fate: number | undefined
  /** How it ends if its thread does. */
  ifDead: number = JobOutcome.WORKER_DIED
  /** When it was asked to stop; 0: it was not. */
  signalledAt = 0
  end: JobEnd | undefined
  #outstanding = 0
  #isDelivered = false

  constructor(owner: JobOwner, order: JobOrder, parent: Dependable | undefined, now: number) {
    this.owner = owner
    this.order = order
    this.parent = parent
    this.addedAt = now
    this.isBound = this.has(JobFlag.BOUND)
    parent?.hold()
  }

  has(flag: number): boolean {
    return (this.order.flags & flag) !== 0
  }

  /** May stand in line behind another job of its thread: nothing about it needs the moment when it begins. */
  get isPlain(): boolean {
    const { flags, deadline, runTimeoutMs } = this.order
    const timed = JobFlag.CANCEL_SIGNAL | JobFlag.CANCEL_TERMINATE | JobFlag.BOUND
    return (flags & timed) === 0 && deadline === Number.POSITIVE_INFINITY && runTimeoutMs === 0
  }

  hold(): void {
    this.#outstanding++
  }

  release(): void {
    this.#outstanding--
    this.#deliverIfDue()
  }

  /** The work is over: the owner is told once nothing that depends on it is outstanding. */
  over(end: JobEnd): void {
    if (this.end !== undefined) return
    this.state = JobState.OVER
    this.end = end
    this.#deliverIfDue()
  }

  /** What was to be run behind it has run, too: what it depends on may go on. */
  completed(): void {
    this.parent?.release()
  }

  #deliverIfDue(): void {
    if (this.end === undefined || this.#outstanding > 0 || this.#isDelivered) return
    this.#isDelivered = true
    this.owner.deliver(this)
    this.keeper?.settled()
  }
}
