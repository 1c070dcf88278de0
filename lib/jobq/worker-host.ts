import { join } from 'node:path'
import {
  MessageChannel,
  type MessagePort,
  type TransferListItem,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads'
import type { JobsEngine } from '../backend/jobs'
import { PACKAGE_ROOT } from '../backend/platform'
import type { Posted } from './codec'
import { EarlyResults } from './early-results'
import type { Mail } from './job-desk'
import type { JobTransfer } from './job-order'
import type { JobqSafety } from './spec'
import { movedOut } from './transfer'
import {
  type HeldValue,
  type JobWorkerData,
  type ToHost,
  type ToWorker,
  WORKER_STATES,
  WorkerState,
} from './worker-data'

/** What of `worker_threads.WorkerOptions` the threads of a queue may be given. */
export type JobWorkerOptions = Omit<WorkerOptions, 'eval' | 'name' | 'workerData' | 'transferList'>

/** A worker thread that ended though nobody had asked it to. */
export interface WorkerDeath {
  /** Name of the queue. */
  readonly queue: string
  readonly worker: number
  readonly exitCode: number
  /** What it failed of; undefined where it exited by itself. */
  readonly error: unknown
}

/** What the host needs of the queue. */
export interface HostedQueue {
  readonly id: number
  readonly name: string
  readonly shortName: string
  readonly backend: 'native' | 'js'
  readonly safety: JobqSafety
}

type Taken = (message: { readonly value: unknown } | undefined) => void

interface LiveWorker {
  readonly thread: Worker
  readonly mail: MessagePort
  readonly state: Int32Array
  /** Who waits for results to come, by number. */
  readonly waiting: Map<number, Taken>
  isWanted: boolean
  error: unknown
}

/** With less stack than this Node cannot start a thread, or ends the process while it tries. */
const LEAST_STACK_MB = 1
const MB = 1024 * 1024

/** From the compiled package, also where this file is run from its source. */
const WORKER_FILE = join(PACKAGE_ROOT, 'dist', 'jobq', 'worker.js')

/**
 * The worker threads of one queue: started and ended when the backend asks for it. They do not keep the process alive; jobs
 * under way do that. Carries what the bytes of a job cannot.
 */
export class WorkerHost implements Mail {
  readonly #queue: HostedQueue
  readonly #jobs: JobsEngine
  readonly #options: JobWorkerOptions
  readonly #died: (death: WorkerDeath) => void
  readonly #workers = new Map<number, LiveWorker>()
  readonly #held = new Map<number, HeldValue>()
  /** Also of workers that have ended. */
  readonly #results = new EarlyResults()
  #lastHeld = 0
  #stackSizeMb = 0
  #isClosed = false

  /** `died`: unasked. */
  constructor(
    queue: HostedQueue,
    jobs: JobsEngine,
    options: JobWorkerOptions,
    died: (death: WorkerDeath) => void,
  ) {
    this.#queue = queue
    this.#jobs = jobs
    this.#options = options
    this.#died = died
  }

  /** Bytes of the stacks of threads to come; 0: as the options say. */
  setStackSize(bytes: number): void {
    this.#stackSizeMb = bytes === 0 ? 0 : Math.max(LEAST_STACK_MB, bytes / MB)
  }

  start(worker: number): void {
    if (this.#isClosed) {
      this.#jobs.workerEnded(this.#queue.id, worker)
      return
    }
    const link = this.#jobs.link?.(this.#queue.id, worker)
    if (this.#jobs.link !== undefined && link === undefined) return
    const { port1: mail, port2 } = new MessageChannel()
    try {
      this.#start(worker, mail, port2, link)
    } catch (error) {
      // Options that no thread can be started with.
      mail.close()
      this.#jobs.workerEnded(this.#queue.id, worker)
      this.#died({ queue: this.#queue.name, worker, exitCode: 1, error })
    }
  }

  terminate(worker: number): void {
    const live = this.#workers.get(worker)
    if (live === undefined) return
    live.isWanted = false
    void live.thread.terminate()
  }

  /** Ends all threads, in the middle of what they run. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#held.clear()
    this.#results.clear()
    const ends = [...this.#workers.values()].map((live) => {
      live.isWanted = false
      return live.thread.terminate()
    })
    await Promise.all(ends)
  }

  hold(value: unknown, transfer: JobTransfer): number {
    // Taken from the caller at once, though it is moved on later: to a thread that may not have been started yet.
    const own = movedOut(value, transfer)
    const number = ++this.#lastHeld
    this.#held.set(number, own)
    return number
  }

  drop(number: number): void {
    this.#held.delete(number)
  }

  began(): number {
    return this.#results.began()
  }

  ended(began: number): void {
    this.#results.ended(began)
  }

  /** Results that have come and that nobody has asked for yet. */
  get unclaimed(): number {
    return this.#results.size
  }

  receive({ worker, number }: Posted, taken: Taken): void {
    const live = this.#workers.get(worker)
    const come = this.#results.take(worker, number)
    if (live === undefined || come !== undefined) taken(come)
    else live.waiting.set(number, taken)
  }

  #start(worker: number, mail: MessagePort, port2: MessagePort, link: MessagePort | undefined): void {
    const { id, name, shortName, backend, safety } = this.#queue
    const state = new Int32Array(new SharedArrayBuffer(WORKER_STATES * Int32Array.BYTES_PER_ELEMENT))
    const heddle: JobWorkerData = {
      backend,
      binary: process.env.HEDDLE_NATIVE,
      queue: id,
      queueName: name,
      worker,
      safety,
      mail: port2,
      link,
      state,
    }
    const { resourceLimits } = this.#options
    const stackSizeMb = this.#stackSizeMb
    const thread = new Worker(WORKER_FILE, {
      ...this.#options,
      resourceLimits: stackSizeMb === 0 ? resourceLimits : { ...resourceLimits, stackSizeMb },
      name: `${shortName}/${worker}`,
      workerData: { heddle },
      transferList: (link === undefined ? [port2] : [port2, link]) as TransferListItem[],
    })
    thread.unref()
    const live: LiveWorker = {
      ...{ thread, mail, state, waiting: new Map() },
      isWanted: true,
      error: undefined,
    }
    this.#workers.set(worker, live)
    mail.on('message', (message: ToHost) => this.#heard(worker, live, message))
    mail.unref()
    thread.on('error', (error) => {
      live.error = error
    })
    thread.on('exit', (code) => this.#ended(worker, live, code))
    // Which comes when all that was sent has come, also where the thread has ended.
    mail.on('close', () => this.#silent(worker, live))
  }

  #heard(worker: number, live: LiveWorker, message: ToHost): void {
    if ('ask' in message) {
      this.#bring(live, message.ask)
      return
    }
    const { number, value } = message
    const waiting = live.waiting.get(number)
    live.waiting.delete(number)
    if (waiting === undefined) this.#results.put(worker, number, value)
    else waiting({ value })
  }

  #bring(live: LiveWorker, number: number): void {
    const held = this.#held.get(number)
    // What is copied may be asked for again, for the cleanup of a job whose worker has died; what is moved is gone then.
    if (held !== undefined && held.transfer.length > 0) this.#held.delete(number)
    if (held === undefined) live.mail.postMessage({ number } satisfies ToWorker)
    else live.mail.postMessage({ number, held: { value: held.value } } satisfies ToWorker, held.transfer)
  }

  #silent(worker: number, live: LiveWorker): void {
    this.#workers.delete(worker)
    for (const taken of live.waiting.values()) taken(undefined)
  }

  #ended(worker: number, live: LiveWorker, exitCode: number): void {
    this.#jobs.workerEnded(this.#queue.id, worker)
    if (!live.isWanted || Atomics.load(live.state, WorkerState.LEAVING) === 1) return
    this.#died({ queue: this.#queue.name, worker, exitCode, error: live.error })
  }
}
