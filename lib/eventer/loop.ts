import { threadId } from 'node:worker_threads'
import type { Engine } from '../backend/backend'
import { Port } from '../backend/port'
import { Clock, Control, In, Phase } from '../backend/protocol'
import { checkResult, systemError } from '../errors'
import type { Core } from './core'
import { Dispatcher } from './dispatch'
import type { Event } from './event'
import type { ResolvedOptions } from './options'
import type { ResolvedPool } from './pools/options'
import { SlotTable } from './slots'
import { type Time, toTime } from './time'

/** Phases of a pass, in this order. (EV-05) */
export type LoopPhase = 'timers' | 'triggers' | 'recurrent' | 'wait' | 'heartbeat' | 'descriptors'

/** Where something ran. */
export interface LoopInfo {
  /** `pool/index`. */
  readonly name: string
  readonly pool: string
  readonly index: number
  /** Unique in the process. */
  readonly loopId: number
  /** Of the isolate, as in `worker_threads`. */
  readonly threadId: number
}

export type Tracer = (phase: LoopPhase, loop: LoopInfo) => void

const PHASES = new Map<number, LoopPhase>([
  [Phase.TIMERS, 'timers'],
  [Phase.TRIGGERS, 'triggers'],
  [Phase.RECURRENT, 'recurrent'],
  [Phase.WAIT, 'wait'],
  [Phase.HEARTBEAT, 'heartbeat'],
  [Phase.DESCRIPTORS, 'descriptors'],
])

interface Closing {
  readonly fd: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * One loop of a pool: an engine with its port, and the events it watches. Listeners and connections share the
 * port. Made and closed by the eventer; used by its own isolate only.
 */
export class Loop implements LoopInfo {
  readonly core: Core
  readonly port: Port
  readonly pool: string
  readonly index: number
  /** Among the loops of all pools of this eventer. */
  readonly ordinal: number
  readonly name: string
  readonly threadId = threadId
  /** A quiet loop makes a pass at least this often. */
  readonly maxSleepMs: number
  readonly slots: SlotTable
  readonly dispatcher: Dispatcher
  /** Callbacks run since the start. */
  beats = 0
  readonly tracers = new Set<Tracer>()
  readonly #closings = new Map<number, Closing>()
  #nextRequest = 1
  #running = false

  constructor(core: Core, pool: ResolvedPool, index: number, options: ResolvedOptions) {
    this.core = core
    this.pool = pool.name
    this.index = index
    this.ordinal = core.loops.length
    this.name = `${pool.name}/${index}`
    this.maxSleepMs = pool.maxSleepMs
    this.slots = new SlotTable(this)
    this.port = new Port(core.backend, {
      name: this.name,
      maxSleepMs: pool.maxSleepMs,
      maxTimersPerPass: options.maxTimersPerPass,
      maxEventsPerWait: options.maxEventsPerWait,
      sections: options.sections,
      dedicated: pool.kind === 'native',
    })
    this.dispatcher = new Dispatcher(this, options.beatPerCallback)
    this.port.handle(In.PHASE, (at) => this.#phase(at))
    this.port.handle(In.FD_CLOSED, (at) => this.#closed(at))
  }

  get engine(): Engine {
    return this.port.engine
  }

  get loopId(): number {
    return this.port.engine.loopId
  }

  /** Time of the pass: epoch milliseconds, sampled when the pass began. (EV-08) */
  get now(): Time {
    return toTime(this.port.now)
  }

  /** Time of the last heartbeat. (EV-06) */
  get lastBeat(): Time {
    return toTime(this.port.clock[Clock.LAST_BEAT] as number)
  }

  /** Passes made so far. */
  get passes(): number {
    return this.port.control[Control.PASSES] as number
  }

  get isRunning(): boolean {
    return this.#running
  }

  /** Makes an unscheduled event this loop's and adds it. (TM-09) */
  add(event: Event): void {
    event.owner = this
    this.core.add(event)
  }

  /** Ends the wait of this loop without running a callback; calls before it wakes coalesce. (EV-07) */
  wakeup(): void {
    this.core.assertOpen()
    this.port.engine.wake()
  }

  /**
   * Closes a descriptor that nothing watches any more; where that may block, the system does it on a helper
   * thread. (FD-09)
   */
  closeFd(fd: number): Promise<void> {
    if (!this.#running) return closeNow(this.core, fd)
    return new Promise((resolve, reject) => {
      const request = this.#nextRequest
      this.#nextRequest = (request % 0x7fffffff) + 1
      this.#closings.set(request, { fd, resolve, reject })
      const result = this.port.engine.fdClose(request, fd)
      if (result >= 0) return
      this.#closings.delete(request)
      reject(systemError(result, 'close', `fd ${fd}`))
    })
  }

  /** @internal */
  start(referenced: boolean): void {
    if (this.#running) return
    this.#running = true
    this.reference(referenced)
    this.port.engine.start()
  }

  /** @internal */
  stop(): void {
    if (!this.#running) return
    this.#running = false
    this.port.engine.stop()
  }

  /** @internal */
  reference(on: boolean): void {
    if (on) this.port.engine.ref()
    else this.port.engine.unref()
  }

  /** @internal Settled when no close is under way. */
  async settleClosings(): Promise<void> {
    while (this.#closings.size > 0 && this.#running) await new Promise(setImmediate)
  }

  /** @internal */
  close(): void {
    this.#running = false
    this.port.engine.close()
  }

  #phase(at: number): void {
    const phase = PHASES.get(this.port.inbox[at + 1] as number)
    if (phase === undefined) return
    for (const tracer of this.tracers) tracer(phase, this)
  }

  #closed(at: number): void {
    const request = this.port.inbox[at + 1] as number
    const errno = this.port.inbox[at + 2] as number
    const closing = this.#closings.get(request)
    if (closing === undefined) return
    this.#closings.delete(request)
    if (errno === 0) closing.resolve()
    else closing.reject(systemError(errno, 'close', `fd ${closing.fd}`))
  }
}

async function closeNow(core: Core, fd: number): Promise<void> {
  checkResult(core.backend.sys.close(fd), 'close', `fd ${fd}`)
}
