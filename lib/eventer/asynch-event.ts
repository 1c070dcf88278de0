import { Out } from '../backend/protocol'
import { HeddleError } from '../errors'
import { JobOutcome } from '../backend/jobs'
import type { JobDesk, JobDone, JobHandle, JobOrder, JobQueue } from '../jobq'
import { orderOf } from '../jobq/run-options'
import { type Time, type TimeInput, toLoopMs } from '../time'
import type { AsynchDefinition, AsynchEventPlace, AsynchWork } from './asynch-spec'
import { deskOf } from './desk'
import { type AnyCallback, type Callback, type EventKind, HELD, State } from './event'
import { FdEvent, failEvent } from './fd-event'
import type { Loop } from './loop'
import { Mask, isFdMask, maskText } from './mask'

/**
 * The last step of an asynchronous event, called with the event, ASYNCH_COMPLETE, the closure and the time. 0: the event is
 * freed. A mask of descriptor bits: it goes on as a descriptor event, with this callback unless it has set another.
 * ASYNCH_WORK: it is queued again. (AS-02)
 */
export type CompleteCallback<C> = Callback<AsynchEvent<C>, C>

const Stage = { NEW: 0, QUEUED: 1, ENDED: 2, DESCRIPTOR: 3 } as const
type Stage = (typeof Stage)[keyof typeof Stage]

/** Where it was handed in. */
interface Submission {
  readonly queue: JobQueue
  readonly place: AsynchEventPlace
  readonly desk: JobDesk
  readonly handle: JobHandle
}

/** An end of a job, as the completion sees it. */
export interface AsynchEnd {
  readonly value: unknown
  readonly error: unknown
  readonly failed: boolean
  readonly timedOut: boolean
}

const NOT_ENDED: AsynchEnd = { value: undefined, error: undefined, failed: false, timedOut: false }

/**
 * Blocking work as an event: `work` and `cleanup` run on one thread of a job queue, then the callback, `complete`, on the
 * event's loop; never two at once. What the work returned or threw is `value` and `error`. One event, one closure: the
 * threads get a copy of it, the callback the closure itself.
 *
 * `eventer.addAsynch` hands it to a queue, and nobody can take it back (ERR_NOT_REMOVABLE). It may be a descriptor event
 * afterwards, of its own descriptor: see `CompleteCallback`. (AS-01 to AS-13)
 */
export class AsynchEvent<C = unknown> extends FdEvent<C> {
  readonly #work: AsynchWork
  #stage: Stage = Stage.NEW
  #submission: Submission | undefined
  #end: AsynchEnd = NOT_ENDED
  /** Events whose completions this one's waits for. */
  #awaited = 0
  /** The event that waits for the completion of this one. */
  #waiter: AsynchEvent | undefined

  /** @internal Use `Eventer.asynch`. */
  constructor(loop: Loop, definition: AsynchDefinition<C>, closure: C) {
    // Without a descriptor it is none yet: 0 only passes the check.
    super(loop, Math.max(definition.fd, 0), Mask.READ, definition.complete as AnyCallback, closure, false)
    this.descriptor = definition.fd
    this.deadline = definition.deadlineMs
    this.#work = definition.work
  }

  override get kind(): EventKind {
    return this.#stage === Stage.DESCRIPTOR ? 'fd' : 'asynch'
  }

  override get mask(): number {
    return this.#stage === Stage.DESCRIPTOR ? super.mask : Mask.ASYNCH_COMPLETE
  }

