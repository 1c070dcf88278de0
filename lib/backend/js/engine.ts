import { AsyncResource } from 'node:async_hooks'
import { performance } from 'node:perf_hooks'
import type {
  AddressInfo,
  ConnectSpec,
  Engine,
  EngineOptions,
  EngineStats,
  ListenSpec,
  PortMemory,
} from '../backend'
import { Clock, Control, In, Phase } from '../protocol'
import { registerCommands } from './commands'
import type { Connection, Host } from './connection'
import { Connections } from './connections'
import { DeadlineHeap } from './deadline-heap'
import { type Descriptors, isSystem } from './descriptors'
import { Driver } from './driver'
import { errno } from './errno'
import type { ListeningSockets } from './listening-socket'
import type { HeldAccount } from './held-account'
import { Inbox } from './inbox'
import type { EngineJobs } from './jobs/engine-jobs'
import type { JsJobs } from './jobs/jobs'
import type { JsMemory } from './memory'
import { Outbox } from './outbox'
import type { Remote } from './remote'
import { Timers } from './timers'
import { Triggers } from './triggers'
import { Watches } from './watches'

/** A worker runs jobs for so long in one pass. */
const SERVE_MS = 2

/**
 * One loop in pure JavaScript: the same records, phases and limits as the native one, driven by Node's own
 * loop.
 */
export class JsEngine implements Engine {
  readonly loopId: number
  readonly jobs: EngineJobs
  readonly #memory: PortMemory
  readonly #options: EngineOptions
  readonly #dispatch: (words: number) => void
  readonly #descriptors: Descriptors
  readonly #remote: Remote
  readonly #queues: JsJobs
  readonly #events: HeldAccount
  readonly #bodies: HeldAccount
  readonly #inbox: Inbox
  readonly #outbox: Outbox
  readonly #driver: Driver
  readonly #timers = new Timers()
  readonly #deadlines = new DeadlineHeap<(now: number) => void>()
  readonly #triggers = new Triggers()
  readonly #recurrents = new Set<number>()
  readonly #watches: Watches
  readonly #connections: Connections
  /** Results of `fdClose`, request and errno in turn. */
  #closedFds: number[] = []
  #isRunning = false
  #isDispatching = false
  #isSettling = false
  #isClosed = false

  constructor(
    memory: PortMemory,
    options: EngineOptions,
    dispatch: (words: number) => void,
    descriptors: Descriptors,
    remote: Remote,
    accounts: JsMemory,
    queues: JsJobs,
    sockets: ListeningSockets,
  ) {
    this.#memory = memory
    this.#options = options
    this.#dispatch = dispatch
    this.#descriptors = descriptors
    this.#remote = remote
    this.#queues = queues
    this.#events = accounts.held('core:event')
    this.#bodies = accounts.held('core:message-body')
    this.#inbox = new Inbox(memory.inbox, memory.recv)
    this.#outbox = new Outbox(memory.outbox, memory.control)
    const time = () => performance.now()
    // A pass may be asked for by code of a coroutine; its callbacks must not be taken for that code.
    this.#driver = new Driver(
      AsyncResource.bind(() => this.#pass(), 'HEDDLE_LOOP'),
      time,
    )
    this.#watches = new Watches(descriptors, () => this.#requestPass())
    this.#connections = new Connections(this.#host(time), sockets)
    memory.clock[Clock.MAX_SLEEP] = options.maxSleepMs
    registerCommands(this.#outbox, memory, {
      timers: this.#timers,
      recurrents: this.#recurrents,
      triggers: this.#triggers,
      watches: this.#watches,
      connections: this.#connections,
    })
    this.loopId = remote.add({
      post: (bytes) => this.#post(bytes),
      trigger: (handle, mask) => this.#trigger(handle, mask),
      wake: () => this.wake(),
    })
    this.jobs = queues.openEngine(this.loopId, options.name, memory, this.#outbox, () => this.#requestPass())
    this.#outbox.rest()
  }

