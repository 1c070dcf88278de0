import type { EventEmitter } from 'node:events'
import type { Backend } from '../backend/backend'
import { Control } from '../backend/protocol'
import { selectBackend, selectJsBackend } from '../backend/select'
import { HeddleError, checkResult } from '../errors'
import type { JobQueues } from '../jobq/job-queues'
import type { AsynchEvent } from './asynch-event'
import { AsynchEvents } from './asynch-events'
import { Contexts, type ContextSlot, type ContextType } from './contexts'
import { Core } from './core'
import { type Cpu, cpuTopology } from './cpu'
import { announceDefaultLoop } from './default-loop-id'
import { describeEvent } from './describe'
import { type AnyCallback, type Event, State } from './event'
import type { FdEvent } from './fd-event'
import type { Loop, Tracer } from './loop'
import type { Describe } from './names'
import type { PoolOptions } from './pools/options'
import { type EventerOptions, type Implementation, type ResolvedOptions, resolveOptions } from './options'
import type { RecurrentEvent } from './recurrent-event'
import { Crew, type FatalReport } from './pools/crew'
import { Directory } from './pools/directory'
import type { PoolEntry } from './pools/messages'
import type { LoopThread, Pool } from './pools/pool'
import { receivePosts } from './remote-inbox'
import { Scheduler } from './scheduler'
import { assignThreadClasses } from './thread-class'
import { type Time, type TimeInput, toLoopMs, toTime } from './time'
import type { TimedEvent } from './timed-event'
import type { TimeoutCallback, TimeoutInfo } from './timeouts'

/** Counts of events. (EV-18) */
export interface Allocations {
  /** Events alive. */
  readonly current: number
  /** Events ever made. */
  readonly total: bigint
}

/** One eventer a backend, and with it an isolate. */
const live = new WeakMap<Backend, Eventer>()

/**
 * The event system of this isolate: pools of loops and the events they watch.
 *
 * Thread rule: every call belongs to the isolate that made the eventer; others use `RemoteEventer`. The declared
 * class of each method is its `threadClass`. After disposal every call throws ERR_NOT_INIT.
 */
export class Eventer extends AsynchEvents implements AsyncDisposable {
  /** @internal */
  readonly core: Core
  /** The Momentum names over the same events. */
  readonly scheduler: Scheduler
  readonly #options: ResolvedOptions
  readonly #pools: Directory
  readonly #crew: Crew
  #epoch: Time | undefined
  #referenced = true
  #leave: (() => void) | undefined
  #left: Promise<void> | undefined

  /**
   * Makes the loops; nothing runs in this isolate before `run` or `start`. With pools of workers it resolves when their
   * loops run and their modules have been started. ERR_ALREADY_INIT, ENOTSUP, EINVAL, ERR_NATIVE_REQUIRED, and what the
   * modules fail with. (EV-01, PO-01)
   */
  static async init(options: EventerOptions = {}): Promise<Eventer> {
    const resolved = resolveOptions(options)
    const eventer = Eventer.#make(backendFor(options), resolved)
    try {
      await eventer.#crew.start(eventer.pools)
    } catch (error) {
      await eventer[Symbol.asyncDispose]()
      throw error
    }
    return eventer
  }

  /** `init` for callers that cannot wait, and so have no pools of workers: EINVAL. */
  static initSync(options: EventerOptions = {}): Eventer {
    const resolved = resolveOptions(options)
    if (resolved.pools.some(({ kind }) => kind === 'worker'))
      throw new HeddleError('EINVAL', 'a pool of workers takes time to start: use `await Eventer.init`')
    return Eventer.#make(backendFor(options), resolved)
  }

  /** @internal That of a worker thread of a pool, whose loop has this index there. */
  static ofWorker(backend: Backend, options: ResolvedOptions, index: number): Eventer {
    return Eventer.#make(backend, options, index)
  }

