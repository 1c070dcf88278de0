import { checkOptions, flag, invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { JobTarget, JobTransfer } from '../jobq'
import { checkTransfer } from '../jobq/run-options'
import { located } from '../jobq/targets'
import { Semaphore } from '../locks'
import { Block, Memtype, memtypes } from '../memory'
import { type Completion, checkCompletion } from './completion'

/** Work of a job: an export or a native function; a function of this isolate in the mode `sync` only. */
export type JobWorker<C = unknown> = JobTarget | ((job: AsyncJob<C>, closure: C) => unknown)

/** What a job is made of. (TP-01, TP-11 … TP-15) */
export interface AsyncJobOptions<C = unknown> {
  /**
   * Called with the job and the closure. On another thread both are copies: the job has `closure`, and `signal` and the like
   * of the thread's own.
   */
  readonly worker: JobWorker<C>
  readonly closure?: C | undefined
  /** The pool: a name, or the number that `classFor` gives. Default `IO`. */
  readonly jobClass?: string | number | undefined
  /** Default `{ mode: 'none' }`. */
  readonly completion?: Completion | undefined
  /**
   * Jobs that share it run at most so many at once; those that wait for a permit hold no thread, and have failed with
   * ERR_CLOSED where it is closed. (TP-11)
   */
  readonly concurrency?: Semaphore | undefined
  /** The memory the job lies in, which `freeOnCompletion` gives back. */
  readonly memory?: Block | undefined
  /**
   * After the completion the memory of the job is freed as of this type, and the job is gone. Without `memory` the job gets some
   * of this type at once. (TP-13)
   */
  readonly freeOnCompletion?: Memtype | undefined
  /** The completion waits for `completeTail`. (TP-14) */
  readonly skipCompletion?: boolean | undefined
  /** A shutdown drops it where it has not begun, and does not wait for it where it has. (TP-15) */
  readonly skipOnShutdown?: boolean | undefined
  /** Parts of the closure that move to the thread instead of being copied. */
  readonly transfer?: JobTransfer | undefined
}

/**
 * How far a job is. `waiting`: for a permit. `queued`: handed to the pool's threads. `withheld`: the work is over, the completion is not
 * called before `completeTail`. `freed`: its memory is given back.
 */
export type AsyncJobState = 'idle' | 'waiting' | 'queued' | 'withheld' | 'completing' | 'done' | 'freed'

const KNOWN: ReadonlySet<string> = new Set<keyof AsyncJobOptions>([
  'worker',
  'closure',
  'jobClass',
  'completion',
  'concurrency',
  'memory',
  'freeOnCompletion',
  'skipCompletion',
  'skipOnShutdown',
  'transfer',
])
/** Bytes of a job of a vsize memtype. */
const JOB_BYTES = 64

/** How the work ended. */
export interface JobEnd {
  readonly value: unknown
  readonly error: unknown
  readonly failed: boolean
}

const NO_END: JobEnd = { value: undefined, error: undefined, failed: false }

/**
 * One piece of blocking work: what runs where, and what happens then. It is submitted by `pools.queue`, belongs to its pool until
 * its completion is over, and may be submitted again after that. In between every change is refused with ERR_JOB_ACTIVE.
 *
 * Thread rule: the isolate that made it. (TP-01 … TP-16)
 */
// biome-ignore lint/suspicious/noExplicitAny: whoever runs a job does not look at its closure
export class AsyncJob<C = any> implements Disposable {
  #state: AsyncJobState = 'idle'
  /** It is being submitted; code of the user runs meanwhile, such as getters of the closure. */
  #isHeld = false
  #worker: JobWorker<C>
  #closure: C
  #jobClass: string | number
  #completion: Completion
  #concurrency: Semaphore | undefined
  #memory: Block | undefined
  #freeOnCompletion: Memtype | undefined
  #skipCompletion: boolean
  #skipOnShutdown: boolean
  #transfer: JobTransfer | undefined
  #end: JobEnd = NO_END
  #done: Deferred | undefined

  /** ERR_INVALID_ARGUMENT, ENOMEM. */
  constructor(options: AsyncJobOptions<C>) {
    checkOptions('a job', options, KNOWN, '{ worker }')
    this.#worker = checkWorker(options.worker)
    this.#closure = options.closure as C
    this.#jobClass = checkClass(options.jobClass ?? 'IO')
    this.#completion = checkCompletion(options.completion ?? { mode: 'none' })
    this.#concurrency = checkConcurrency(options.concurrency)
    this.#skipCompletion = flag('skipCompletion', options.skipCompletion, false)
    this.#skipOnShutdown = flag('skipOnShutdown', options.skipOnShutdown, false)
    this.#transfer = checkTransfer(options.transfer)
    this.#freeOnCompletion = checkMemtype(options.freeOnCompletion)
    this.#memory = memoryOf(options.memory, this.#freeOnCompletion)
  }

  get state(): AsyncJobState {
    return this.#state
  }

  /** It belongs to a pool: nothing may be changed. */
  get isActive(): boolean {
    return this.#isHeld || !isAtRest(this.#state)
  }

  /** What the work returned, last time. */
  get value(): unknown {
    return this.#end.value
  }

  /** Why the work failed; undefined where it did not. ERR_SHUTDOWN, ERR_WORKER_DIED, or what the work threw. */
  get error(): unknown {
    return this.#end.error
  }

  get worker(): JobWorker<C> {
    return this.#worker
  }

  set worker(worker: JobWorker<C>) {
    this.assertIdle()
    this.#worker = checkWorker(worker)
  }

  get closure(): C {
    return this.#closure
  }

  set closure(closure: C) {
    this.assertIdle()
    this.#closure = closure
  }

  get jobClass(): string | number {
    return this.#jobClass
  }

  set jobClass(jobClass: string | number) {
    this.assertIdle()
    this.#jobClass = checkClass(jobClass)
  }

  get completion(): Completion {
    return this.#completion
  }

  set completion(completion: Completion) {
    this.assertIdle()
    this.#completion = checkCompletion(completion)
  }

  get concurrency(): Semaphore | undefined {
    return this.#concurrency
  }

  set concurrency(semaphore: Semaphore | undefined) {
    this.assertIdle()
    this.#concurrency = checkConcurrency(semaphore)
  }

  get skipCompletion(): boolean {
    return this.#skipCompletion
  }

  set skipCompletion(skip: boolean) {
    this.assertIdle()
    this.#skipCompletion = flag('skipCompletion', skip, false)
  }

  get skipOnShutdown(): boolean {
    return this.#skipOnShutdown
  }

  set skipOnShutdown(skip: boolean) {
    this.assertIdle()
    this.#skipOnShutdown = flag('skipOnShutdown', skip, false)
  }

  get transfer(): JobTransfer | undefined {
    return this.#transfer
  }

  set transfer(list: JobTransfer | undefined) {
    this.assertIdle()
    this.#transfer = checkTransfer(list)
  }

  get freeOnCompletion(): Memtype | undefined {
    return this.#freeOnCompletion
  }

  /** The memory it lies in. */
  get memory(): Block | undefined {
    return this.#memory
  }

  /**
   * Settled when the completion is over, with what the work returned or with its error: of the submission under way, else of the
   * last one; before the first, of that. Errors of the mode `none` are reported where nobody has asked for this.
   */
  get done(): Promise<unknown> {
    this.#done ??= deferred()
    return this.#done.promise
  }

  /** Frees the memory of a job that is not active. ERR_JOB_ACTIVE. */
  [Symbol.dispose](): void {
    if (this.#state === 'freed') return
    this.assertIdle()
    this.#free()
  }

  /** @internal ERR_JOB_ACTIVE, ERR_STALE_HANDLE. */
  assertIdle(): void {
    if (this.#isHeld) throw new HeddleError('ERR_JOB_ACTIVE', 'the job is being submitted')
    if (this.isActive) throw new HeddleError('ERR_JOB_ACTIVE', `the job is ${this.#state}`)
    if (this.#state === 'freed') throw new HeddleError('ERR_STALE_HANDLE', 'the job has been freed')
  }

  /** @internal It is going to be submitted: its memory is what it says. ERR_MEMTYPE_MISMATCH, ERR_STALE_BLOCK. */
  checkMemory(): void {
    if (this.#freeOnCompletion !== undefined && this.#memory !== undefined)
      memtypes.check(this.#freeOnCompletion, this.#memory)
  }

  /** @internal It counts as active until the answer is called, whatever its state. */
  hold(): () => void {
    this.#isHeld = true
    return () => {
      this.#isHeld = false
    }
  }

  /** @internal */
  enter(state: AsyncJobState): void {
    if (isAtRest(this.#state)) this.#end = NO_END
    if (this.#state === 'done') this.#done = undefined
    this.#state = state
  }

  /** @internal It was not taken. */
  refused(): void {
    this.#state = 'idle'
  }

  /** @internal */
  get end(): JobEnd {
    return this.#end
  }

  /** @internal The work is over. */
  ends(end: JobEnd): void {
    this.#end = end
  }

  /** @internal The completion is over: memory goes, whoever waits hears of it. True where somebody does. */
  finish(): boolean {
    this.#state = 'done'
    const asked = this.#done !== undefined
    this.#done ??= deferred()
    if (this.#end.failed) this.#done.reject(this.#end.error)
    else this.#done.resolve(this.#end.value)
    // Reported by who completes the job.
    if (!asked) this.#done.promise.catch(() => {})
    if (this.#freeOnCompletion !== undefined) this.#free()
    return asked
  }

  #free(): void {
    this.#state = 'freed'
    const memory = this.#memory
    this.#memory = undefined
    if (this.#freeOnCompletion !== undefined) memtypes.free(this.#freeOnCompletion, memory)
  }
}

function isAtRest(state: AsyncJobState): boolean {
  return state === 'idle' || state === 'done' || state === 'freed'
}

interface Deferred {
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

function deferred(): Deferred {
  let made: Pick<Deferred, 'resolve' | 'reject'> | undefined
  const promise = new Promise<unknown>((resolve, reject) => {
    made = { resolve, reject }
  })
  return { promise, ...(made as Pick<Deferred, 'resolve' | 'reject'>) }
}

function checkWorker<C>(worker: JobWorker<C>): JobWorker<C> {
  if (typeof worker !== 'function') located(worker)
  return worker
}

function checkClass(jobClass: string | number): string | number {
  if (typeof jobClass === 'string' || Number.isInteger(jobClass)) return jobClass
  throw invalid('jobClass', 'is the name of a pool or its number', jobClass)
}

function checkConcurrency(semaphore: Semaphore | undefined): Semaphore | undefined {
  if (semaphore === undefined || semaphore instanceof Semaphore) return semaphore
  throw invalid('concurrency', 'is a Semaphore', semaphore)
}

function checkMemtype(memtype: Memtype | undefined): Memtype | undefined {
  if (memtype === undefined || memtype instanceof Memtype) return memtype
  throw invalid('freeOnCompletion', 'is a memtype', memtype)
}

/** The block that is given, or one of the type that is to be freed. */
function memoryOf(given: Block | undefined, memtype: Memtype | undefined): Block | undefined {
  if (given !== undefined && !(given instanceof Block)) throw invalid('memory', 'is a Block', given)
  if (given !== undefined || memtype === undefined) return given
  return memtype.kind === 'fixed' ? memtypes.malloc(memtype) : memtypes.mallocSize(memtype, JOB_BYTES)
}