  start(): void {
    if (this.#isClosed || this.#isRunning) return
    this.#isRunning = true
    const { clock } = this.#memory
    if ((clock[Clock.STARTED] as number) <= 0) clock[Clock.STARTED] = performance.now()
    this.#driver.soon()
  }

  stop(): void {
    this.#isRunning = false
    this.#driver.cancel()
  }

  ref(): void {
    this.#driver.ref()
  }

  unref(): void {
    this.#driver.unref()
  }

  /** Called by the owner, or by the port about to append while the outbox rests or is full. */
  flush(): void {
    this.#apply()
    if (this.#isDispatching || this.#isSettling || this.#isClosed) return
    this.#isSettling = true
    process.nextTick(() => this.#settle())
  }

  wake(): void {
    this.#requestPass()
  }

  close(): void {
    if (this.#isClosed) return
    this.#apply()
    this.stop()
    this.#isClosed = true
    this.#remote.remove(this.loopId)
    this.#queues.closeEngine(this.loopId)
    this.#watches.close()
    this.#connections.close()
    this.#events.set(0, 0)
    this.#bodies.set(0, 0)
  }

  fdAdd(handle: number, fd: number, mask: number): number {
    return this.#changed(() => this.#watches.add(handle | 0, fd, mask))
  }

  fdRemove(handle: number, fd: number): number {
    return this.#changed(() => this.#watches.remove(handle | 0, fd))
  }

  /** Node closes real descriptors on this thread; a virtual one never blocks. */
  fdClose(request: number, fd: number): number {
    if (this.#isClosed) return -errno.EBADF
    const result = this.#descriptors.close(fd)
    this.#closedFds.push(request, result < 0 ? -result : 0)
    this.#requestPass()
    return 0
  }

  listen(spec: ListenSpec): number {
    return this.#changed(() => this.#connections.listen(spec))
  }

  listenerAddress(listener: number): AddressInfo | undefined {
    return this.#connections.listener(listener)?.address()
  }

  listenerShare(listener: number): number {
    return this.#connections.listener(listener)?.share ?? -errno.EBADF
  }

  listenerClose(listener: number): number {
    const found = this.#connections.listener(listener)
    if (found === undefined || found.isClosed) return -errno.EBADF
    return this.#changed(() => found.close())
  }

  listenerDrain(listener: number): number {
    const found = this.#connections.listener(listener)
    if (found === undefined) return -errno.EBADF
    return this.#changed(() => this.#connections.drain(found))
  }

  listenerDestroy(listener: number): number {
    const found = this.#connections.listener(listener)
    if (found === undefined) return 0
    return this.#changed(() => this.#connections.destroyAll(found))
  }

  listenerConnections(listener: number): number {
    return this.#connections.listener(listener)?.connections ?? -errno.EBADF
  }

  connect(spec: ConnectSpec): number {
    return this.#changed(() => this.#connections.connect(spec))
  }

  adopt(fd: number, spec: ConnectSpec): number {
    return this.#changed(() => this.#adopt(fd, spec))
  }

  connectionAddress(connection: number, peer: boolean): AddressInfo | undefined {
    return this.#connections.find(connection)?.address(peer)
  }

  connectionFd(connection: number): number {
    return this.#connections.find(connection)?.fd ?? -errno.EBADF
  }

  connectionPending(connection: number): number {
    return this.#connections.find(connection)?.pending ?? -errno.EBADF
  }

  writeBlock(connection: number, block: Uint8Array): number {
    this.flush()
    const found = this.#connections.stream(connection)
    if (found === undefined) return -errno.EBADF
    found.writeOwned(this.#owned(block))
    return 0
  }

  httpWriteBlock(connection: number, seq: number, block: Uint8Array): number {
    this.flush()
    const found = this.#connections.http(connection)
    if (found === undefined) return -errno.EBADF
    return found.chunk(seq, this.#owned(block), true)
  }

  stats(): EngineStats {
    const { control } = this.#memory
    return {
      connections: this.#connections.connectionCount,
      listeners: this.#connections.listenerCount,
      timers: this.#timers.size,
      watches: this.#watches.size,
      bufferedBytes: this.#connections.pendingBytes,
      passes: control[Control.PASSES] as number,
      waits: control[Control.WAITS] as number,
    }
  }

  #host(time: () => number): Host {
    return {
      send: this.#memory.send,
      recv: this.#memory.recv,
      deadlines: this.#deadlines,
      time,
      report: (connection: Connection) => this.#connections.report(connection),
      gathered: (connection) => this.#connections.gather(connection),
      forget: (connection) => this.#connections.forget(connection),
      requestPass: () => this.#requestPass(),
    }
  }

  /** The receive slab is written again by the next pass; a block that lies in it is copied. */
  #owned(block: Uint8Array): Uint8Array {
    return block.buffer === this.#memory.recv.buffer ? new Uint8Array(block) : block
  }

  #adopt(fd: number, spec: ConnectSpec): number {
    const descriptor = this.#descriptors.find(fd)
    if (descriptor === undefined) return isSystem(fd) ? this.#connections.adoptSystem(fd, spec) : -errno.EBADF
    if (descriptor.onChange !== undefined) return -errno.EEXIST
    this.#descriptors.release(fd)
    return this.#connections.adoptDescriptor(descriptor, spec)
  }

  #post(bytes: Uint8Array): number {
    const result = this.#triggers.post(bytes)
    this.#publish()
    this.#requestPass()
    return result
  }

  #trigger(handle: number, mask: number): void {
    this.#triggers.trigger(handle, mask)
    this.#requestPass()
  }

  /** Runs a call that changes what the engine holds, and publishes the counts. */
  #changed(call: () => unknown): number {
    if (this.#isClosed) return -errno.EBADF
    const result = call()
    this.#publish()
    return typeof result === 'number' ? result : 0
  }

  #apply(): void {
    this.#outbox.apply()
    this.jobs.applied()
    this.#connections.flushOutput()
    this.#publish()
  }

  /** The tick after a flush from outside: applies what followed it and rests again. */
  #settle(): void {
    this.#isSettling = false
    if (this.#isDispatching || this.#isClosed) return
    this.#apply()
    this.#outbox.rest()
    this.#schedule()
  }

  #requestPass(): void {
    if (this.#isRunning && !this.#isDispatching) this.#driver.soon()
  }

  #pass(): void {
    if (!this.#isRunning || this.#isDispatching) return
    this.#isDispatching = true
    try {
      this.#apply()
      this.#collect(this.#beginPass())
      if (this.#inbox.words > 0) this.#dispatch(this.#inbox.words)
      this.#serve()
    } finally {
      this.#afterDispatch()
      this.#isDispatching = false
      if (!this.#isClosed) this.#outbox.rest()
      this.#publish()
      this.#schedule()
    }
  }

  /** A worker's jobs, one dispatch each, for a while: the isolate has other things to do as well. */
  #serve(): void {
    const end = performance.now() + SERVE_MS
    while (this.jobs.hasRuns) {
      this.#afterDispatch()
      if (performance.now() > end || !this.jobs.next(this.#inbox)) return
      this.#dispatch(this.#inbox.words)
    }
  }

  #afterDispatch(): void {
    this.#apply()
    this.jobs.afterDispatch()
    this.#connections.afterDispatch()
  }

  #beginPass(): number {
    const { clock, control } = this.#memory
    const now = performance.now()
    clock[Clock.NOW] = now
    control[Control.PASSES] = (control[Control.PASSES] as number) + 1
    this.#inbox.reset()
    return now
  }

  #collect(now: number): void {
    const { clock, control } = this.#memory
    const inbox = this.#inbox
    this.#enter(Phase.TIMERS)
    this.#timers.collect(inbox, now, this.#options.maxTimersPerPass)
    this.#enter(Phase.TRIGGERS)
    this.#triggers.collect(inbox)
    this.jobs.collect(inbox)
    this.#enter(Phase.RECURRENT)
    for (const handle of this.#recurrents) inbox.push1(In.RECURRENT, handle)
    this.#enter(Phase.WAIT)
    control[Control.WAITS] = (control[Control.WAITS] as number) + 1
    this.#runDeadlines(now)
    this.#enter(Phase.HEARTBEAT)
    clock[Clock.LAST_BEAT] = now
    this.#enter(Phase.DESCRIPTORS)
    this.#collectClosedFds()
    this.#watches.collect(inbox, this.#options.maxEventsPerWait)
    this.#connections.collect(inbox)
  }

  #enter(phase: number): void {
    if (this.#memory.control[Control.TRACE] === 1) this.#inbox.push1(In.PHASE, phase)
  }

  #runDeadlines(now: number): void {
    for (;;) {
      const due = this.#deadlines.peek()
      if (due === undefined || due.time >= now) return
      this.#deadlines.remove(due)
      due.value(now)
    }
  }

  #collectClosedFds(): void {
    const closed = this.#closedFds
    let at = 0
    while (
      at < closed.length &&
      this.#inbox.push2(In.FD_CLOSED, closed[at] as number, closed[at + 1] as number)
    )
      at += 2
    this.#closedFds = closed.slice(at)
  }

