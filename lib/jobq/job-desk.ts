import { onePerPort, type Port } from '../backend/port'
import { JobFlag, JobOutcome, type JobsBackend, type JobsEngine } from '../backend/jobs'
import { In, Out } from '../backend/protocol'
import { HeddleError, systemError } from '../errors'
import { dataCloneError } from './clone'
import { Posted } from './codec'
import { unpackError } from './error-codec'
import { Handles, NO_HANDLE } from './handles'
import { flagsOf, isPlain, type JobOrder, type JobTransfer } from './job-order'
import { outcomeError, shutDown } from './outcome'
import { Receiver, Sender } from './parcel'
import { located, TargetNumbers } from './targets'

/** Names a job of one desk. */
export type JobHandle = number

/** Hears once how a job has ended (`JobOutcome`): with VALUE its value, otherwise the error. Called from a dispatch. */
export type JobDone = (outcome: number, value: unknown) => void

/** What the desk needs of a queue. */
export interface DeskQueue {
  readonly id: number
  readonly name: string
  /** Its threads run registered functions. */
  readonly isNative: boolean
  /** Carries what bytes cannot; undefined in isolates that did not make the queue. */
  readonly mail: Mail | undefined
}

/** Values between the isolate that made a queue and its workers. */
export interface Mail {
  /** Holds a value until the worker that runs the job asks for it. Throws a DataCloneError. */
  hold(value: unknown, transfer: JobTransfer): number
  /** The job is over. */
  drop(number: number): void
  /** A job whose result may come is submitted; what `ended` wants when it has been answered. */
  began(): number
  ended(began: number): void
  /** Hands over a result when it has come; undefined: it will not. */
  receive(posted: Posted, taken: (message: { readonly value: unknown } | undefined) => void): void
}

/** What a job of a native queue gives: the number its function set, and its bytes. */
export interface NativeResult {
  readonly number: number
  readonly bytes: Uint8Array
}

/** Hears that a queue is drained, or why that will not be heard of. */
type Drained = (error?: HeddleError) => void

interface Drain {
  readonly queue: DeskQueue
  readonly drained: Drained
  /** What the backend has said. */
  errno: number | undefined
}
type Resolve = (value: never) => void
type Reject = (error: unknown) => void

const WORDS = 7
const WORDS_WITH = 17
const NO_BYTES = new Uint8Array(0)
const NO_MAIL = -1
const NUMBER_BYTES = 8
const LONG_MS = 0x7fffffff

/**
 * The jobs that were submitted from one loop, and what hears of their ends.
 *
 * Thread rule: the isolate of the port. Nothing but the promise is allocated for a job without options. While jobs are under
 * way they keep the process alive.
 */
export class JobDesk {
  readonly port: Port
  readonly targets: TargetNumbers
  /** Jobs whose end has not come. */
  pending = 0
  readonly #backend: JobsBackend
  readonly #jobs: JobsEngine
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #handles = new Handles()
  /** By index: a promise's functions, or `JobDone` and undefined. */
  readonly #resolves: (Resolve | JobDone | undefined)[] = []
  readonly #rejects: (Reject | undefined)[] = []
  readonly #queues: (DeskQueue | undefined)[] = []
  readonly #targetNumbers: number[] = []
  readonly #mails: number[] = []
  /** What the mail of the queue said when the job began. */
  readonly #begins: number[] = []
  readonly #drains = new Map<number, Drain>()
  /** Jobs whose records have come and whose results, which are posted, have not; by queue. */
  readonly #awaited = new Map<number, number>()
  /** Called after each end, while somebody waits for room. */
  readonly #watchers = new Set<() => void>()
  #requests = 0
  #isClosed = false
  #keeper: NodeJS.Timeout | undefined
  readonly #double = new Float64Array(1)
  readonly #doubleWords = new Int32Array(this.#double.buffer)
  /** Of the argument that was put down last. */
  #mail = NO_MAIL

  /** The desk of a port. */
  static readonly of = onePerPort((port) => new JobDesk(port))

