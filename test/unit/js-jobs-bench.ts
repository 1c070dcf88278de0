import {
  BEGINS,
  CLAIM_CELLS,
  Claim,
  JOB_STATS,
  JobFlag,
  JobOutcome,
  JobQueueKind,
  JobSafety,
  JobStat,
  type JobQueueSpec,
  type JobsBackend,
  type JobsEngine,
} from '../../lib/backend/jobs'
import { In, JobWorkerWish, Out } from '../../lib/backend/protocol'
import { Bench } from './js-backend-bench'

export const SPEC: JobQueueSpec = {
  name: 'q',
  kind: JobQueueKind.WORKER,
  safety: JobSafety.NONE,
  desired: 1,
  min: 0,
  max: 0,
  floor: 0,
  maxBacklog: 0,
  lifo: false,
  stackBytes: 0,
}

export interface Order {
  readonly cleanup?: number
  readonly flags?: number
  readonly worker?: number
  readonly priority?: number
  readonly parent?: number
  readonly subqueue?: bigint
  readonly deadline?: number
  readonly runTimeout?: number
}

export interface Done {
  readonly outcome: number
  readonly flags: number
  readonly text: string
}

/** A loop, its jobs, and what has become of them. */
class Loop extends Bench {
  readonly jobs: JobsEngine
  readonly queues: JobsBackend
  readonly done = new Map<number, Done>()
  /** Handles, in the order in which they were told. */
  readonly order: number[] = []
  /** Called with each. */
  told: (handle: number) => void = () => {}
  #handle = 0

  constructor() {
    super({ maxSleepMs: 20 })
    this.jobs = this.engine.jobs
    this.queues = this.backend.jobs
    this.port.handle(In.JOB_DONE, (at) => {
      const [handle, outcome, flags, place, length] = this.port.inbox.subarray(at + 1, at + 6)
      const bytes =
        (flags as number) & JobFlag.BLOCK
          ? Buffer.from(this.jobs.takeBlock(place as number)!)
          : this.port.recv.subarray(place, (place as number) + (length as number))
      this.done.set(handle as number, {
        outcome: outcome as number,
        flags: flags as number,
        text: `${bytes}`,
      })
      this.order.push(handle as number)
      this.told(handle as number)
    })
    this.engine.start()
  }

  /** JOB_ADD_WITH where something is unusual. */
  add(queue: number, target: number, text = '', order?: Order): number {
    const handle = ++this.#handle
    const bytes = Buffer.from(text)
    const offset = this.port.reserve(bytes.length)
    this.port.send.set(bytes, offset)
    this.port.control[1] = offset + bytes.length
    const flags = order?.flags ?? 0
    if (order === undefined) {
      const at = this.port.begin(Out.JOB_ADD, 7)
      this.port.outbox.set([queue, handle, target, flags, offset, bytes.length], at + 1)
      return handle
    }
    const { cleanup = 0, worker = 0, priority = 0, parent = -1, subqueue = 0n } = order
    const at = this.port.begin(Out.JOB_ADD_WITH, 17)
    const ids = [Number(BigInt.asIntN(32, subqueue)), Number(BigInt.asIntN(32, subqueue >> 32n))]
    const words = [
      queue,
      handle,
      target,
      flags,
      offset,
      bytes.length,
      cleanup,
      worker,
      priority,
      parent,
      ...ids,
    ]
    const times = new Float64Array([order.deadline ?? Number.POSITIVE_INFINITY, order.runTimeout ?? 0])
    this.port.outbox.set([...words, ...new Int32Array(times.buffer)], at + 1)
    return handle
  }

  remove(handle: number, stop = false): void {
    this.port.push2(Out.JOB_REMOVE, handle, stop ? 1 : 0)
  }

  outcome(handle: number): number | undefined {
    return this.done.get(handle)?.outcome
  }

  stat(queue: number, cell: number): number {
    const into = new Float64Array(JOB_STATS)
    return this.queues.stats(queue, into) < 0 ? Number.NaN : (into[cell] as number)
  }
}

/** One job at a worker that has been claimed. */
export interface Run {
  readonly run: number
  readonly name: string
  readonly text: string
  readonly flags: number
  readonly subqueue: bigint
  answer(text?: string, outcome?: number): void
}

/** What a worker does with a job: answers it now, later, or never. */
export type Behaviour = (run: Run, worker: PlayedWorker) => void

const echo: Behaviour = (run) => run.answer(run.text)

/** A worker as lib/jobq plays it, but in this isolate: a backend of its own at the other end of the link. */
export class PlayedWorker extends Loop {
  readonly id: number
  readonly claims = new Int32Array(new SharedArrayBuffer(CLAIM_CELLS * Int32Array.BYTES_PER_ELEMENT))
  readonly running = new Map<number, Run>()
  readonly signals: number[] = []
  hasLeft = false
  readonly #queue: number
  readonly #host: Host

