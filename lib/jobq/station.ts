import { checkOptions } from '../arguments'
import {
  BEGINS,
  CLAIM_CELLS,
  Claim,
  JobFlag,
  JobOutcome,
  type JobsBackend,
  type JobsEngine,
} from '../backend/jobs'
import type { SafeBackend } from '../backend/memory'
import type { Port } from '../backend/port'
import { In, Out } from '../backend/protocol'
import { checkResult, HeddleError } from '../errors'
import { dataCloneError } from './clone'
import { Posted } from './codec'
import { packError } from './error-codec'
import { JobDesk } from './job-desk'
import type { JobTransfer } from './job-order'
import { jobScope } from './job-scope'
import { Receiver, Sender } from './parcel'
import { checkPriority, checkTransfer, subqueueOf } from './run-options'
import { type JobTarget, load } from './targets'
import { movedOut } from './transfer'
import { type JobWorkerData, type ToHost, type ToWorker, WorkerState } from './worker-data'
import { type DependentOptions, WorkerJob, type WorkerSide } from './worker-job'

const DEPENDENT: ReadonlySet<string> = new Set<keyof DependentOptions>(['subqueue', 'priority', 'transfer'])

type JobFunction = (...args: unknown[]) => unknown

/**
 * Runs the jobs of one queue in this isolate, a worker thread of the queue: one at a time, in the order of their records.
 *
 * Several records may come at once. A result is sent before the next job begins, since that one may block for long, and for
 * what the result sets off. While a job waits for a promise nothing else is begun: records that have come go back.
 */
export class JobStation implements WorkerSide {
  readonly claims = new Int32Array(new SharedArrayBuffer(CLAIM_CELLS * Int32Array.BYTES_PER_ELEMENT))
  readonly queueName: string
  readonly #data: JobWorkerData
  readonly #port: Port
  readonly #jobs: JobsEngine
  readonly #backend: JobsBackend
  readonly #safe: SafeBackend
  readonly #sender: Sender
  readonly #receiver: Receiver
  /** By target. */
  readonly #functions: (JobFunction | undefined)[] = []
  /** The job that has begun and not ended. */
  #job: WorkerJob | undefined
  /** The backend knows that `#job` waits. */
  #isBlocked = false
  /** Results that the backend has not been given. */
  #hasUnsent = false
  /** Claims of records that came while a job waited. */
  #returned: number[] = []
  readonly #asked = new Map<number, (held: ToWorker['held']) => void>()
  #results = 0

  constructor(port: Port, data: JobWorkerData) {
    this.#port = port
    this.#data = data
    this.queueName = data.queueName
    this.#jobs = port.engine.jobs
    this.#backend = port.backend.jobs
    this.#safe = port.backend.safe
    this.#sender = new Sender(port, this.#jobs)
    this.#receiver = new Receiver(port, this.#jobs)
  }