  private constructor(port: Port) {
    const { jobs } = port.engine
    const backend = port.backend.jobs
    this.port = port
    this.#backend = backend
    this.#jobs = jobs
    this.#sender = new Sender(port, jobs)
    this.#receiver = new Receiver(port, jobs)
    this.targets = new TargetNumbers(backend)
    const { inbox } = port
    port.handle(In.JOB_DONE, (at) => this.#done(at))
    port.handle(In.JOBQ_DRAINED, (at) => this.#drained(inbox[at + 1] as number, inbox[at + 2] as number))
  }

  /** A job without options. Its end settles the promise; it rejects with what `submit` throws. */
  run(queue: DeskQueue, target: number, arg: unknown): Promise<unknown> {
    this.#assertOpen(queue)
    return new Promise((resolve, reject) => {
      this.#put(queue, arg, undefined)
      const handle = this.#open(queue, target, resolve as Resolve, reject)
      this.#add(queue, handle, target, this.#sender.flags)
    })
  }

  /**
   * Throws what prevents the job: ERR_INVALID_ARGUMENT, ERR_JOBQ_SHUTDOWN, ENOENT, ENOMEM, ENFILE, a DataCloneError, or what a
   * getter of the argument throws. Does not throw afterwards.
   */
  submit(queue: DeskQueue, order: JobOrder, done: JobDone): JobHandle {
    return this.#submit(queue, order, flagsOf(order), done)
  }

  /** As `submit`; undefined, and nothing is called, where as many wait as may, or the queue takes no more jobs. */
  trySubmit(queue: DeskQueue, order: JobOrder, done: JobDone): JobHandle | undefined {
    this.#assertOpen(queue)
    const flags = flagsOf(order)
    // What this loop has submitted comes first.
    this.port.engine.flush()
    const reserved = this.#jobs.reserve(queue.id)
    if (reserved < 0) return undefined
    try {
      return this.#submit(queue, order, flags | JobFlag.RESERVED, done)
    } catch (error) {
      this.#jobs.unreserve(queue.id)
      throw error
    }
  }

  /** Takes the job out if it has not begun: it ends with REMOVED. One that runs is asked to stop if `stop`. */
  remove(handle: JobHandle, stop: boolean): void {
    if (this.#handles.find(handle) >= 0) this.port.push2(Out.JOB_REMOVE, handle, stop ? 1 : 0)
  }

  /** The completion of a job with `completes` has run. */
  completed(handle: JobHandle): void {
    this.port.push1(Out.JOB_COMPLETED, handle)
  }

  /** Moves the deadline of a job without a cancel mode, loop milliseconds. False: it has begun, or is over. (AS-10) */
  setDeadline(handle: JobHandle, ms: number): boolean {
    if (this.#handles.find(handle) < 0) return false
    this.port.engine.flush()
    return this.#jobs.setDeadline(handle, ms) >= 0
  }

  /** Calls `drained` when the backend says that the queue is. ERR_JOBQ_SHUTDOWN: the eventer has ended, it would not be heard. */
  drain(queue: DeskQueue, drained: Drained): void {
    this.#assertOpen(queue)
    const request = ++this.#requests
    this.#drains.set(request, { queue, drained, errno: undefined })
    // What this loop has submitted comes first.
    this.port.engine.flush()
    const result = this.#backend.drain(queue.id, this.port.engine.loopId, request)
    if (result < 0) {
      this.#drains.delete(request)
      throw systemError(result, 'drain', queue.name)
    }
    this.#hold()
  }

  /** Nothing is taken any more: the eventer ends, or has ended. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Calls this whenever a job of this desk has ended, until the answer is called. */
  watch(ended: () => void): () => void {
    this.#watchers.add(ended)
    return () => this.#watchers.delete(ended)
  }

  /** Jobs of native queues whose end has not come: they are over some time, whoever ends. */
  get pendingNatively(): number {
    return this.#queues.filter((queue) => queue?.isNative).length
  }

  /** The eventer is about to end: nothing is taken any more, and what waits, in whose queue ever, rejects as `close` has it. */
  withdraw(): void {
    this.#isClosed = true
    for (let index = 0; index < this.#queues.length; index++) {
      if (this.#queues[index] !== undefined) this.port.push2(Out.JOB_REMOVE, this.#handles.at(index), 0)
    }
    this.port.engine.flush()
  }

  /** The loop ends: what is under way will not come back, and nothing is taken any more. */
  close(): void {
    this.#isClosed = true
    for (let index = 0; index < this.#queues.length; index++) {
      if (this.#queues[index] !== undefined) this.#settle(index, JobOutcome.SHUTDOWN, undefined)
    }
    for (const { queue, drained } of this.#drains.values()) {
      this.#release()
      drained(shutDown(queue.name))
    }
    this.#drains.clear()
    clearTimeout(this.#keeper)
  }

  #submit(queue: DeskQueue, order: JobOrder, flags: number, done: JobDone): JobHandle {
    this.#assertOpen(queue)
    const { target, cleanup, arg, transfer } = order
    const number = this.numberOf(queue, target)
    const cleanupNumber = cleanup === undefined ? 0 : this.numberOf(queue, cleanup)
    this.#put(queue, arg, transfer)
    const all = flags | this.#sender.flags
    const handle = this.#open(queue, number, done, undefined)
    if (isPlain(order)) this.#add(queue, handle, number, all)
    else this.#addWith(queue, handle, number, all, order, cleanupNumber)
    return handle
  }

  /** EINVAL: the queue runs the other kind of targets. */
  numberOf(queue: DeskQueue, target: JobOrder['target']): number {
    if (typeof target !== 'object' || target === null) located(target)
    const native = 'native' in target
    if (native !== queue.isNative) {
      const kinds = native ? 'native functions do not run in' : 'exports of modules do not run in'
      throw new HeddleError('EINVAL', `${kinds} the queue ${queue.name}`)
    }
    return native ? this.targets.ofNative(target) : this.targets.ofModule(target as never)
  }

  #assertOpen(queue: DeskQueue): void {
    if (this.#isClosed) throw shutDown(queue.name)
  }

  #open(queue: DeskQueue, target: number, resolve: Resolve | JobDone, reject: Reject | undefined): JobHandle {
    const handle = this.#handles.open()
    if (handle === NO_HANDLE) {
      this.#pickUp(queue)
      throw new HeddleError('ENFILE', 'too many jobs are under way')
    }
    const index = this.#handles.find(handle)
    this.#resolves[index] = resolve
    this.#rejects[index] = reject
    this.#queues[index] = queue
    this.#targetNumbers[index] = target
    this.#mails[index] = this.#mail
    this.#begins[index] = queue.mail?.began() ?? 0
    this.#hold()
    return handle
  }

  /** Words that both records begin with. */
  #add(queue: DeskQueue, handle: number, target: number, flags: number, words = WORDS): number {
    const at = this.port.begin(words === WORDS ? Out.JOB_ADD : Out.JOB_ADD_WITH, words)
    const { outbox } = this.port
    outbox[at + 1] = queue.id
    outbox[at + 2] = handle
    outbox[at + 3] = target
    outbox[at + 4] = flags
    outbox[at + 5] = this.#sender.offset
    outbox[at + 6] = this.#sender.length
    return at
  }

  #addWith(
    queue: DeskQueue,
    handle: number,
    target: number,
    flags: number,
    order: JobOrder,
    cleanup: number,
  ): void {
    const { subqueue = 0n, deadline = Number.POSITIVE_INFINITY, runTimeout = 0 } = order
    // A record that has begun goes out, so nothing may throw from there on.
    const low = Number(BigInt.asIntN(32, subqueue))
    const high = Number(BigInt.asIntN(32, subqueue >> 32n))
    const at = this.#add(queue, handle, target, flags, WORDS_WITH)
    const { outbox } = this.port
    outbox[at + 7] = cleanup
    outbox[at + 8] = 0
    outbox[at + 9] = order.priority ?? 0
    outbox[at + 10] = order.parent ?? -1
    outbox[at + 11] = low
    outbox[at + 12] = high
    this.#writeDouble(at + 13, deadline)
    this.#writeDouble(at + 15, runTimeout)
  }

  #writeDouble(at: number, value: number): void {
    this.#double[0] = value
    this.port.outbox[at] = this.#doubleWords[0] as number
    this.port.outbox[at + 1] = this.#doubleWords[1] as number
  }

  /** Puts the argument down; the record has to follow at once. */
  #put(queue: DeskQueue, arg: unknown, transfer: JobTransfer | undefined): void {
    const sender = this.#sender
    const { mail } = queue
    if (queue.isNative) {
      sender.putRaw(nativeArgument(arg))
      sender.flags &= ~JobFlag.RAW
    } else if (!sender.put(arg, transfer, mail === undefined)) {
      this.#post(queue, arg, transfer)
      return
    } else if (mail !== undefined) {
      sender.flags |= JobFlag.POSTABLE
    }
    this.#mail = NO_MAIL
  }

  /** What was put down will not be sent. */
  #pickUp({ mail }: DeskQueue): void {
    if (this.#mail === NO_MAIL) this.#sender.drop()
    else mail?.drop(this.#mail)
  }

  #post({ name, mail }: DeskQueue, arg: unknown, transfer: JobTransfer = []): void {
    if (mail === undefined)
      throw dataCloneError(`shared memory and ports go to ${name} from the isolate only that made it`)
    const number = mail.hold(arg, transfer)
    this.#sender.putPosted(new Posted(0, number))
    this.#sender.flags |= JobFlag.POSTABLE
    this.#mail = number
  }

  #done(at: number): void {
    const { inbox } = this.port
    const index = this.#handles.find(inbox[at + 1] as number)
    const outcome = inbox[at + 2] as number
    const flags = inbox[at + 3] as number
    const offset = inbox[at + 4] as number
    const length = inbox[at + 5] as number
    if (index < 0) {
      this.#receiver.drop(flags, offset)
      return
    }
    if (outcome > JobOutcome.ERROR) {
      this.#settle(index, outcome, undefined)
      return
    }
    const isNative = (this.#queues[index] as DeskQueue).isNative
    let value: unknown
    try {
      if (isNative) value = this.#nativeValue(index, outcome, flags, offset, length)
      else value = this.#receiver.value(flags, offset, length)
    } catch (error) {
      this.#settle(index, JobOutcome.ERROR, error)
      return
    }
    if (value instanceof Posted) this.#await(index, outcome, value)
    else this.#settle(index, outcome, outcome === JobOutcome.ERROR && !isNative ? unpackError(value) : value)
  }

  #nativeValue(index: number, outcome: number, flags: number, offset: number, length: number): unknown {
    const all = this.#receiver.bytes(flags, offset, length)
    if (outcome === JobOutcome.ERROR) {
      return systemError(all.readInt32LE(0), this.#targetName(index), all.toString('utf8', 4) || undefined)
    }
    const output = all.subarray(NUMBER_BYTES)
    // A block is this isolate's own, and too large to be copied without need.
    const own = (flags & JobFlag.BLOCK) !== 0
    const bytes = own
      ? new Uint8Array(output.buffer, output.byteOffset, output.length)
      : new Uint8Array(output)
    return { number: all.readDoubleLE(0), bytes } satisfies NativeResult
  }

  /** The value comes, or has come, over a MessagePort. */
  #await(index: number, outcome: number, posted: Posted): void {
    const { id, mail } = this.#queues[index] as DeskQueue
    this.#awaited.set(id, (this.#awaited.get(id) ?? 0) + 1)
    const taken = (message: { readonly value: unknown } | undefined): void => {
      // The loop has ended meanwhile.
      if (this.#queues[index] === undefined) return
      if (message === undefined) this.#settle(index, JobOutcome.WORKER_DIED, undefined)
      else this.#settle(index, outcome, message.value)
      this.#hasCome(id)
    }
    if (mail === undefined) taken(undefined)
    else mail.receive(posted, taken)
  }

  #settle(index: number, ending: number, value: unknown): void {
    const outcome = this.#isClosed && ending === JobOutcome.REMOVED ? JobOutcome.SHUTDOWN : ending
    const queue = this.#queues[index] as DeskQueue
    const resolve = this.#resolves[index] as JobDone & ((value: unknown) => void)
    const reject = this.#rejects[index]
    const result =
      outcome <= JobOutcome.ERROR ? value : outcomeError(outcome, this.#targetName(index), queue.name)
    const mail = this.#mails[index] as number
    if (mail !== NO_MAIL) queue.mail?.drop(mail)
    queue.mail?.ended(this.#begins[index] as number)
    this.#resolves[index] = undefined
    this.#rejects[index] = undefined
    this.#queues[index] = undefined
    this.#handles.close(index)
    this.#release()
    if (reject === undefined) resolve(outcome, result)
    else if (outcome === JobOutcome.VALUE) resolve(result as never, undefined)
    else reject(result)
    if (this.#watchers.size > 0) for (const ended of this.#watchers) ended()
  }

  #targetName(index: number): string {
    return this.targets.describe(this.#targetNumbers[index] as number)
  }

  #drained(request: number, errno: number): void {
    const drain = this.#drains.get(request)
    if (drain === undefined) return
    drain.errno = errno
    this.#tellDrained(request, drain)
  }

  /** Behind the last job: what it has posted may come behind its record. */
  #tellDrained(request: number, { queue, drained, errno }: Drain): void {
    if (errno === undefined || this.#awaited.has(queue.id)) return
    this.#drains.delete(request)
    this.#release()
    drained(errno === 0 ? undefined : systemError(errno, 'drain', queue.name))
  }

  /** A posted result. */
  #hasCome(queue: number): void {
    const left = (this.#awaited.get(queue) as number) - 1
    if (left > 0) {
      this.#awaited.set(queue, left)
      return
    }
    this.#awaited.delete(queue)
    for (const [request, drain] of this.#drains)
      if (drain.queue.id === queue) this.#tellDrained(request, drain)
  }

  #hold(): void {
    if (this.pending++ > 0) return
    if (this.#keeper === undefined) this.#keeper = setTimeout(() => {}, LONG_MS)
    else this.#keeper.ref()
  }

  #release(): void {
    if (--this.pending === 0) this.#keeper?.unref()
  }
}

/** ERR_INVALID_ARGUMENT, as a DataCloneError would be for others. */
function nativeArgument(arg: unknown): Uint8Array {
  if (arg === undefined) return NO_BYTES
  if (typeof arg === 'string') return Buffer.from(arg)
  if (arg instanceof Uint8Array && arg.buffer instanceof ArrayBuffer) return arg
  throw new HeddleError('ERR_INVALID_ARGUMENT', 'a native function takes bytes, text or nothing')
}
