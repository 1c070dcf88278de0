import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { BEGINS, CLAIMS, Claim, JobFlag } from '../../jobs'
import { FarDesk } from './far-desk'
import { Job, type JobEnd } from './job'
import {
  Down,
  type FarJob,
  type Hello,
  type Parcel,
  ParcelWriter,
  type Serving,
  Up,
  eachRecord,
} from './parcel'
import type { Queue } from './queue'
import { FarTargets, type Targets } from './targets'
import type { Thread } from './thread'

/**
 * The host's end of a worker: what it is given goes into a parcel, what it answers comes out of one. Between the two a claim
 * cell says whether the worker has begun; the host uses a cell when it finds it FREE.
 */
export class WorkerThread implements Thread {
  readonly id: number
  readonly jobs = new Set<Job>()
  isReady = false
  isLeaving = false
  isCondemned = false
  isOccupied = false
  idleSince = 0
  readonly bound: Job[] = []
  readonly #queue: Queue
  readonly #targets: Targets
  readonly #theirTargets: FarTargets
  readonly #out = new ParcelWriter()
  readonly #runs: (Job | undefined)[] = new Array(CLAIMS).fill(undefined)
  readonly #runOf = new Map<Job, number>()
  readonly #holds = new Map<number, Job>()
  readonly #desk: FarDesk
  /** Cells that the worker has still to free, at most. */
  #takenBack = 0
  #claims: Int32Array | undefined
  /** How far the worker's clock is behind this one. */
  #behind = 0
  #near: MessagePort | undefined

  constructor(id: number, queue: Queue, targets: Targets) {
    this.id = id
    this.#queue = queue
    this.#targets = targets
    this.#theirTargets = new FarTargets(targets)
    this.#desk = new FarDesk(queue, this.#out, () => this.flush())
  }