  /** From now on jobs come. Throws where the queue does not want this worker any more. */
  serve(): void {
    const port = this.#port
    const { inbox } = port
    port.handle(In.JOB_RUN, (at) => this.#take(at))
    port.handle(In.JOB_SIGNAL, (at) => {
      if (this.#job?.run === inbox[at + 1]) this.#job?.stop()
    })
    port.handle(In.JOB_LEAVE, () => this.#leave())
    port.afterBatch = () => this.#afterBatch()
    const { queue, worker, link, mail } = this.#data
    mail.on('message', (message: ToWorker) => this.#brought(message))
    mail.unref()
    checkResult(this.#jobs.serve(queue, worker, this.claims, link), 'serve', this.queueName)
    process.on('exit', (code) => this.#dies(`exited with code ${code}`))
    process.on('uncaughtExceptionMonitor', (cause) => {
      // Where a module of the user's handles such exceptions the thread, and the job, go on.
      if (endsOfExceptions()) this.#dies('had an uncaught exception', { cause })
    })
  }

  async addDependent(
    parent: WorkerJob,
    target: JobTarget,
    arg: unknown,
    options: DependentOptions,
  ): Promise<unknown> {
    if (parent.isOver) throw new HeddleError('ERR_PHASE', 'the job is over, nothing can wait for it')
    checkOptions('addDependent', options, DEPENDENT, '{ priority }')
    const { subqueue = parent.subqueue, priority, transfer } = options
    const checked = {
      subqueue: subqueueOf(subqueue),
      priority: checkPriority(priority),
      transfer: checkTransfer(transfer),
    }
    const queue = { id: this.#data.queue, name: this.queueName, isNative: false, mail: undefined }
    const desk = JobDesk.of(this.#port)
    return new Promise((resolve, reject) => {
      const order = { target, arg, ...checked, parent: parent.run, completes: true }
      const handle = desk.submit(queue, order, (outcome, value) => {
        if (outcome === JobOutcome.VALUE) resolve(value)
        else reject(value)
        // Carried out behind the dispatch: what waits for the promise runs before the parent's end is told.
        desk.completed(handle)
      })
    })
  }

  #take(at: number): void {
    const { inbox } = this.#port
    const run = inbox[at + 1] as number
    const flags = inbox[at + 4] as number
    if (this.#job !== undefined) {
      this.#returned.push(run)
      return
    }
    if (this.#hasUnsent) this.#send()
    if ((flags & JobFlag.LIMITED) !== 0) this.claims[BEGINS + run] = Math.ceil(performance.now())
    if (Atomics.compareExchange(this.claims, run, Claim.GIVEN, Claim.RUNNING) !== Claim.GIVEN) {
      Atomics.store(this.claims, run, Claim.FREE)
      this.#receiver.drop(flags, inbox[at + 5] as number)
      return
    }
    const target = inbox[at + 2] as number
    const cleanup = inbox[at + 3] as number
    const skipped = (flags & JobFlag.SKIP_WORK) !== 0
    const low = inbox[at + 7] as number
    const job = new WorkerJob(this, run, flags, low, inbox[at + 8] as number, skipped)
    this.#job = job
    if (this.#data.safety === 'cs') this.#safe.enter()
    let arg: unknown
    try {
      arg = this.#receiver.value(flags, inbox[at + 5] as number, inbox[at + 6] as number)
    } catch (error) {
      this.#fail(job, error)
      return
    }
    const work = this.#functions[target]
    if ((flags & JobFlag.PHASED) !== 0) this.#follow(job, this.#phases(job, target, cleanup, arg))
    else if (work === undefined || arg instanceof Posted) this.#follow(job, this.#prepared(job, target, arg))
    else this.#call(job, work, arg)
  }

  #call(job: WorkerJob, work: JobFunction, arg: unknown): void {
    let value: unknown
    let waits: boolean
    try {
      const { storage } = jobScope
      value = storage === undefined ? work(arg, job) : storage.run(job, work, arg, job)
      waits = isThenable(value)
    } catch (error) {
      this.#fail(job, error)
      return
    }
    if (waits) this.#follow(job, value as PromiseLike<unknown>)
    else this.#end(job, value)
  }

  #follow(job: WorkerJob, promise: PromiseLike<unknown>): void {
    // A foreign `then` may throw, and call back as often as it likes.
    Promise.resolve(promise).then(
      (value) => this.#end(job, value),
      (error) => this.#fail(job, error),
    )
  }

  /** What is not there yet is loaded, or asked for, first. */
  async #prepared(job: WorkerJob, target: number, arg: unknown): Promise<unknown> {
    const work = await this.#load(target)
    const value = arg instanceof Posted ? await this.#ask(arg.number) : arg
    return within(job, work, value, job)
  }

  /** The cleanup runs whatever has become of the work; the first error counts. */
  async #phases(job: WorkerJob, target: number, cleanup: number, given: unknown): Promise<unknown> {
    let arg = given instanceof Posted ? undefined : given
    let value: unknown
    let failure: { readonly error: unknown } | undefined
    try {
      if (given instanceof Posted) arg = await this.#ask(given.number)
      if (!job.timedOut) {
        const work = await this.#load(target)
        value = await (cleanup === 0 ? within(job, work, 'work', arg, job) : within(job, work, arg, job))
      }
    } catch (error) {
      failure = { error }
    }
    job.cleansUp = true
    try {
      const end = await this.#load(cleanup === 0 ? target : cleanup)
      await (cleanup === 0 ? within(job, end, 'cleanup', arg, job) : within(job, end, arg, job))
    } catch (error) {
      failure ??= { error }
    }
    if (failure !== undefined) throw failure.error
    return value
  }

  async #load(target: number): Promise<JobFunction> {
    const known = this.#functions[target]
    if (known !== undefined) return known
    const named = this.#backend.targetOf(target)
    if (named === undefined) throw new HeddleError('ENOENT', `there is no target ${target}`)
    const loaded = await load({ module: named.module, export: named.name })
    // Filled up rather than left with holes, so that the array stays a packed one.
    while (this.#functions.length <= target) this.#functions.push(undefined)
    this.#functions[target] = loaded
    return loaded
  }

  #end(job: WorkerJob, value: unknown): void {
    if (job.isOver) return
    try {
      const list = job.movedWith(value)
      const canPost = (job.flags & JobFlag.POSTABLE) !== 0
      if (!this.#sender.put(value, list, !canPost)) this.#post(canPost, value, list ?? [])
    } catch (error) {
      this.#fail(job, error)
      return
    }
    this.#answer(job, JobOutcome.VALUE)
  }

  #fail(job: WorkerJob, error: unknown): void {
    if (job.isOver) return
    try {
      if (!this.#sender.put(packError(error), undefined, true))
        throw new Error('an error that cannot be sent')
    } catch {
      this.#sender.put(
        packError(new HeddleError('ENOMEM', 'there was no memory for the error')),
        undefined,
        true,
      )
    }
    this.#answer(job, JobOutcome.ERROR)
  }

  #post(canPost: boolean, value: unknown, list: JobTransfer): void {
    if (!canPost)
      throw dataCloneError(`shared memory and ports go to the isolate only that made ${this.queueName}`)
    const own = list.length === 0 ? { value, transfer: list } : movedOut(value, list)
    const posted = new Posted(this.#data.worker, ++this.#results)
    this.#data.mail.postMessage({ number: posted.number, value: own.value } satisfies ToHost, own.transfer)
    this.#sender.putPosted(posted)
  }

  /** What the sender has put down becomes the answer. */
  #answer(job: WorkerJob, outcome: number): void {
    job.end()
    this.#job = undefined
    const { flags, offset, length } = this.#sender
    const at = this.#port.begin(Out.JOB_RESULT, 6)
    const { outbox } = this.#port
    outbox[at + 1] = job.run
    outbox[at + 2] = outcome
    outbox[at + 3] = flags
    outbox[at + 4] = offset
    outbox[at + 5] = length
    this.#hasUnsent = true
    if (this.#data.safety !== 'none') this.#betweenJobs()
    if (this.#isBlocked) this.#unblock()
  }

  #betweenJobs(): void {
    if (this.#data.safety === 'cs') this.#safe.leave()
    else this.#safe.maintainTry()
  }

  #unblock(): void {
    this.#isBlocked = false
    this.#freeReturned()
    this.#port.push1(Out.JOB_IDLE, 1)
  }

  #afterBatch(): void {
    this.#hasUnsent = false
    if (this.#job === undefined || this.#isBlocked) {
      if (this.#returned.length > 0) this.#freeReturned()
      return
    }
    this.#isBlocked = true
    this.#port.push1(Out.JOB_IDLE, 0)
  }

  /** Cells of records that were not begun, once the backend has taken the jobs back. */
  #freeReturned(): void {
    this.#returned = this.#returned.filter(
      (run) => Atomics.compareExchange(this.claims, run, Claim.TAKEN_BACK, Claim.FREE) !== Claim.TAKEN_BACK,
    )
  }

  #send(): void {
    this.#hasUnsent = false
    this.#port.engine.flush()
  }

  #ask(number: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#asked.set(number, (held) => {
        if (held !== undefined) resolve(held.value)
        else reject(new HeddleError('ECANCELED', 'the argument is gone'))
      })
      this.#data.mail.postMessage({ ask: number } satisfies ToHost)
    })
  }

  #brought({ number, held }: ToWorker): void {
    const waiting = this.#asked.get(number)
    this.#asked.delete(number)
    waiting?.(held)
  }

  #leave(): void {
    Atomics.store(this.#data.state, WorkerState.LEAVING, 1)
    // Not in the middle of a dispatch of the loop that is closed.
    setImmediate(() => process.exit(0))
  }

  /**
   * The thread is about to end: whoever waits for the job that runs is told why. But where its cleanup is still to come the queue
   * has to find that out by itself, and has another thread clean up.
   */
  #dies(how: string, options: { readonly cause?: unknown } = {}): void {
    const job = this.#job
    if (job === undefined || ((job.flags & JobFlag.PHASED) !== 0 && !job.cleansUp)) return
    this.#fail(job, new HeddleError('ERR_WORKER_DIED', `the thread of ${this.queueName} ${how}`, options))
    this.#send()
  }
}

function endsOfExceptions(): boolean {
  return process.listenerCount('uncaughtException') === 0 && !process.hasUncaughtExceptionCaptureCallback()
}

function within(job: WorkerJob, work: JobFunction, ...args: unknown[]): unknown {
  const { storage } = jobScope
  return storage === undefined ? work(...args) : storage.run(job, work, ...args)
}

function isThenable(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  )
}
