import { EventEmitter } from 'node:events'
import { availableParallelism, constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkOptions, flag, invalid } from '../arguments'
import {
  JobQueueKind,
  type JobQueueInfo,
  type JobsBackend,
  type JobsEngine,
  NATIVE_QUEUE,
} from '../backend/jobs'
import type { Port } from '../backend/port'
import { In, JobWorkerWish } from '../backend/protocol'
import { HeddleError, systemError } from '../errors'
import { BackQueue } from './back-queue'
import { JobDesk } from './job-desk'
import { JobQueue, safetyNumber } from './job-queue'
import { initialLimits } from './limits'
import { NativeJobs } from './native-jobs'
import { shortNameOf } from './short-name'
import type { JobqSafety } from './spec'
import { type JobWorkerOptions, type WorkerDeath, WorkerHost } from './worker-host'

/** How a queue is made. (JQ-01) */
export interface JobQueueOptions {
  /** Its jobs are exports of modules, run by worker threads (the default), or native functions, run by plain ones. */
  readonly kind?: 'worker' | 'native' | undefined
  /** Threads that it may have while there is work for them. Default 1. (JQ-03) */
  readonly concurrency?: number | undefined
  /** Bounds of the concurrency; 0, the default, is unbounded. (JQ-04) */
  readonly min?: number | undefined
  readonly max?: number | undefined
  /** Threads that stay when they have been idle for 5 s. Default 0. (JQ-05) */
  readonly floor?: number | undefined
  /** Waiting jobs from which on a job is refused that does not insist. Default 0: never. (JQ-06) */
  readonly maxBacklog?: number | undefined
  /** Newest first. Default false. (JQ-07) */
  readonly lifo?: boolean | undefined
  /** Each job is a section of safe memory, threads reclaim between jobs, or neither, the default. (JQ-08) */
  readonly memorySafety?: JobqSafety | undefined
  /** Bytes of the threads' stacks, of worker threads 1 MiB at least. Default 0: as usual. */
  readonly stackSize?: number | undefined
  /** Of worker threads: `resourceLimits`, `env`, `execArgv` and the like. */
  readonly worker?: JobWorkerOptions | undefined
  /** When a worker thread dies: another takes its place (the default), or the process ends after 'fatal'. (TP-20) */
  readonly onWorkerDeath?: 'respawn' | 'exit' | undefined
}

const KNOWN: ReadonlySet<string> = new Set<keyof JobQueueOptions>([
  'kind',
  'concurrency',
  'min',
  'max',
  'floor',
  'maxBacklog',
  'lifo',
  'memorySafety',
  'stackSize',
  'worker',
  'onWorkerDeath',
])
const SAFETIES: readonly unknown[] = ['none', 'cs', 'gc'] satisfies JobqSafety[]
const MAX_NAME_BYTES = 255
const DEFAULT = 'default'
/** What a default queue may have: more rarely pays, as each worker thread is a JavaScript engine of its own. */
const MOST_DEFAULT_THREADS = 4
const EXIT_CODE = 70
const MANY_LOOKS = 20
/** How often native functions are asked whether they are over, when the eventer ends: nobody can end them. */
const MOST_NATIVE_LOOKS = 500

/** What it needs of the eventer. */
export interface QueuesOwner {
  /** ERR_NOT_INIT. */
  assertOpen(): void
  isRunning(): boolean
}

interface Hosted {
  readonly queue: JobQueue
  readonly host: WorkerHost | undefined
}

/**
 * The job queues that this isolate can use, by name: `eventer.jobqs`. Emits 'fatal' with a `WorkerDeath` when a worker thread
 * of a queue made here has ended unasked; its jobs reject with ERR_WORKER_DIED.
 *
 * Queues made here end with the eventer: whoever has something waiting there gets ERR_JOBQ_SHUTDOWN, worker threads are ended,
 * names are free at once. Of other queues, `native` among them, only this eventer's own waiting jobs end so. Native functions
 * that run are waited for half a second, and left to their threads then.
 */
export class JobQueues extends EventEmitter<{ fatal: [WorkerDeath] }> {
  /** @internal */
  readonly desk: JobDesk
  readonly #port: Port
  readonly #backend: JobsBackend
  readonly #jobs: JobsEngine
  readonly #owner: QueuesOwner
  #nativeJobs: NativeJobs | undefined
  readonly #known = new Map<number, JobQueue>()
  /** Those made here. */
  readonly #own = new Map<number, Hosted>()
  /** Their threads, while the queue is in the making as well. */
  readonly #hosts = new Map<number, WorkerHost>()

