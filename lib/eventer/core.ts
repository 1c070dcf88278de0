import type { EventEmitter } from 'node:events'
import type { Backend } from '../backend/backend'
import { Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import { JobQueues } from '../jobq/job-queues'
import { CallbackError, type CallbackSite, eventSite } from './callback-error'
import type { Contexts } from './contexts'
import { type Event, HELD, State } from './event'
import { FdEvent } from './fd-event'
import type { Loop } from './loop'
import { isFdMask, maskText } from './mask'
import { CallbackNames } from './names'
import { type Opset, posixOpset } from './opset'
import { UnreadBytes } from './unread'
import type { ResolvedOptions } from './options'

/**
 * What the loops of one eventer share, and the rules that hold across them. Rare data of events lives here in side
 * tables, so that common events stay small.
 */
export class Core {
  readonly backend: Backend
  readonly posix: Opset
  readonly names = new CallbackNames()
  readonly loops: Loop[] = []
  readonly fds = new Map<number, FdEvent>()
  readonly floating = new Set<FdEvent>()
  /** Reference counts above one. */
  readonly references = new Map<Event, number>()
  /** Promises returned by callbacks of events with `State.PENDING`. */
  readonly pending = new Map<Event, unknown>()
  /** Masks triggered while an event was pending. */
  readonly heldTriggers = new Map<Event, number>()
  readonly opsetContexts = new WeakMap<Event, unknown>()
  /** What coroutines had read of descriptors that are classic again. */
  readonly unread = new UnreadBytes()
  contexts: Contexts | undefined
  /** Called when `debugging` has changed. */
  readonly debugWatchers = new Set<() => void>()
  /** Run when the eventer ends, while its loops still do. */
  readonly closers = new Set<() => Promise<void>>()
  /** The event whose callback runs, and its loop. */
  current: Event | undefined
  currentLoop: Loop | undefined
  /** The loop of the coroutine whose code runs; set once there are coroutines. */
  coroutineLoop: (() => Loop | undefined) | undefined
  /** When the running callback started, loop milliseconds; kept while instrumented. */
  callbackStarted = 0
  strict: boolean
  open = true
  readonly slowMs: number
  readonly #emitter: EventEmitter
  readonly #options: ResolvedOptions
  #debugging: boolean
  #jobqs: JobQueues | undefined
  #instrumented = false

  constructor(backend: Backend, options: ResolvedOptions, emitter: EventEmitter) {
    this.backend = backend
    this.posix = posixOpset(backend.sys)
    this.strict = options.strict
    this.slowMs = options.showLoopCallbacksThreshold
    this.#options = options
    this.#emitter = emitter
    this.#debugging = options.debugging
    this.instrument()
  }

  /** The loop whose callback or coroutine runs. */
  get loopHere(): Loop | undefined {
    return this.currentLoop ?? this.coroutineLoop?.()
  }

  /** Callbacks take the slower path that measures, keeps contexts and traces. */
  get instrumented(): boolean {
    return this.#instrumented
  }

  get debugging(): boolean {
    return this.#debugging
  }

  set debugging(on: boolean) {
    this.#debugging = on
    this.instrument()
    for (const changed of this.debugWatchers) changed()
  }

  instrument(): void {
    const { beatPerCallback } = this.#options
    this.#instrumented = beatPerCallback || this.slowMs >= 0 || this.#debugging || this.contexts !== undefined
  }

  assertOpen(): void {
    if (!this.open) throw new HeddleError('ERR_NOT_INIT')
  }

  /** Strict mode: a callback of one loop may not manipulate an event of another. (EK-09, EV-24) */
  checkOwner(event: Event): void {
    if (!this.strict) return
    const loop = this.loopHere
    if (loop === undefined || loop === event.owner) return
    const text = `a callback of ${loop.name} manipulates an event of ${event.owner.name}`
    throw new HeddleError('ERR_WRONG_THREAD', text)
  }

  /** Strict mode: an event of a coroutine stays on its loop. Otherwise the attempt is ignored. (AC-26) */
  refusePinned(): void {
    if (this.strict) throw new HeddleError('ERR_ACO_PINNED')
  }

  add(event: Event): void {
    this.assertOpen()
    event.assertAlive()
    const bits = event.bits
    if (bits & (State.SCHEDULED | State.PENDING | State.ADOPTED)) throw alreadyScheduled(event)
    if (bits & State.ACTIVE && (event.kind === 'timer' || event.kind === 'asynch')) {
      throw new HeddleError('ERR_EVENT_ACTIVE', `a ${event.kind} event is added again by returning non-zero`)
    }
    event.arm()
    if (bits & State.FLOATING) this.#unfloat(event as FdEvent)
    if (this.#debugging) this.log(`add ${event.kind} ${maskText(event.mask)} on ${event.owner.name}`)
  }

  /** Withdraws a scheduled, floating or pending event; false when it was none of these. */
  remove(event: Event): boolean {
    const bits = event.bits
    if ((bits & HELD) === 0) return false
    if (event.kind === 'asynch') throw new HeddleError('ERR_NOT_REMOVABLE')
    this.checkOwner(event)
    if (this.#debugging) this.log(`remove ${event.kind} ${maskText(event.mask)} on ${event.owner.name}`)
    if (bits & State.SCHEDULED) event.disarm()
    if (bits & State.FLOATING) this.#unfloat(event as FdEvent)
    if (bits & State.PENDING) this.#unpend(event)
    return true
  }

  /** Changes the mask of a descriptor event, scheduled or not. EINVAL for other kinds and masks. (EK-07) */
  update(event: Event, mask: number): void {
    this.assertOpen()
    event.assertAlive()
    if (!(event instanceof FdEvent) || event.kind !== 'fd')
      throw new HeddleError('EINVAL', `a ${event.kind} event has no mask to update`)
    if (!isFdMask(mask)) throw new HeddleError('EINVAL', `${maskText(mask)} is no descriptor mask`)
    this.checkOwner(event)
    if ((event.bits & (State.SCHEDULED | State.PENDING)) === State.SCHEDULED) event.change(mask)
    else event.wanted = mask
  }

  /** Takes an event whose callback failed out of everything and drops the eventer's reference. */
  discard(event: Event): void {
    if (event.isFreed) return
    event.bits &= ~State.ACTIVE
    if (event.bits & State.SCHEDULED) event.disarm()
    if (event.bits & State.FLOATING) this.#unfloat(event as FdEvent)
    if (event.bits & State.PENDING) this.#unpend(event)
    event.release()
  }

  /** Runs the callback now where that is safe, queues it to the event's loop otherwise. EINVAL. (EK-08) */
  trigger(event: Event, mask: number): void {
    if (event.kind === 'asynch') throw new HeddleError('EINVAL', 'its job triggers an asynchronous event')
    if ((event.bits & (State.SCHEDULED | State.PENDING | State.ACTIVE)) === 0) return
    if (this.#debugging) this.log(`trigger ${event.kind} ${maskText(mask)} on ${event.owner.name}`)
    const loop = event.owner
    const elsewhere = this.currentLoop !== undefined && this.currentLoop !== loop
    if (elsewhere || (event.bits & State.ACTIVE) !== 0) loop.port.push2(Out.TRIGGER, event.handle, mask)
    else loop.dispatcher.deliver(event, mask)
  }

  float(event: FdEvent): void {
    event.assertAlive()
    if (!event.isScheduled || event.kind !== 'fd')
      throw new HeddleError('EINVAL', 'only a scheduled descriptor event can float')
    this.checkOwner(event)
    event.disarm()
    event.bits |= State.FLOATING
    this.floating.add(event)
  }

  /** One active event per descriptor. (EK-11) */
  claimFd(event: FdEvent): void {
    const holder = this.fds.get(event.fd)
    if (holder !== undefined) throw new HeddleError('EEXIST', `descriptor ${event.fd} has an event already`)
    this.fds.set(event.fd, event)
  }

  disclaimFd(event: FdEvent): void {
    if (this.fds.get(event.fd) === event) this.fds.delete(event.fd)
  }

  findFd(fd: number): FdEvent | undefined {
    const scheduled = this.fds.get(fd)
    if (scheduled !== undefined) return scheduled
    for (const event of this.floating) if (event.fd === fd) return event
    return undefined
  }

  /** The multiplexer cannot watch this descriptor; the event stays and never fires. (FD-12) */
  unpollable(event: FdEvent): void {
    if (this.#emitter.emit('unpollable', { fd: event.fd, event })) return
    process.emitWarning(`descriptor ${event.fd} cannot be watched; its event will not fire`, {
      type: 'HeddleWarning',
      code: 'HEDDLE_UNPOLLABLE',
    })
  }

  /** What to report about a failed callback: made while the event lives, reported when it is out of the way. */
  failure(event: Event, mask: number, error: unknown): unknown {
    return this.#reports ? new CallbackError(eventSite(event, mask), error) : error
  }

  /** Reports the failure of a callback that belongs to no event. */
  reportFailed(site: () => CallbackSite, error: unknown): void {
    this.report(this.#reports ? new CallbackError(site(), error) : error)
  }

  /** The job queues that this isolate sees; made when they are first asked for. ERR_NOT_INIT, ERR_NATIVE_REQUIRED. */
  get jobqs(): JobQueues {
    this.assertOpen()
    if (this.#jobqs !== undefined) return this.#jobqs
    const loop = this.loops[0] as Loop
    const jobqs = new JobQueues(loop.port, {
      assertOpen: () => this.assertOpen(),
      isRunning: () => loop.isRunning,
    })
    this.closers.add(() => jobqs.close())
    this.#jobqs = jobqs
    return jobqs
  }

  get #reports(): boolean {
    return this.#emitter.listenerCount('error') > 0
  }

  /**
   * Hands an error to the `error` listeners, without any to Node as an uncaught exception; that may throw, so
   * whatever must be done is done before. (EV-14)
   */
  report(error: unknown): void {
    if (!this.#reports) {
      this.backend.uncaught(error)
      return
    }
    let thrown: unknown
    try {
      this.#emitter.emit('error', error)
      return
    } catch (another) {
      thrown = another
    }
    this.backend.uncaught(thrown)
  }

  /** Forgets everything about events, when all have been freed. */
  clear(): void {
    this.fds.clear()
    this.floating.clear()
    this.references.clear()
    this.pending.clear()
    this.heldTriggers.clear()
    this.unread.clear()
  }

  log(line: string): void {
    this.#options.log(line)
  }

  #unfloat(event: FdEvent): void {
    this.floating.delete(event)
    event.bits &= ~State.FLOATING
  }

  #unpend(event: Event): void {
    this.pending.delete(event)
    this.heldTriggers.delete(event)
    event.bits &= ~State.PENDING
  }
}

function alreadyScheduled(event: Event): HeddleError {
  return new HeddleError('ERR_EVENT_SCHEDULED', `the ${event.kind} event is scheduled already`)
}