  override set mask(mask: number) {
    if (this.#stage !== Stage.DESCRIPTOR)
      throw new HeddleError('EINVAL', 'an asynchronous event has no mask of its own')
    super.mask = mask
  }

  /** The event itself: what a completion is called with has this name in the texts that Heddle follows. */
  get event(): this {
    return this
  }

  /** What `work` returned; undefined before the completion. */
  get value(): unknown {
    return this.#end.value
  }

  /** Why the job failed; undefined where it has not `failed`. The error of `work`, else that of `cleanup`, or a HeddleError. (AS-11) */
  get error(): unknown {
    return this.#end.error
  }

  /** Something went wrong: `error` says what, and may be undefined where just that was thrown. (AS-11) */
  get failed(): boolean {
    return this.#end.failed
  }

  /** The deadline came before the work, which was skipped, or the work took too long. (AS-08) */
  get timedOut(): boolean {
    return this.#end.timedOut
  }

  /** The queue it was handed to last. */
  get queue(): JobQueue | undefined {
    return this.#submission?.queue
  }

  /** @internal It runs a native function. */
  get isNative(): boolean {
    return 'native' in this.#work.target
  }

  /** @internal A completion may wait for that of this event. */
  get mayBeWaitedFor(): boolean {
    return this.isScheduled && this.kind === 'asynch'
  }

  /** @internal Its job is over, and nothing else is waited for. */
  get isDue(): boolean {
    return this.#stage === Stage.ENDED && this.isScheduled && this.#awaited === 0
  }

  /** The deadline. Of a queued event it is moved as by `Eventer.updateWhence`. */
  override get whence(): Time {
    return super.whence
  }

  override set whence(time: TimeInput) {
    this.assertAlive()
    this.postpone(toLoopMs(time))
  }

  /** @internal Moves the deadline; true if it is queued, has not begun and nobody cancels it. (AS-10) */
  postpone(deadlineMs: number): boolean {
    const submission = this.#submission
    if (this.#stage !== Stage.QUEUED || submission === undefined) {
      this.deadline = deadlineMs
      return false
    }
    if ((this.#work.options.cancel ?? 'none') !== 'none') return false
    if (!submission.desk.setDeadline(submission.handle, deadlineMs)) return false
    this.deadline = deadlineMs
    return true
  }

  /**
   * @internal Hands it to a queue. False where `trying` and the queue takes no more: it is the caller's then. `waiter`:
   * waits for its completion.
   */
  submit(queue: JobQueue, place: AsynchEventPlace, trying: boolean, waiter?: AsynchEvent): boolean {
    this.assertNew()
    const loop = this.owner
    const desk = deskOf(loop)
    const order = this.#order(place)
    const done: JobDone = (outcome, value) => this.#ended(loop, endOf(outcome, value))
    const handle = trying ? desk.trySubmit(queue, order, done) : desk.submit(queue, order, done)
    if (handle === undefined) return false
    this.#submission = { queue, place, desk, handle }
    this.#end = NOT_ENDED
    this.#stage = Stage.QUEUED
    this.bits |= State.SCHEDULED
    if (waiter !== undefined) this.#waitFor(waiter)
    return true
  }

  /** @internal ERR_EVENT_FREED, ERR_EVENT_SCHEDULED, ERR_EVENT_ACTIVE, EINVAL: it is a descriptor event by now. */
  assertNew(): void {
    this.assertAlive()
    if (this.bits & HELD) throw new HeddleError('ERR_EVENT_SCHEDULED', 'the event is queued, or runs')
    if (this.bits & State.ACTIVE)
      throw new HeddleError('ERR_EVENT_ACTIVE', 'an asynch event is added again by returning ASYNCH_WORK')
    if (this.#stage === Stage.DESCRIPTOR)
      throw new HeddleError('EINVAL', 'the event has become a descriptor event')
  }

  override copy(): FdEvent<C> {
    if (this.#stage === Stage.DESCRIPTOR) return super.copy()
    this.assertAlive()
    const { contexts } = this.core
    return contexts === undefined ? this.#duplicate() : contexts.copy(this, () => this.#duplicate())
  }

  /** @internal Called by `add`, and when it has moved to another loop. */
  override arm(): void {
    if (this.#stage === Stage.DESCRIPTOR) {
      super.arm()
    } else if (this.#stage === Stage.NEW) {
      const { jobqs } = this.owner.core
      this.submit(this.isNative ? jobqs.native : jobqs.default, {}, false)
    } else {
      this.bits |= State.SCHEDULED
      if (this.#stage === Stage.ENDED) this.#announce()
    }
  }

  /** @internal */
  override disarm(): void {
    if (this.#stage === Stage.DESCRIPTOR) super.disarm()
    else this.bits &= ~State.SCHEDULED
  }

  /** @internal Runs the completion, on the event's loop. */
  complete(): void {
    this.bits &= ~State.SCHEDULED
    // What was announced twice is done once.
    this.owner.slots.rename(this)
    this.owner.dispatcher.run(this, Mask.ASYNCH_COMPLETE)
  }

  /** @internal */
  override settle(result: number): void {
    if (this.#stage === Stage.DESCRIPTOR) {
      super.settle(result)
      return
    }
    this.#stage = Stage.NEW
    this.#completed()
    if (result === 0) this.release()
    else if (isFdMask(result)) this.#becomeDescriptor(result)
    else if ((result & ~Mask.ASYNCH_COMPLETE) === 0) this.#again()
    else failEvent(this, result, new HeddleError('ERR_BAD_MASK', `a completion returned ${maskText(result)}`))
  }

  /** @internal Comes without `settle` where the completion failed. */
  override release(): void {
    if (this.#stage === Stage.ENDED) this.#stage = Stage.NEW
    this.#completed()
    super.release()
  }

  #order(place: AsynchEventPlace): JobOrder {
    const { target, argument, phased, options } = this.#work
    const { subqueue, priority } = place
    const { deadline } = this
    const arg = argument === undefined ? this.closure : argument.arg
    return {
      ...orderOf(target, arg, { ...options, subqueue, priority }),
      phased,
      deadline: deadline === Number.POSITIVE_INFINITY ? undefined : deadline,
    }
  }

  /** The job is over. Its record came to `loop`, where the event was when it was queued. */
  #ended(loop: Loop, end: AsynchEnd): void {
    // The eventer has ended, and the event with it.
    if (this.isFreed) return
    this.#end = end
    this.#stage = Stage.ENDED
    if (this.#awaited > 0) return
    if (loop === this.owner) this.complete()
    else this.#announce()
  }

  /** The loop it belongs to now completes it in a later pass. */
  #announce(): void {
    if (this.#awaited === 0) this.owner.port.push2(Out.TRIGGER, this.handle, Mask.ASYNCH_COMPLETE)
  }

  #waitFor(waiter: AsynchEvent): void {
    this.#waiter = waiter
    waiter.#awaited++
  }

  /** Whoever waits for the completion hears of it, once. */
  #completed(): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    if (waiter === undefined || --waiter.#awaited > 0) return
    if (waiter.#stage === Stage.ENDED && !waiter.isFreed) waiter.#announce()
  }

  #becomeDescriptor(mask: number): void {
    this.#stage = Stage.DESCRIPTOR
    super.settle(mask)
  }

  /** Into the queue it came from; it ends where the eventer does. */
  #again(): void {
    const { queue, place } = this.#submission as Submission
    if (deskOf(this.owner).isClosed) {
      this.release()
      return
    }
    try {
      this.submit(queue, place, false)
    } catch (error) {
      failEvent(this, Mask.ASYNCH_WORK, error)
    }
  }

  #duplicate(): AsynchEvent<C> {
    const { callback: complete, deadline: deadlineMs, fd } = this
    const definition = { work: this.#work, complete, deadlineMs, fd }
    const copy = new AsynchEvent<C>(this.owner, definition, this.closure)
    copy.opset = this.opset
    return copy
  }
}

function endOf(outcome: number, value: unknown): AsynchEnd {
  if (outcome === JobOutcome.VALUE) return { ...NOT_ENDED, value }
  const timedOut = outcome === JobOutcome.TIMED_OUT || outcome === JobOutcome.RUN_TIMED_OUT
  return { value: undefined, error: value, failed: true, timedOut }
}