  /** @internal ERR_NATIVE_REQUIRED: the backend has no job queues. */
  constructor(port: Port, owner: QueuesOwner) {
    super()
    this.desk = JobDesk.of(port)
    this.#port = port
    this.#backend = port.backend.jobs
    this.#jobs = port.engine.jobs
    this.#owner = owner
    port.handle(In.JOBQ_WORKER, (at) => this.#wish(at))
  }

  /**
   * Makes a queue. Where there is one of that name already it is given as it is; ERR_JOBQ_SAFETY if its memory-safety mode is
   * another, EINVAL if its kind is, ERR_JOBQ_BUSY while it is being drained, and until it is destroyed. EINVAL,
   * ERR_INVALID_ARGUMENT, ENOMEM, ERR_NOT_INIT. (JQ-01)
   */
  create(name: string, options: JobQueueOptions = {}): JobQueue {
    this.#owner.assertOpen()
    checkName(name)
    checkOptions('jobqs.create', options, KNOWN, '{ concurrency: 4 }')
    checkChoices(options)
    const { concurrency, min = 0, max = 0, floor = 0, memorySafety = 'none', kind = 'worker' } = options
    const limits = initialLimits(concurrency ?? Math.max(1, min, floor), min, max, floor)
    const id = this.#backend.create(this.#port.engine.loopId, {
      name,
      kind: kind === 'native' ? JobQueueKind.NATIVE : JobQueueKind.WORKER,
      safety: safetyNumber(memorySafety),
      ...limits,
      maxBacklog: count('maxBacklog', options.maxBacklog),
      lifo: flag('lifo', options.lifo, false),
      stackBytes: count('stackSize', options.stackSize),
    })
    if (id >= 0) return this.#made(id, name, options)
    const existing = this.get(name)
    // Its host may have ended just now.
    if (existing === undefined && id === -constants.errno.EEXIST) return this.create(name, options)
    if (existing === undefined) throw notMade(id, name)
    checkSame(existing, options)
    return existing
  }

  /** The queue of that name; undefined if there is none that takes jobs. (JQ-01) */
  get(name: string): JobQueue | undefined {
    this.#owner.assertOpen()
    checkName(name)
    const id = this.#backend.find(name)
    return id < 0 ? undefined : this.#of(id)
  }

  /** All queues, also those that other isolates made; on request with those of the loops' own. (JQ-01, JQ-15) */
  list(): JobQueue[]
  list(options: { readonly includeInternal: boolean }): (JobQueue | BackQueue)[]
  list(options: { readonly includeInternal?: boolean } = {}): (JobQueue | BackQueue)[] {
    this.#owner.assertOpen()
    const queues: (JobQueue | BackQueue)[] = []
    for (const info of this.#backend.list()) {
      if (!info.internal) queues.push(this.#of(info.id, info))
      else if (options.includeInternal === true) queues.push(new BackQueue(info, this.#port))
    }
    return queues
  }

  /**
   * The queue `default`, for exports of modules: made when it is first asked for, by the isolate that asks. Others may use it
   * as long as that one has its eventer; then the next that asks makes another.
   */
  get default(): JobQueue {
    return this.get(DEFAULT) ?? this.create(DEFAULT, { concurrency: defaultThreads() })
  }

  /** The queue `default_native`, for native functions. It is nobody's: always there, never drained (EPERM). */
  get native(): JobQueue {
    return this.get(NATIVE_QUEUE) ?? this.create(NATIVE_QUEUE, { kind: 'native' })
  }

  /** Files, hosts, checksums, compression: native jobs that need no module. On `native`, or a queue that is named. */
  get nativeJobs(): NativeJobs {
    this.#nativeJobs ??= new NativeJobs(this)
    return this.#nativeJobs
  }

  /** @internal The eventer ends: so do the queues made here. */
  async close(): Promise<void> {
    const own = [...this.#own.values()]
    // Asked before they are given up: the answer comes behind the ends of their jobs.
    const told = own.map(({ queue }) => queue.drain().catch(ignore))
    for (const { queue } of own) this.#backend.abandon(queue.id)
    this.desk.withdraw()
    await Promise.all(own.map(async ({ host }) => host?.close()))
    for (let looks = 0; !this.#isOver(own, looks); looks++) {
      // Threads may have been asked for that only a running loop can refuse.
      if (looks === MANY_LOOKS) this.#port.engine.start()
      await sleep(1)
    }
    if (this.#owner.isRunning()) await Promise.all(told.filter((_, n) => own[n]?.queue.isDrained))
    this.desk.close()
  }

  /** Nothing runs in the queues made here, nor any native job of this eventer; or not for longer than it is waited for. */
  #isOver(own: readonly Hosted[], looks: number): boolean {
    const left = own.filter(({ queue }) => !queue.isDrained)
    const native = left.length + (this.#owner.isRunning() ? this.desk.pendingNatively : 0)
    return native === 0 || (looks >= MOST_NATIVE_LOOKS && left.every(({ queue }) => queue.isNative))
  }

  #made(
    id: number,
    name: string,
    { memorySafety = 'none', worker = {}, onWorkerDeath, kind, stackSize = 0 }: JobQueueOptions,
  ): JobQueue {
    const { backend } = this.#port.backend.capabilities
    const shortName = shortNameOf(name)
    const died = (death: WorkerDeath): void => this.#died(death, onWorkerDeath === 'exit')
    const host =
      kind === 'native'
        ? undefined
        : new WorkerHost({ id, name, shortName, backend, safety: memorySafety }, this.#jobs, worker, died)
    host?.setStackSize(stackSize)
    if (host !== undefined) this.#hosts.set(id, host)
    const queue = this.#add(id, name, kind ?? 'worker', host)
    this.#own.set(id, { queue, host })
    return queue
  }

  #of(id: number, known?: JobQueueInfo): JobQueue {
    const found = this.#known.get(id)
    if (found !== undefined) return found
    const info = known ?? this.#backend.list().find((one) => one.id === id)
    if (info === undefined) throw new HeddleError('ERR_CLOSED', 'the queue has just been destroyed')
    return this.#add(id, info.name, info.kind === JobQueueKind.NATIVE ? 'native' : 'worker', undefined)
  }

  #add(id: number, name: string, kind: 'worker' | 'native', host: WorkerHost | undefined): JobQueue {
    const destroyed = (): void => {
      this.#known.delete(id)
      this.#own.delete(id)
      this.#hosts.delete(id)
    }
    const queue = new JobQueue({ id, name, kind, backend: this.#backend, desk: this.desk, host, destroyed })
    this.#known.set(id, queue)
    return queue
  }

  #wish(at: number): void {
    const { inbox } = this.#port
    const queue = inbox[at + 1] as number
    const worker = inbox[at + 2] as number
    const host = this.#hosts.get(queue)
    if (host === undefined) this.#jobs.workerEnded(queue, worker)
    else if (inbox[at + 3] === JobWorkerWish.START) host.start(worker)
    else host.terminate(worker)
  }

  #died(death: WorkerDeath, ends: boolean): void {
    try {
      this.emit('fatal', death)
    } finally {
      if (ends) process.exit(EXIT_CODE)
    }
  }
}

/** Nobody waits for it. */
function ignore(): void {}

function defaultThreads(): number {
  return Math.min(availableParallelism(), MOST_DEFAULT_THREADS)
}

/** ERR_INVALID_ARGUMENT. @internal */
export function checkName(name: unknown): void {
  const isName = typeof name === 'string' && name !== '' && !name.includes('\0')
  if (!isName || Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw invalid('a queue has', `a name of at most ${MAX_NAME_BYTES} bytes`, name)
}

function checkChoices({ kind, memorySafety, onWorkerDeath, worker }: JobQueueOptions): void {
  if (kind !== undefined && kind !== 'worker' && kind !== 'native')
    throw invalid('kind', "is 'worker' or 'native'", kind)
  if (memorySafety !== undefined && !SAFETIES.includes(memorySafety))
    throw invalid('memorySafety', "is 'none', 'cs' or 'gc'", memorySafety)
  if (onWorkerDeath !== undefined && onWorkerDeath !== 'respawn' && onWorkerDeath !== 'exit')
    throw invalid('onWorkerDeath', "is 'respawn' or 'exit'", onWorkerDeath)
  if (worker !== undefined && (typeof worker !== 'object' || worker === null))
    throw invalid('worker', 'is an object of options for worker threads', worker)
}

function notMade(errno: number, name: string): HeddleError {
  if (errno !== -constants.errno.EBUSY) return systemError(errno, 'create', name)
  return new HeddleError('ERR_JOBQ_BUSY', `the queue ${name} takes no more jobs and is not destroyed`)
}

/** What cannot be different about a queue that exists. */
function checkSame(queue: JobQueue, { kind, memorySafety }: JobQueueOptions): void {
  if (kind !== undefined && kind !== queue.kind)
    throw new HeddleError('EINVAL', `the queue ${queue.name} is of the kind ${queue.kind}`)
  if (memorySafety === undefined || memorySafety === queue.memorySafety) return
  const message = `the queue ${queue.name} has the memory-safety mode ${queue.memorySafety}`
  throw new HeddleError('ERR_JOBQ_SAFETY', message)
}

function count(name: string, value = 0): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= 0x7fffffff) return value
  throw invalid(name, 'is a number from 0', value)
}