  /** The other end, for the worker. Once. */
  link(): MessagePort | undefined {
    if (this.#near !== undefined) return undefined
    const { port1, port2 } = new MessageChannel()
    this.#near = port1
    const hello: Hello = { queue: this.#queue.id, worker: this.id, room: this.#queue.room.cells }
    port1.postMessage(hello)
    port1.on('message', (message: Parcel | Serving) => this.#receive(message))
    port1.on('close', () => {
      // Nothing more is in it; Node 20 does not survive being asked.
      this.#near = undefined
      this.end()
    })
    // What keeps the process alive is decided above.
    port1.unref()
    return port2
  }

  get isNeeded(): boolean {
    return !this.#desk.isEmpty
  }

  get room(): number {
    if (this.#claims === undefined) return 0
    if (this.#takenBack > 0) this.#takenBack = this.#countTakenBack(this.#claims)
    return Math.min(CLAIMS >> 1, CLAIMS - this.#takenBack)
  }

  give(job: Job): void {
    const claims = this.#claims as Int32Array
    const run = this.#freeRun(claims)
    this.#runs[run] = job
    this.#runOf.set(job, run)
    this.jobs.add(job)
    const { target, cleanup, bytes, block, subqueue, flags, runTimeoutMs } = job.order
    for (const id of [target, cleanup]) this.#out.name(id, (number) => this.#targets.of(number))
    const limited = runTimeoutMs > 0 ? JobFlag.LIMITED : 0
    const told = (flags & ~JobFlag.BLOCK) | (block === undefined ? 0 : JobFlag.BLOCK) | limited
    const place = block === undefined ? this.#out.put(bytes) : this.#out.putBlock(block)
    const length = block?.byteLength ?? bytes.length
    const low = Number(BigInt.asIntN(32, subqueue))
    const high = Number(BigInt.asIntN(32, subqueue >> 32n))
    Atomics.store(claims, run, Claim.GIVEN)
    const skip = job.fate !== undefined ? JobFlag.SKIP_WORK : 0
    this.#out.record(Down.RUN, run, target, cleanup, told | skip, place, length, low, high)
  }

  hasBegun(job: Job): boolean {
    const run = this.#runOf.get(job)
    if (run === undefined) return true
    const claim = Atomics.load(this.#claims as Int32Array, run)
    return claim === Claim.RUNNING || claim === Claim.SIGNALLED
  }

  ranFor(job: Job): number {
    const run = this.#runOf.get(job)
    if (run === undefined) return 0
    const begun = (this.#claims as Int32Array)[BEGINS + run] as number
    // In 32 bits, as it was noted.
    return (Math.floor(performance.now() - this.#behind) - begun) | 0
  }

  takeBack(job: Job): boolean {
    const run = this.#runOf.get(job)
    if (run === undefined) return false
    const claims = this.#claims as Int32Array
    if (Atomics.compareExchange(claims, run, Claim.GIVEN, Claim.TAKEN_BACK) !== Claim.GIVEN) return false
    this.#forget(run, job)
    this.#takenBack++
    return true
  }

  signal(job: Job): boolean {
    const run = this.#runOf.get(job)
    if (run === undefined) return false
    const claims = this.#claims as Int32Array
    if (Atomics.compareExchange(claims, run, Claim.RUNNING, Claim.SIGNALLED) !== Claim.RUNNING) return false
    this.#out.record(Down.SIGNAL, run)
    this.flush()
    return true
  }

  flush(): void {
    if (this.#near === undefined) return
    const parcel = this.#out.take()
    if (parcel !== undefined) this.#near.postMessage(parcel)
  }

  leave(): void {
    this.#out.record(Down.LEAVE)
    this.flush()
  }

  /** The worker is gone, or could not be started. What it had posted is heard first. */
  end(): void {
    const near = this.#near
    if (near !== undefined) {
      for (let next = receiveMessageOnPort(near); next !== undefined; next = receiveMessageOnPort(near))
        this.#receive(next.message as Parcel | Serving)
      near.removeAllListeners()
      near.close()
      this.#near = undefined
    }
    this.#desk.close()
    for (const job of this.#holds.values()) job.release()
    this.#holds.clear()
    this.#queue.ended(this)
  }

  #countTakenBack(claims: Int32Array): number {
    let count = 0
    for (let run = 0; run < CLAIMS; run++) if (Atomics.load(claims, run) === Claim.TAKEN_BACK) count++
    return count
  }

  /** A cell that nobody uses. There is one while `room` says so. */
  #freeRun(claims: Int32Array): number {
    for (let run = 0; run < CLAIMS; run++)
      if (this.#runs[run] === undefined && Atomics.load(claims, run) === Claim.FREE) return run
    return -1
  }

  #forget(run: number, job: Job): void {
    this.#runs[run] = undefined
    this.#runOf.delete(job)
    this.jobs.delete(job)
  }

  #receive(message: Parcel | Serving): void {
    if ('claims' in message) {
      this.#claims = message.claims
      this.#behind = message.origin - performance.timeOrigin
      this.#queue.ready(this)
      return
    }
    this.#theirTargets.learn(message.targets)
    for (const job of message.jobs) this.#submit(job)
    eachRecord(message.words, (kind, at) => this.#record(message, kind, at))
    this.#queue.turned(this)
  }

  #record({ words, bytes, blocks }: Parcel, kind: number, at: number): void {
    const a = words[at + 1] as number
    const b = words[at + 2] as number
    switch (kind) {
      case Up.RESULT: {
        const flags = words[at + 3] as number
        const isBlock = (flags & JobFlag.BLOCK) !== 0
        const offset = words[at + 4] as number
        const length = words[at + 5] as number
        const end: JobEnd = {
          outcome: b,
          flags: flags & ~JobFlag.BLOCK,
          bytes: isBlock ? bytes : bytes.subarray(offset, offset + length),
          block: isBlock ? blocks[offset] : undefined,
        }
        this.#answered(a, end, (words[at + 6] as number) / 1000)
        break
      }
      case Up.OCCUPIED:
        this.isOccupied = a === 1
        this.#queue.turned(this)
        break
      case Up.REMOVE:
        this.#desk.remove(a, b === 1)
        break
      case Up.COMPLETED:
        this.#desk.completed(a)
        break
      case Up.DELIVERED:
        this.#desk.delivered(a)
        break
      case Up.HOLD: {
        const job = this.#runs[b]
        if (job === undefined) break
        this.#holds.set(a, job)
        job.hold()
        break
      }
      case Up.RELEASE:
        this.#holds.get(a)?.release()
        this.#holds.delete(a)
        break
    }
  }

  #answered(run: number, end: JobEnd, runMs: number): void {
    const job = this.#runs[run]
    if (job === undefined) return
    Atomics.store(this.#claims as Int32Array, run, Claim.FREE)
    this.#forget(run, job)
    this.isOccupied = false
    this.#queue.answered(this, job, end, runMs)
  }

  #submit(far: FarJob): void {
    const order = {
      ...far,
      target: this.#theirTargets.number(far.target),
      cleanup: this.#theirTargets.number(far.cleanup),
      deadline: far.deadline - performance.timeOrigin,
    }
    const parent = far.parent < 0 ? undefined : this.#runs[far.parent]
    const job = new Job(this.#desk, order, parent, performance.now())
    this.#desk.submitted(job)
    this.#queue.add(job)
  }
}
