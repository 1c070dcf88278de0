import type { MessagePort } from 'node:worker_threads'
import { Claim, JobFlag } from '../../jobs'
import { In } from '../../protocol'
import { errno } from '../errno'
import type { Inbox } from '../inbox'
import type { Blocks } from './blocks'
import type { Dependable, JobOrder } from './job'
import { Down, type Hello, type Parcel, ParcelWriter, type Serving, Up, eachRecord } from './parcel'
import { Room } from './room'
import { FarTargets, type Targets } from './targets'

const RUN_WORDS = 9
const RUN_FLAGS = 4
const DONE_WORDS = 6
const DONE_FLAGS = 3

/** A record of a parcel that has not been read. */
interface Pending {
  readonly parcel: Parcel
  readonly at: number
}

/**
 * The worker's end of a link. Jobs come into the inbox one at a time, so that what the one before has answered is on its way
 * before the next begins; the rest stays here, where the host can take it back.
 */
export class Station {
  /** The queue that is served. */
  readonly queue: number
  readonly room: Room
  readonly #link: MessagePort
  readonly #claims: Int32Array
  readonly #blocks: Blocks
  readonly #targets: Targets
  readonly #theirTargets: FarTargets
  readonly #requestPass: () => void
  readonly #out = new ParcelWriter()
  /** Records of Down, in order; RUN apart, since they wait for their turn. */
  #news: Pending[] = []
  #runs: Pending[] = []
  /** Acknowledgements that the callbacks of this pass make true. */
  #told: number[] = []
  #current = -1
  #startedAt = 0
  #isOccupied = false
  #lastHold = 0

