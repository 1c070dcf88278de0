import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { PortMemory } from '../../backend'
import { JobFlag, JobOutcome, type JobsEngine } from '../../jobs'
import { Out, In } from '../../protocol'
import { errno } from '../errno'
import type { Inbox } from '../inbox'
import type { Outbox } from '../outbox'
import { Blocks } from './blocks'
import { Desk } from './desk'
import { type Dependable, Job, type JobOrder, endWithout } from './job'
import type { JsJobs } from './jobs'
import type { Queue } from './queue'
import { Station, helloOf } from './station'
import { WorkerThread } from './worker-thread'

const WISH_WORDS = 4
const DRAINED_WORDS = 3

/**
 * Jobs of one loop: what it submits, what it is told as the host of queues, and what it runs where its isolate is a worker.
 */
export class EngineJobs implements JobsEngine {
  readonly desk: Desk
  readonly #jobs: JsJobs
  readonly #memory: PortMemory
  readonly #requestPass: () => void
  readonly #blocks = new Blocks()
  readonly #doubles = new Float64Array(1)
  readonly #doubleWords = new Int32Array(this.#doubles.buffer)
  /** Queues that got jobs from the outbox and have not looked at them. */
  readonly #touched = new Set<Queue>()
  /** Records for the host of queues: three words each. */
  #wishes: number[] = []
  #drained: number[] = []
  #station: Station | undefined
  #isClosed = false

