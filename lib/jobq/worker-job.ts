import { Claim } from '../backend/jobs'
import type { JobTransfer } from './job-order'
import { checkTransfer } from './run-options'
import type { JobTarget } from './targets'

/** What a job that adds another one may say of it. */
export interface DependentOptions {
  /** Of the dependent; that of the job unless given. (AS-07) */
  readonly subqueue?: bigint
  readonly priority?: number
  readonly transfer?: JobTransfer
}

/** What the function of a job gets behind its argument, and `currentJob` gives: the job itself. */
export interface JobContext {
  /** Name of the queue. */
  readonly queue: string
  readonly subqueue: bigint
  /** Aborted when the job is asked to stop. Its `aborted` is exact even where the job lets nothing else run. (AS-09) */
  readonly signal: AbortSignal
  /** The same as a flag. */
  readonly cancelled: boolean
  /**
   * This is a cleanup by itself: the deadline passed before the job could begin, or its thread ended in the middle of it. Not in
   * the cleanup behind work that came to its end. (AS-08)
   */
  readonly timedOut: boolean
  /**
   * Makes the value move what is listed instead of copying it, when it is the job's result. Answers the value.
   * ERR_INVALID_ARGUMENT; a DataCloneError, then or when the job ends, as for `JobRunOptions.transfer`.
   */
  transfer<T>(value: T, list: JobTransfer): T
  /**
   * Adds a job to the same queue whose end this one's waits for: it counts as over when its dependents, and theirs, are.
   * Awaiting it occupies a thread of the queue meanwhile. Rejects as `JobQueue.run` does; ERR_PHASE: this job is over. (AS-06)
   */
  addDependent(target: JobTarget, arg?: unknown, options?: DependentOptions): Promise<unknown>
}

/** What a job's context needs of the worker that runs it. */
export interface WorkerSide {
  readonly queueName: string
  readonly claims: Int32Array
  addDependent(
    parent: WorkerJob,
    target: JobTarget,
    arg: unknown,
    options: DependentOptions,
  ): Promise<unknown>
}

const nativeAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as (
  this: AbortSignal,
) => boolean

/** A job that this isolate runs. */
export class WorkerJob implements JobContext {
  readonly run: number
  readonly flags: number
  readonly timedOut: boolean
  /** Of one with phases: the last of them is under way, or is next. */
  cleansUp = false
  readonly #side: WorkerSide
  readonly #subqueueLow: number
  readonly #subqueueHigh: number
  #isOver = false
  #wasCancelled = false
  #controller: AbortController | undefined
  #moved: { readonly value: unknown; readonly list: JobTransfer | undefined } | undefined

  constructor(
    side: WorkerSide,
    run: number,
    flags: number,
    subqueueLow: number,
    subqueueHigh: number,
    timedOut: boolean,
  ) {
    this.#side = side
    this.run = run
    this.flags = flags
    this.#subqueueLow = subqueueLow
    this.#subqueueHigh = subqueueHigh
    this.timedOut = timedOut
  }

  get queue(): string {
    return this.#side.queueName
  }

  get subqueue(): bigint {
    return (
      (BigInt.asUintN(32, BigInt(this.#subqueueHigh)) << 32n) | BigInt.asUintN(32, BigInt(this.#subqueueLow))
    )
  }

  get cancelled(): boolean {
    // Once it is over, the cell says something about another job.
    if (!this.#isOver && Atomics.load(this.#side.claims, this.run) === Claim.SIGNALLED)
      this.#wasCancelled = true
    return this.#wasCancelled
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#controllerWithExactSignal()
    return this.#controller.signal
  }

  transfer<T>(value: T, list: JobTransfer): T {
    this.#moved = { value, list: checkTransfer(list) }
    return value
  }

  async addDependent(target: JobTarget, arg?: unknown, options: DependentOptions = {}): Promise<unknown> {
    return this.#side.addDependent(this, target, arg, options)
  }

  /** What moves along with this result. */
  movedWith(value: unknown): JobTransfer | undefined {
    return this.#moved !== undefined && this.#moved.value === value ? this.#moved.list : undefined
  }

  /** The record that says so has come; the flag may have said it before. */
  stop(): void {
    if (this.cancelled) this.#controller?.abort(stopReason())
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The result is about to be sent. */
  end(): void {
    void this.cancelled
    this.#isOver = true
  }

  /** A signal whose `aborted` looks at the claim: so it is right in a loop that lets no record in. */
  #controllerWithExactSignal(): AbortController {
    const controller = new AbortController()
    const { signal } = controller
    const isAborted = (): boolean => {
      if (!nativeAborted.call(signal) && this.cancelled) controller.abort(stopReason())
      return nativeAborted.call(signal)
    }
    Object.defineProperty(signal, 'aborted', { get: isAborted, configurable: true })
    Object.defineProperty(signal, 'throwIfAborted', {
      value: () => {
        if (isAborted()) throw signal.reason
      },
      configurable: true,
    })
    isAborted()
    return controller
  }
}

function stopReason(): DOMException {
  return new DOMException('The job was asked to stop', 'AbortError')
}