  constructor(
    hello: Hello,
    link: MessagePort,
    claims: Int32Array,
    blocks: Blocks,
    targets: Targets,
    requestPass: () => void,
  ) {
    this.queue = hello.queue
    this.room = new Room(hello.room)
    this.#link = link
    this.#claims = claims
    this.#blocks = blocks
    this.#targets = targets
    this.#theirTargets = new FarTargets(targets)
    this.#requestPass = requestPass
    link.on('message', (parcel: Parcel) => this.#receive(parcel))
    link.postMessage({ claims, origin: performance.timeOrigin } satisfies Serving)
  }

  /** There is something for a pass. */
  get hasWork(): boolean {
    return this.#news.length > 0 || this.hasRuns
  }

  /** There are jobs, and the one before them is over. */
  get hasRuns(): boolean {
    return this.#runs.length > 0 && !this.#isBusy()
  }

  /** Everything but jobs. */
  collect(inbox: Inbox): void {
    let read = 0
    for (const pending of this.#news) {
      if (!this.#write(inbox, pending)) break
      read++
    }
    this.#news = this.#news.slice(read)
  }

  /** JOB_RUN for the next job, if the worker stands free. */
  next(inbox: Inbox): boolean {
    while (this.hasRuns) {
      const { parcel, at } = this.#runs[0] as Pending
      const run = parcel.words[at + 1] as number
      if (Atomics.compareExchange(this.#claims, run, Claim.TAKEN_BACK, Claim.FREE) === Claim.TAKEN_BACK) {
        this.#runs.shift()
        continue
      }
      if (!this.#writeRun(inbox, parcel, at)) return false
      this.#runs.shift()
      this.#current = run
      this.#startedAt = performance.now()
      return true
    }
    return false
  }

  /** The callbacks of a batch have run, and what they wrote was applied. */
  afterDispatch(): void {
    for (const told of this.#told.splice(0)) this.#out.record(Up.DELIVERED, told)
    const isOccupied = this.#isBusy()
    if (isOccupied !== this.#isOccupied) {
      this.#isOccupied = isOccupied
      this.#out.record(Up.OCCUPIED, isOccupied ? 1 : 0)
    }
    this.flush()
  }

  result(run: number, outcome: number, flags: number, bytes: Uint8Array, block?: SharedArrayBuffer): void {
    const micros = Math.min(0x7fffffff, Math.round((performance.now() - this.#startedAt) * 1000))
    if (run === this.#current) {
      this.#current = -1
      this.#isOccupied = false
    }
    const place = block === undefined ? this.#out.put(bytes) : this.#out.putBlock(block)
    this.#out.record(Up.RESULT, run, outcome, flags, place, block?.byteLength ?? bytes.length, micros)
  }

  /** A job for the queue that is served. Its bytes must be its own. */
  submit(order: JobOrder, parent: number): void {
    this.#out.name(order.target, (id) => this.#targets.of(id))
    this.#out.name(order.cleanup, (id) => this.#targets.of(id))
    this.#out.job({ ...order, deadline: order.deadline + performance.timeOrigin, parent })
  }

  remove(handle: number, stop: boolean): void {
    this.#out.record(Up.REMOVE, handle, stop ? 1 : 0)
  }

  completed(handle: number): void {
    this.#out.record(Up.COMPLETED, handle)
  }

  /** A job that runs here, for jobs of this isolate's own queues to depend on. */
  dependable(run: number): Dependable {
    const hold = ++this.#lastHold
    return {
      hold: () => this.#out.record(Up.HOLD, hold, run),
      release: () => {
        this.#out.record(Up.RELEASE, hold)
        this.flush()
      },
    }
  }

  /** Sends what the outbox made. */
  flush(): void {
    const parcel = this.#out.take()
    if (parcel !== undefined) this.#link.postMessage(parcel)
  }

  close(): void {
    this.flush()
    this.#link.removeAllListeners()
    this.#link.close()
  }

  /** The job that was begun last has not answered. What the worker has dropped counts as answered. */
  #isBusy(): boolean {
    if (this.#current < 0) return false
    if (Atomics.load(this.#claims, this.#current) !== Claim.FREE) return true
    this.#current = -1
    return false
  }

  #receive(parcel: Parcel): void {
    this.#theirTargets.learn(parcel.targets)
    eachRecord(parcel.words, (kind, at) => {
      if (kind === Down.RUN) this.#runs.push({ parcel, at })
      else this.#news.push({ parcel, at })
    })
    this.#requestPass()
  }

  #write(inbox: Inbox, { parcel, at }: Pending): boolean {
    const { words } = parcel
    switch ((words[at] as number) & 0xff) {
      case Down.SIGNAL:
        return inbox.push1(In.JOB_SIGNAL, words[at + 1] as number)
      case Down.LEAVE: {
        if (!inbox.hasRoom(1)) return false
        inbox.begin(In.JOB_LEAVE, 1)
        return true
      }
      case Down.DONE:
        return this.#writeDone(inbox, parcel, at)
      default:
        return true
    }
  }

  #writeRun(inbox: Inbox, parcel: Parcel, at: number): boolean {
    const to = this.#copy(inbox, In.JOB_RUN, RUN_WORDS, RUN_FLAGS, parcel, at)
    if (to < 0) return false
    const { words } = parcel
    inbox.words32[to + 2] = this.#theirTargets.number(words[at + 2] as number)
    inbox.words32[to + 3] = this.#theirTargets.number(words[at + 3] as number)
    return true
  }

  #writeDone(inbox: Inbox, parcel: Parcel, at: number): boolean {
    if (this.#copy(inbox, In.JOB_DONE, DONE_WORDS, DONE_FLAGS, parcel, at) < 0) return false
    const told = parcel.words[at + DONE_WORDS] as number
    if (told !== 0) this.#told.push(told)
    return true
  }

  /**
   * The first `count` words of a record with its bytes, into the inbox; behind its flags come their place and their length. Its
   * position there, or -1: no room.
   */
  #copy(inbox: Inbox, kind: number, count: number, flagsAt: number, parcel: Parcel, at: number): number {
    const { words, bytes, blocks } = parcel
    const place = words[at + flagsAt + 1] as number
    const length = words[at + flagsAt + 2] as number
    const isBlock = ((words[at + flagsAt] as number) & JobFlag.BLOCK) !== 0
    if (!inbox.hasRoom(count, isBlock ? 0 : length)) return -1
    const to = inbox.begin(kind, count)
    inbox.words32.set(words.subarray(at + 1, at + count), to + 1)
    inbox.words32[to + flagsAt + 1] = isBlock
      ? this.#blocks.put(blocks[place] as SharedArrayBuffer)
      : inbox.put(bytes.subarray(place, place + length))
    return to
  }
}

/** What the host has said first on a link, or a negative errno. */
export function helloOf(message: unknown, queue: number, worker: number): Hello | number {
  const hello = message as Hello | undefined
  return hello?.queue === queue && hello.worker === worker ? hello : -errno.ENOENT
}