  #hasWork(): boolean {
    if (this.#triggers.size > 0 || this.#closedFds.length > 0 || this.jobs.hasWork) return true
    return this.#connections.hasWork() || this.#watches.hasReady()
  }

  #schedule(): void {
    if (!this.#isRunning || this.#isDispatching) return
    const now = performance.now()
    const nearest = Math.min(this.#timers.nearest, this.#deadlines.peek()?.time ?? Infinity)
    // A deadline is due when it is strictly past, so one that is reached this very moment is not.
    if (nearest < now || this.#hasWork()) this.#driver.soon()
    else this.#driver.sleepUntil(Math.min(nearest, now + this.#maxSleep()))
  }

  #maxSleep(): number {
    const wanted = this.#memory.clock[Clock.MAX_SLEEP] as number
    return wanted > 0 ? wanted : this.#options.maxSleepMs
  }

  #publish(): void {
    const { control } = this.#memory
    control[Control.TIMERS] = this.#timers.size
    control[Control.CONNECTIONS] = this.#connections.connectionCount
    control[Control.LISTENERS] = this.#connections.listenerCount
    control[Control.WATCHES] = this.#watches.size
    if (this.#isClosed) return
    this.#events.set(this.#watches.size + this.#recurrents.size, 0)
    this.#bodies.set(this.#triggers.posts, this.#triggers.postedBytes)
  }
}