  constructor(jobs: JsJobs, memory: PortMemory, outbox: Outbox, requestPass: () => void) {
    this.#jobs = jobs
    this.#memory = memory
    this.#requestPass = requestPass
    this.desk = new Desk(this.#blocks, requestPass)
    const word = (w: Int32Array, at: number) => w[at] as number
    outbox.on(Out.JOB_ADD, (w, at) => this.#add(word(w, at + 1), this.#plainOrder(w, at), undefined, -1))
    outbox.on(Out.JOB_ADD_WITH, (w, at) => this.#addWith(w, at))
    outbox.on(Out.JOB_REMOVE, (w, at) => this.#remove(word(w, at + 1), word(w, at + 2) === 1))
    outbox.on(Out.JOB_COMPLETED, (w, at) => this.#completed(word(w, at + 1)))
    outbox.on(Out.JOB_RESULT, (w, at) => this.#result(w, at))
  }

  reserve(queue: number): number {
    const found = this.#jobs.queue(queue)
    if (found !== undefined) return found.room.tryTake()
    return this.#station?.queue === queue ? this.#station.room.tryTake() : -errno.ENOENT
  }

  unreserve(queue: number): number {
    const room = this.#jobs.queue(queue)?.room ?? this.#stationOf(queue)?.room
    room?.free()
    return room === undefined ? -errno.ENOENT : 0
  }

  setDeadline(handle: number, ms: number): number {
    const submitted = this.desk.find(handle)
    return submitted?.queue.setDeadline(submitted.job, ms) ?? -errno.ENOENT
  }

  block(bytes: Uint8Array): number {
    const number = this.#blocks.copy(bytes)
    return number < 0 ? -errno.ENOMEM : number
  }

  takeBlock(block: number): ArrayBuffer | undefined {
    const shared = this.#blocks.take(block)
    return shared === undefined ? undefined : (new Uint8Array(shared).slice().buffer as ArrayBuffer)
  }

  link(queue: number, worker: number): MessagePort | undefined {
    const thread = this.#jobs.queue(queue)?.crew.threads.get(worker)
    return thread instanceof WorkerThread ? thread.link() : undefined
  }

  serve(queue: number, worker: number, claims: Int32Array, link?: MessagePort): number {
    if (this.#isClosed || link === undefined || this.#station !== undefined) return -errno.ENOENT
    const hello = helloOf(receiveMessageOnPort(link)?.message, queue, worker)
    if (typeof hello === 'number') return hello
    this.#jobs.skipTo(queue)
    const { targets } = this.#jobs
    this.#station = new Station(hello, link, claims, this.#blocks, targets, this.#requestPass)
    return 0
  }

  workerEnded(queue: number, worker: number): number {
    const thread = this.#jobs.queue(queue)?.crew.threads.get(worker)
    if (!(thread instanceof WorkerThread)) return -errno.ENOENT
    thread.end()
    return 0
  }

  backStats(into: Float64Array): number {
    into[0] = this.desk.total
    into[1] = this.desk.wait.value
    return 0
  }

  /** False: nobody reads this loop's records any more. */
  wish(queue: number, worker: number, what: number): boolean {
    if (this.#isClosed) return false
    this.#wishes.push(queue, worker, what)
    this.#requestPass()
    return true
  }

  drained(request: number): void {
    this.#drained.push(request)
    this.#requestPass()
  }

  /** The outbox was carried out. */
  applied(): void {
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const queue of touched) queue.pump()
    this.#station?.flush()
  }

  get hasWork(): boolean {
    if (this.desk.backlog > 0 || this.#wishes.length > 0 || this.#drained.length > 0) return true
    return this.#station?.hasWork === true
  }

  collect(inbox: Inbox): void {
    this.#wishes = collectTriples(inbox, this.#wishes)
    this.desk.collect(inbox)
    // A queue is drained when its jobs have been told of.
    if (this.desk.backlog === 0)
      this.#drained = this.#drained.filter((request) => !writeDrained(inbox, request))
    this.#station?.collect(inbox)
  }

  /** A worker has jobs to begin. */
  get hasRuns(): boolean {
    return this.#station?.hasRuns === true
  }

  /** A record for the worker's next job, alone in the inbox. */
  next(inbox: Inbox): boolean {
    inbox.reset()
    return this.#station?.next(inbox) === true
  }

  afterDispatch(): void {
    this.desk.afterDispatch()
    this.#station?.afterDispatch()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.desk.close()
    this.#station?.close()
    this.#station = undefined
  }

  #stationOf(queue: number): Station | undefined {
    return this.#station?.queue === queue ? this.#station : undefined
  }

  #plainOrder(w: Int32Array, at: number): JobOrder {
    const flags = w[at + 4] as number
    return {
      handle: w[at + 2] as number,
      target: w[at + 3] as number,
      cleanup: 0,
      flags,
      ...this.#payload(flags, w[at + 5] as number, w[at + 6] as number),
      subqueue: 0n,
      priority: 0,
      deadline: Number.POSITIVE_INFINITY,
      runTimeoutMs: 0,
      worker: 0,
    }
  }

  #addWith(w: Int32Array, at: number): void {
    const order: JobOrder = {
      ...this.#plainOrder(w, at),
      cleanup: w[at + 7] as number,
      worker: w[at + 8] as number,
      priority: w[at + 9] as number,
      subqueue: BigInt.asUintN(
        64,
        (BigInt(w[at + 12] as number) << 32n) | BigInt((w[at + 11] as number) >>> 0),
      ),
      deadline: this.#double(w, at + 13),
      runTimeoutMs: this.#double(w, at + 15),
    }
    const parent = w[at + 10] as number
    const queue = w[at + 1] as number
    const isFar = this.#jobs.queue(queue) === undefined
    this.#add(queue, order, parent < 0 || isFar ? undefined : this.#station?.dependable(parent), parent)
  }

  #add(id: number, order: JobOrder, parent: Dependable | undefined, far: number): void {
    const queue = this.#jobs.queue(id)
    if (queue === undefined && this.#stationOf(id) !== undefined) {
      this.#station?.submit(order, far)
      return
    }
    const job = new Job(this.desk, order, parent, performance.now())
    const isWhole = (order.flags & JobFlag.BLOCK) === 0 || order.block !== undefined
    if (queue === undefined || !isWhole) {
      if (queue !== undefined && job.has(JobFlag.RESERVED)) queue.room.free()
      job.over(endWithout(queue === undefined ? JobOutcome.SHUTDOWN : JobOutcome.NO_MEMORY))
      return
    }
    this.desk.submitted(order.handle, { job, queue })
    queue.add(job)
    this.#touched.add(queue)
  }

  #remove(handle: number, stop: boolean): void {
    const submitted = this.desk.find(handle)
    if (submitted === undefined) {
      this.#station?.remove(handle, stop)
      return
    }
    submitted.queue.remove(submitted.job, stop)
    this.#touched.add(submitted.queue)
  }

  #completed(handle: number): void {
    if (!this.desk.completed(handle)) this.#station?.completed(handle)
  }

  #result(w: Int32Array, at: number): void {
    const flags = w[at + 3] as number
    const { bytes, block } = this.#payload(flags, w[at + 4] as number, w[at + 5] as number)
    const isLost = (flags & JobFlag.BLOCK) !== 0 && block === undefined
    const outcome = isLost ? JobOutcome.NO_MEMORY : (w[at + 2] as number)
    this.#station?.result(w[at + 1] as number, outcome, isLost ? 0 : flags, bytes, block)
  }

  /** The slab is written again: bytes are copied. */
  #payload(flags: number, place: number, length: number): Pick<JobOrder, 'bytes' | 'block'> {
    const { send } = this.#memory
    if ((flags & JobFlag.BLOCK) === 0)
      return { bytes: new Uint8Array(send.subarray(place, place + length)), block: undefined }
    return { bytes: new Uint8Array(0), block: this.#blocks.take(place) }
  }

  #double(w: Int32Array, at: number): number {
    this.#doubleWords[0] = w[at] as number
    this.#doubleWords[1] = w[at + 1] as number
    return this.#doubles[0] as number
  }
}

/** JOBQ_WORKER; what does not fit is returned. */
function collectTriples(inbox: Inbox, wishes: number[]): number[] {
  let at = 0
  while (at < wishes.length && inbox.hasRoom(WISH_WORDS)) {
    inbox.push3(In.JOBQ_WORKER, wishes[at] as number, wishes[at + 1] as number, wishes[at + 2] as number)
    at += 3
  }
  return at === 0 ? wishes : wishes.slice(at)
}

function writeDrained(inbox: Inbox, request: number): boolean {
  return inbox.hasRoom(DRAINED_WORDS) && inbox.push2(In.JOBQ_DRAINED, request, 0)
}