  static #make(backend: Backend, options: ResolvedOptions, index?: number): Eventer {
    if (live.has(backend)) throw new HeddleError('ERR_ALREADY_INIT')
    const eventer = new Eventer(backend, options, index)
    live.set(backend, eventer)
    announceDefaultLoop(eventer.loops[0].loopId)
    return eventer
  }

  /** The eventer of this isolate. ERR_NOT_INIT before `init` and after disposal. */
  static current(backend: Backend = selectBackend()): Eventer {
    const eventer = live.get(backend)
    if (eventer === undefined) throw new HeddleError('ERR_NOT_INIT')
    return eventer
  }

  /** The eventer of this isolate, if there is one. */
  static find(backend: Backend = selectBackend()): Eventer | undefined {
    return live.get(backend)
  }

  /** The multiplexers this process can use. (EV-02) */
  static implementations(): readonly Implementation[] {
    return [...new Set<Implementation>([selectBackend().capabilities.implementation, 'libuv'])]
  }

  private constructor(backend: Backend, options: ResolvedOptions, workerIndex?: number) {
    super()
    this.#options = options
    this.core = new Core(backend, options, this as unknown as EventEmitter)
    if (options.asyncContext) this.#contexts()
    if (options.rlimNofiles !== undefined) this.#raiseLimit(options.rlimNofiles)
    this.#crew = new Crew(this.core, options, (report) => this.#fatal(report))
    this.#pools = new Directory(this.core, options, this.#crew)
    try {
      if (workerIndex === undefined) this.#pools.make()
      else this.#pools.makeOwn(workerIndex)
    } catch (error) {
      for (const loop of this.core.loops) loop.close()
      throw error
    }
    for (const loop of this.core.loops) receivePosts(loop)
    this.scheduler = new Scheduler(this)
  }

  /** What this eventer's backend waits with. */
  get implementation(): Implementation {
    return this.core.backend.capabilities.implementation
  }

  /** When the loops first ran; undefined before. (EV-10) */
  get epoch(): Time | undefined {
    return this.#epoch
  }

  get hasStarted(): boolean {
    return this.#epoch !== undefined
  }

  get isRunning(): boolean {
    return this.#left !== undefined
  }

  /** The job queues that this isolate can use. ERR_NOT_INIT, ERR_NATIVE_REQUIRED. (JQ-01) */
  get jobqs(): JobQueues {
    return this.core.jobqs
  }

  /** Loops of the default pool, of which there is at least one; in a worker of a pool, its loop. */
  get loops(): readonly [Loop, ...Loop[]] {
    return this.#pools.home as [Loop, ...Loop[]]
  }

  /** Every pool, the default one first; in a worker of a pool that pool. (PO-05) */
  get pools(): readonly Pool[] {
    return this.#pools.pools
  }

  /** The pool of that name. (PO-01) */
  pool(name: string): Pool | undefined {
    return this.#pools.get(name)
  }

  /** The pool of the loop that an event belongs to. (PO-05) */
  poolOf(event: Event): Pool {
    return this.#pools.get(event.owner.pool) as Pool
  }

  /** Always ERR_TOO_LATE: pools are made by `init`. (PO-01) */
  createPool(name: string, _options?: PoolOptions): never {
    throw new HeddleError('ERR_TOO_LATE', `pool "${name}" comes after init`)
  }

  /** @internal A worker is told where the loops of all pools are. */
  learnPools(entries: readonly PoolEntry[]): void {
    this.#pools.learn(entries)
  }

  /** Starts the loops and returns; `started` is emitted the first time. Callbacks run from the next turn on. */
  start(): void {
    this.core.assertOpen()
    if (this.#left !== undefined) return
    this.#left = new Promise((resolve) => {
      this.#leave = resolve
    })
    const first = this.#epoch === undefined
    this.#epoch ??= toTime(performance.now())
    for (const loop of this.core.loops) loop.start(this.#referenced)
    this.#crew.reference(this.#referenced)
    if (first) this.emit('started')
  }

  /** Starts the loops and waits until `stop`, `loopReturn`, or the signal; what is registered stays so. (EV-03) */
  async run({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.core.assertOpen()
    if (signal?.aborted) return
    this.start()
    const left = this.#left
    const leave = () => this.loopReturn()
    signal?.addEventListener('abort', leave, { once: true })
    await left
    signal?.removeEventListener('abort', leave)
  }

  /** Ends `run` once descriptors under way are closed. Events stay registered; `run` continues with them. (EV-03) */
  async stop(): Promise<void> {
    for (const loop of this.core.loops) await loop.settleClosings()
    const left = this.#left
    this.loopReturn()
    await left
  }

  /** Ends `run` after the current iteration; a later `run` goes on with what is registered. (EV-04) */
  loopReturn(): void {
    this.core.assertOpen()
    const leave = this.#leave
    if (leave === undefined) return
    this.#leave = undefined
    this.#left = undefined
    for (const loop of this.core.loops) loop.stop()
    this.#crew.reference(false)
    // Not before the records of the current batch are dispatched.
    setImmediate(leave)
  }

  /** Running loops keep the process alive (the default). */
  ref(): this {
    return this.#reference(true)
  }

  /** Running loops let the process end. */
  unref(): this {
    return this.#reference(false)
  }

  /** Stops, frees every event and closes the loops. `init` may be called again afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.core.open) return
    for (const close of this.core.closers) await close()
    if (!this.core.open) return
    await this.#crew.end()
    if (!this.core.open) return
    await this.stop()
    if (!this.core.open) return
    this.core.open = false
    for (const loop of this.core.loops) {
      for (const event of loop.slots) event.destroy(0)
      loop.close()
    }
    this.core.clear()
    live.delete(this.core.backend)
    announceDefaultLoop(undefined)
  }

  /** Schedules an event; its reference becomes the eventer's. EEXIST, EINVAL, EBADF, ERR_EVENT_SCHEDULED. (EK-07) */
  add(event: Event): void {
    this.core.add(event)
  }

  /**
   * Withdraws an event and hands its reference back; undefined if it was not scheduled. ERR_NOT_REMOVABLE: it is an
   * asynchronous one. (EK-07)
   */
  remove<E extends Event>(event: E): E | undefined {
    this.core.assertOpen()
    if (event.kind === 'asynch') throw new HeddleError('ERR_NOT_REMOVABLE')
    return this.core.remove(event) ? event : undefined
  }

  /** Changes the mask of a descriptor event. (EK-07) */
  update(event: Event, mask: number): void {
    this.core.update(event, mask)
  }

  /** Withdraws the event of a descriptor, which stays open. (EK-07) */
  removeFd(fd: number): FdEvent | undefined {
    const event = this.findFd(fd)
    return event === undefined ? undefined : this.remove(event)
  }

  /** The event of a descriptor, floating ones included. (EK-07) */
  findFd(fd: number): FdEvent | undefined {
    this.core.assertOpen()
    return this.core.findFd(fd)
  }

  /**
   * Runs the callback with this mask: now if the event is idle and its loop is the current one (or none is), in a
   * later pass of its loop otherwise. Dropped where the event is not scheduled. (EK-08)
   */
  trigger(event: Event, mask: number): void {
    this.core.assertOpen()
    event.assertAlive()
    this.core.trigger(event, mask)
  }

  /**
   * Moves a timer. Of one that is being dispatched it sets the time of a non-zero return. True if scheduled. (TM-05)
   *
   * Of an asynchronous event it moves the deadline: false once it has begun, if it has a cancel mode, and before it is
   * queued. (AS-10)
   */
  updateWhence(event: TimedEvent | AsynchEvent, time: TimeInput): boolean {
    this.core.assertOpen()
    event.assertAlive()
    this.core.checkOwner(event)
    return event.postpone(toLoopMs(time))
  }

  /** Withdraws a timer and hands it back; undefined if it was not scheduled. (TM-07) */
  removeTimed<C>(event: TimedEvent<C>): TimedEvent<C> | undefined {
    return this.remove(event)
  }

  addRecurrent(event: RecurrentEvent): void {
    this.core.add(event)
  }

  /** Withdraws a recurrent event; it does not run again, not even in this pass. (RC-04) */
  removeRecurrent<C>(event: RecurrentEvent<C>): RecurrentEvent<C> | undefined {
    return this.remove(event)
  }

  /** The event whose callback runs. (EV-12) */
  currentEvent(): Event | undefined {
    return this.core.current
  }

  /** The loop whose callback or coroutine runs. (EV-11) */
  currentLoop(): Loop | undefined {
    return this.core.loopHere
  }

  /** True inside a callback or coroutine of this eventer, or of the pool, which may be named. (EV-11) */
  inLoop(pool?: string | Pool): boolean {
    const loop = this.core.loopHere
    return (
      loop !== undefined &&
      (pool === undefined || loop.pool === (typeof pool === 'string' ? pool : pool.name))
    )
  }

  /** Index within its pool of the current loop, or of the one with this `loopId`; -1 outside. (EV-11) */
  loopIndex(loopId?: number): number {
    if (loopId === undefined) return this.core.loopHere?.index ?? -1
    return this.#pools.find(loopId)?.index ?? -1
  }

  /**
   * The same loop for the same number. Of the default pool 0 is the first and others are spread over the rest; of another
   * pool all are spread over all its loops. Without a pool it is one of `loops`: in a worker of a pool the one there.
   * EINVAL. (PO-03)
   */
  chooseOwner(n: number): Loop
  chooseOwner(n: number, pool: Pool | undefined): LoopThread
  chooseOwner(n: number, pool?: Pool): LoopThread {
    return pool === undefined ? this.#pools.chooseHome(n) : pool.chooseOwner(n)
  }

  /**
   * When the running callback started; undefined outside. Exact with `beatPerCallback`, a threshold or debugging;
   * otherwise the time of the last heartbeat. (EV-09)
   */
  callbackTime(): Time | undefined {
    const { currentLoop, instrumented, callbackStarted } = this.core
    if (currentLoop === undefined) return undefined
    return instrumented ? toTime(callbackStarted) : Math.max(currentLoop.lastBeat, currentLoop.now)
  }

  /** The precise time, which goes on within a callback. Epoch milliseconds. */
  now(): Time {
    return toTime(performance.now())
  }

  /** Scheduled descriptor events. Events may be removed meanwhile; those are not reported any more. (EV-17) */
  *fdEvents(): IterableIterator<FdEvent> {
    for (const event of this.core.fds.values()) yield event
  }

  /** Scheduled timers of all loops, unordered. Events may be removed meanwhile. (EV-17) */
  *timedEvents(): IterableIterator<TimedEvent> {
    for (const loop of this.core.loops) {
      for (const event of loop.slots) {
        if (event.kind === 'timer' && (event.bits & State.SCHEDULED) !== 0) yield event as TimedEvent
      }
    }
  }

  /** Timeouts to come, unordered. They may be cleared meanwhile; those are not reported any more. (EV-17) */
  *timeouts(): IterableIterator<TimeoutInfo> {
    for (const loop of this.core.loops) yield* loop.slots.timeouts()
  }

  /** Events detached from their watch. (EK-10) */
  floatingEvents(): IterableIterator<FdEvent> {
    return this.core.floating.values()
  }

  /** `current` returns to its baseline when every event is freed. (EV-18) */
  allocations(): Allocations {
    let current = 0
    let total = 0n
    for (const { slots } of this.core.loops) {
      current += slots.live
      total += BigInt(slots.total)
    }
    return { current, total }
  }

  /** One line about an event: `kind/name/fd/mask/owner/whence`. (FD-17) */
  describe(event: Event): string {
    return describeEvent(event)
  }

  /** Calls `on` at each phase of each pass until disposed. (EV-05) */
  trace(on: Tracer): Disposable {
    this.core.assertOpen()
    for (const loop of this.core.loops) setTrace(loop, on, true)
    return {
      [Symbol.dispose]: () => {
        for (const loop of this.core.loops) setTrace(loop, on, false)
      },
    }
  }

  /** Traces additions, removals and triggers to the log. (EV-20) */
  get debugging(): boolean {
    return this.core.debugging
  }

  set debugging(on: boolean) {
    this.core.debugging = on
  }

  /** Sockets and cores that this process may use. (EV-25) */
  cpu(): Cpu {
    return cpuTopology()
  }

  /** Registers a callback under a name of its own. ERR_NAME_TAKEN. (EV-13) */
  nameCallback(name: string, callback: AnyCallback, describe?: Describe): void {
    this.core.names.set(name, callback, describe)
  }

  callbackForName(name: string): AnyCallback | undefined {
    return this.core.names.callback(name)
  }

  /** The name of a callback; with an event, its describer's text. */
  nameForCallback(callback: AnyCallback | TimeoutCallback, event?: Event): string | undefined {
    return this.core.names.name(callback, event)
  }

  /** Registers per-event data. Only before the loops start: ERR_TOO_LATE. (EV-15) */
  registerContext<T>(type: ContextType<T>): ContextSlot<T> {
    this.core.assertOpen()
    if (this.hasStarted) throw new HeddleError('ERR_TOO_LATE', `context "${type.name}" comes after the start`)
    return this.#contexts().register(type)
  }

  getContext<T>(event: Event, slot: ContextSlot<T>): T | undefined {
    return this.core.contexts?.get(event, slot)
  }

  setContext<T>(event: Event, slot: ContextSlot<T>, value: T | undefined): void {
    this.core.contexts?.set(event, slot, value)
  }

  /** Throws the system error of a bad descriptor. (FD-11) */
  setNonblocking(fd: number): void {
    checkResult(this.core.backend.sys.setBlocking(fd, false), 'setNonblocking', `fd ${fd}`)
  }

  /** Throws the system error of a bad descriptor. (FD-11) */
  setBlocking(fd: number): void {
    checkResult(this.core.backend.sys.setBlocking(fd, true), 'setBlocking', `fd ${fd}`)
  }

  #reference(on: boolean): this {
    this.#referenced = on
    if (this.#leave === undefined) return this
    for (const loop of this.core.loops) loop.reference(on)
    this.#crew.reference(on)
    return this
  }

  #fatal(report: FatalReport): void {
    if (this.emit('fatal', report)) return
    process.emitWarning(report.error.message, { type: 'HeddleWarning', code: 'HEDDLE_WORKER_DIED' })
  }

  #contexts(): Contexts {
    this.core.contexts ??= new Contexts(this.#options.asyncContext)
    this.core.instrument()
    return this.core.contexts
  }

  /** Raising the limit as far as the system lets us is worth a line, not a failure. (EV-21) */
  #raiseLimit(wanted: number): void {
    const limit = this.core.backend.sys.descriptorLimit(wanted)
    if (limit < wanted) this.core.log(`the descriptor limit is ${limit}, ${wanted} was asked for`)
  }
}

assignThreadClasses(Eventer, Scheduler)

function backendFor(options: EventerOptions): Backend {
  const wanted = options.implementation
  if (options.backend === undefined && wanted === 'libuv') selectJsBackend()
  const backend = options.backend ?? selectBackend()
  const own = backend.capabilities.implementation
  if (wanted === undefined || wanted === own) return backend
  throw new HeddleError('ENOTSUP', `the backend of this process waits with ${own}, not ${wanted}`)
}

function setTrace(loop: Loop, on: Tracer, add: boolean): void {
  if (add) loop.tracers.add(on)
  else loop.tracers.delete(on)
  loop.port.control[Control.TRACE] = loop.tracers.size > 0 ? 1 : 0
}