  constructor(host: Host, queue: number, id: number) {
    super()
    this.#host = host
    this.#queue = queue
    this.id = id
    const link = host.jobs.link!(queue, id)
    this.port.handle(In.JOB_RUN, (at) => this.#run(at))
    this.port.handle(In.JOB_SIGNAL, (at) => void this.signals.push(this.port.inbox[at + 1] as number))
    this.port.handle(In.JOB_LEAVE, () => {
      this.hasLeft = true
      this.end()
    })
    if (link === undefined || this.jobs.serve(queue, id, this.claims, link) !== 0) throw new Error('serve')
  }

  /** As when its thread ends. */
  end(): void {
    this.#host.workers.delete(this)
    this.close()
    this.#host.jobs.workerEnded(this.#queue, this.id)
  }

  #run(at: number): void {
    const words = this.port.inbox.subarray(at + 1, at + 9)
    const [run, target, , flags, place, length, low, high] = words as unknown as number[]
    const bytes =
      flags! & JobFlag.BLOCK
        ? Buffer.from(this.jobs.takeBlock(place!)!)
        : this.port.recv.subarray(place, place! + length!)
    if (flags! & JobFlag.LIMITED) this.claims[BEGINS + run!] = Math.ceil(performance.now())
    if (Atomics.compareExchange(this.claims, run!, Claim.GIVEN, Claim.RUNNING) !== Claim.GIVEN) {
      Atomics.store(this.claims, run!, Claim.FREE)
      return
    }
    const text = `${bytes}`
    const name = this.queues.targetOf(target!)?.name ?? '?'
    const subqueue = (BigInt(high!) << 32n) | BigInt(low! >>> 0)
    const one: Run = {
      run: run!,
      name,
      text,
      flags: flags!,
      subqueue,
      answer: (answer = '', outcome = JobOutcome.VALUE) => {
        this.running.delete(run!)
        this.#host.running--
        this.write(Out.JOB_RESULT, [run!, outcome, 0], answer)
      },
    }
    this.running.set(run!, one)
    this.#host.starts.push(text)
    this.#host.running++
    this.#host.peak = Math.max(this.#host.peak, this.#host.running)
    this.#host.behaviour(one, this)
  }
}

/** A host with played workers. */
export class Host extends Loop {
  readonly workers = new Set<PlayedWorker>()
  behaviour: Behaviour = echo
  /** Texts of jobs in the order in which they began. */
  readonly starts: string[] = []
  readonly drained: number[] = []
  /** Workers that were to be ended. */
  readonly condemned: number[] = []
  running = 0
  peak = 0
  /** False: workers cannot be started. */
  canStart = true
  /** False: a worker that is to be ended goes on until the case ends it. */
  canEnd = true
  started = 0
  readonly target: number

  constructor() {
    super()
    this.target = this.queues.target('file:///m.mjs', 'f')
    this.port.handle(In.JOBQ_DRAINED, (at) => void this.drained.push(this.port.inbox[at + 1] as number))
    this.port.handle(In.JOBQ_WORKER, (at) => {
      const [queue, worker, what] = this.port.inbox.subarray(at + 1, at + 4) as unknown as [
        number,
        number,
        number,
      ]
      if (what === JobWorkerWish.TERMINATE) {
        this.condemned.push(worker)
        for (const one of this.workers) if (this.canEnd && one.id === worker) one.end()
      } else if (this.canStart) {
        this.started++
        this.workers.add(new PlayedWorker(this, queue, worker))
      } else this.jobs.workerEnded(queue, worker)
    })
  }

  create(spec: Partial<JobQueueSpec> = {}): number {
    return this.queues.create(this.engine.loopId, { ...SPEC, ...spec })
  }

  /** A queue with one worker, which runs a job that is answered when the case says so. */
  async blocked(spec: Partial<JobQueueSpec> = {}): Promise<{ queue: number; free: () => void }> {
    const queue = this.create(spec)
    const usual = this.behaviour
    let held: Run | undefined
    this.behaviour = (run) => {
      held = run
    }
    this.add(queue, this.target, 'block')
    await this.until(() => held !== undefined)
    this.behaviour = usual
    return { queue, free: () => held?.answer() }
  }

  async over(...handles: number[]): Promise<void> {
    await this.until(() => handles.every((handle) => this.done.has(handle)))
  }

  backlog(queue: number): number {
    return this.stat(queue, JobStat.BACKLOG)
  }

  finish(): void {
    for (const worker of [...this.workers]) worker.end()
    this.close()
  }
}
