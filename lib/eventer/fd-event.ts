import { MaskBit, Out } from '../backend/protocol'
import { HeddleError, errnoName, systemError } from '../errors'
import { type Callback, Event, type EventKind, State } from './event'
import type { Loop } from './loop'
import { Mask, isFdMask, maskText } from './mask'
import type { AcceptResult, IoResult, Opset } from './opset'
import { type Time, type TimeInput, toLoopMs, toTime } from './time'

/** Callback of a descriptor event. */
export type FdCallback<C> = Callback<FdEvent<C>, C>

/** How a descriptor event is signalled. */
export interface FdEventOptions {
  /** `edge`: after a delivery, that direction is signalled again only once an operation came back `again`. */
  readonly trigger?: 'level' | 'edge'
}

/** `watched` of a descriptor that the multiplexer refuses (a regular file): it never fires. */
const UNPOLLABLE = -1

/**
 * Waits for a descriptor. Level semantics: what is not read is signalled again. Errors and hang-ups arrive as
 * EXCEPTION whether asked for or not. The descriptor is the caller's: freeing the event does not close it.
 * (FD-01, FD-06, FD-15)
 */
export class FdEvent<C = unknown> extends Event<C> {
  /** @internal */
  declare descriptor: number
  /** @internal */
  declare wanted: number
  /** @internal What the engine watches now, 0 for nothing. */
  declare watched: number
  /** @internal */
  declare operations: Opset
  /** @internal Edge mode: directions delivered and not drained since; -1 in level mode. */
  declare spent: number

  /** @internal Use `Eventer.fdEvent`. */
  constructor(loop: Loop, fd: number, mask: number, callback: FdCallback<C>, closure: C, edge: boolean) {
    if (!Number.isInteger(fd) || fd < 0) throw new HeddleError('EBADF', `${fd} is not a descriptor`)
    if (!Number.isInteger(mask) || mask === 0) throw new HeddleError('EINVAL', 'the mask needs a bit')
    super(loop, 0, callback, closure)
    this.descriptor = fd
    this.wanted = mask
    this.watched = 0
    this.operations = loop.core.posix
    this.spent = edge ? 0 : -1
  }

  get kind(): EventKind {
    return 'fd'
  }

  /** The descriptor, -1 once closed. */
  get fd(): number {
    return this.descriptor
  }

  set fd(fd: number) {
    assertUnscheduled(this)
    this.descriptor = fd
  }

  /** What to wait for. Of a scheduled event it is changed with `Eventer.update`. */
  get mask(): number {
    return this.wanted
  }

  set mask(mask: number) {
    assertUnscheduled(this)
    this.wanted = mask
  }

  /** The operations behind `read`, `write`, `accept` and `close`; plain POSIX unless set. */
  get opset(): Opset {
    return this.operations
  }

  set opset(opset: Opset) {
    assertUnscheduled(this)
    this.operations = opset
  }

  /** State of the opset for this event. */
  get opsetContext(): unknown {
    return this.core.opsetContexts.get(this)
  }

  set opsetContext(context: unknown) {
    this.core.opsetContexts.set(this, context)
  }

  override get whence(): Time {
    this.assertAlive()
    return toTime(this.deadline)
  }

  override set whence(time: TimeInput) {
    this.assertAlive()
    this.deadline = toLoopMs(time)
  }

  /** Reads through the opset. Throws system errors. (FD-07) */
  read(into: Uint8Array): IoResult {
    if (this.core.unread.size > 0) {
      const first = this.core.unread.read(this, into)
      if (first !== undefined) return first
    }
    const result = this.operations.read(this, into)
    if (this.spent > 0 && result.again) drained(this, result.need)
    return result
  }

  /** Writes through the opset, as much as it takes. Throws system errors; EPIPE, never SIGPIPE. (FD-07, EV-23) */
  write(from: Uint8Array): IoResult {
    const result = this.operations.write(this, from)
    if (this.spent > 0 && result.again) drained(this, result.need)
    return result
  }

  /** Accepts through the opset. A transient failure (ECONNABORTED, EMFILE) is thrown; the watch stays. (FD-08) */
  accept(): AcceptResult {
    const result = this.operations.accept(this)
    if (this.spent > 0 && result.again) drained(this, result.need)
    return result
  }

  /**
   * Stops watching and gives the descriptor up; `fd` is -1 at once, the promise is settled when the system has
   * closed it. The event lives on: outside its own callback its reference is the caller's. EBADF the second time.
   * (FD-09)
   */
  async close(): Promise<void> {
    this.assertAlive()
    if (this.descriptor < 0) throw new HeddleError('EBADF', 'the descriptor has been closed')
    if (this.bits & State.ADOPTED) throw new HeddleError('ERR_EVENT_SCHEDULED')
    this.core.remove(this)
    this.core.unread.forget(this)
    const closing = this.operations.close(this)
    this.descriptor = -1
    await closing
  }

  /** Detaches a scheduled event from its watch; it can be found and listed, is not dispatched, and `add` resumes. */
  float(): this {
    this.core.float(this)
    return this
  }

  copy(): FdEvent<C> {
    this.assertAlive()
    if (this.bits & State.ADOPTED) throw new HeddleError('ERR_EVENT_SCHEDULED')
    const contexts = this.core.contexts
    return contexts === undefined ? duplicate(this) : contexts.copy(this, () => duplicate(this))
  }

  /** @internal */
  arm(): void {
    if (!isFdMask(this.wanted))
      throw new HeddleError('EINVAL', `${maskText(this.wanted)} is no descriptor mask`)
    this.core.claimFd(this)
    if (this.spent > 0) this.spent = 0
    try {
      watch(this, this.wanted)
    } catch (error) {
      this.core.disclaimFd(this)
      throw error
    }
    this.bits |= State.SCHEDULED
    if (this.core.unread.size > 0) this.core.unread.announce(this)
  }

  /** @internal */
  disarm(): void {
    this.core.disclaimFd(this)
    watch(this, 0)
    this.owner.slots.rename(this)
    this.bits &= ~State.SCHEDULED
  }

  /** @internal */
  hold(): void {
    if (this.bits & State.SCHEDULED) watch(this, 0)
  }

  /** @internal Bits of a report that concern this event now; in edge mode they are spent by it. */
  deliverable(reported: number): number {
    const mask = reported & (this.wanted | Mask.EXCEPTION)
    if (this.spent >= 0) this.spent |= mask & ~Mask.EXCEPTION
    return mask
  }

  /** @internal Sets the mask of a scheduled event. */
  change(mask: number): void {
    this.wanted = mask
    watch(this, this.spent > 0 ? mask & ~this.spent : mask)
    if (this.core.unread.size > 0) this.core.unread.announce(this)
  }

  /**
   * @internal A coroutine of `loop` takes the event, unless somebody else has it, and gets the operations behind it. The watch answers
   * asks from here on; false in `polled`: the system does not watch such a descriptor, it is ready always.
   */
  adopt(loop: Loop): { readonly opset: Opset; readonly polled: boolean } {
    if (this.kind !== 'fd')
      throw new HeddleError('EINVAL', `a coroutine cannot have an event of kind ${this.kind}`)
    assertUnscheduled(this)
    if (this.bits & State.PENDING) throw new HeddleError('ERR_EVENT_SCHEDULED')
    if (this.bits & State.ACTIVE) throw new HeddleError('ERR_EVENT_ACTIVE')
    if (this.descriptor < 0) throw new HeddleError('EBADF', 'the descriptor has been closed')
    this.owner = loop
    this.core.claimFd(this)
    const result = loop.engine.fdAdd(this.handle, this.descriptor, MaskBit.ASKED)
    if (result < 0 && errnoName(result) !== 'EPERM') {
      this.core.disclaimFd(this)
      throw systemError(result, 'watch', `fd ${this.descriptor}`)
    }
    const opset = this.operations
    this.operations = COROUTINES_OWN
    this.bits |= State.ADOPTED
    return { opset, polled: result >= 0 }
  }

  /** @internal The coroutine gives it back; records about its waits are dropped from here on. */
  disown(opset: Opset): void {
    this.core.disclaimFd(this)
    this.owner.engine.fdRemove(this.handle, this.descriptor)
    this.owner.slots.rename(this)
    this.operations = opset
    this.bits &= ~State.ADOPTED
  }

  /** @internal */
  override destroy(bits: number): void {
    this.core.unread.forget(this)
    super.destroy(bits)
  }

  /** @internal */
  settle(result: number): void {
    if (this.bits & State.FLOATING) return
    if (result === 0) {
      finish(this)
      return
    }
    try {
      stay(this, result)
    } catch (error) {
      failEvent(this, result, error)
    }
  }
}

/** Whoever still holds an adopted event must not take bytes behind the coroutine's back. */
const COROUTINES_OWN: Opset = {
  name: 'coroutine',
  read: refuse,
  write: refuse,
  accept: refuse,
  close: refuse,
}

function refuse(): never {
  throw new HeddleError('ERR_EVENT_SCHEDULED', 'a coroutine has this event')
}

function assertUnscheduled(event: FdEvent): void {
  event.assertAlive()
  if (event.bits & (State.SCHEDULED | State.FLOATING | State.ADOPTED))
    throw new HeddleError('ERR_EVENT_SCHEDULED')
}

/** Makes the engine watch exactly `mask`. Throws the system error of a descriptor it cannot take. */
function watch(event: FdEvent, mask: number): void {
  const watched = event.watched
  if (watched === mask) return
  if (watched > 0 && mask > 0) {
    event.owner.port.push2(Out.FD_MASK, event.handle, mask)
  } else if (mask > 0) {
    if (watched === UNPOLLABLE) return
    const result = event.owner.engine.fdAdd(event.handle, event.descriptor, mask)
    if (result < 0) {
      refused(event, result)
      return
    }
  } else if (watched > 0) {
    event.owner.engine.fdRemove(event.handle, event.descriptor)
  }
  event.watched = mask
}

function refused(event: FdEvent, errno: number): void {
  if (errnoName(errno) !== 'EPERM') throw systemError(errno, 'watch', `fd ${event.descriptor}`)
  event.watched = UNPOLLABLE
  event.core.unpollable(event)
}

/** A scheduled event goes on with this mask; one removed in its own callback is added again. */
function stay(event: FdEvent, mask: number): void {
  if (!isFdMask(mask)) throw new HeddleError('ERR_BAD_MASK', `${maskText(mask)} is no descriptor mask`)
  if (event.bits & State.SCHEDULED) {
    event.change(mask)
    return
  }
  if (event.descriptor < 0)
    throw new HeddleError('EBADF', 'a callback closed its descriptor and wants to go on')
  event.wanted = mask
  event.arm()
}

/** Strict mode takes a callback that leaves its open descriptor registered for a mistake. (FD-13) */
function finish(event: FdEvent): void {
  const forgotten = (event.bits & (State.SCHEDULED | State.FACADE)) === State.SCHEDULED
  if (forgotten && event.core.strict) {
    failEvent(event, 0, new HeddleError('ERR_FD_STILL_REGISTERED'))
    return
  }
  if (event.bits & State.SCHEDULED) event.disarm()
  event.release()
}

/** @internal Reports what was wrong with the return of a callback, and ends the event. */
export function failEvent(event: FdEvent, mask: number, error: unknown): void {
  const core = event.core
  const failure = core.failure(event, mask, error)
  core.discard(event)
  core.report(failure)
}

/** Edge mode: an operation came back `again`, so the next readiness is news. */
function drained(event: FdEvent, need: number): void {
  event.spent &= ~need
  const waiting = (event.bits & (State.SCHEDULED | State.ACTIVE)) === State.SCHEDULED
  if (waiting) watch(event, event.wanted & ~event.spent)
}

function duplicate<C>(event: FdEvent<C>): FdEvent<C> {
  const { owner, callback, closure } = event
  const copy = new FdEvent<C>(owner, event.fd, event.mask, callback, closure, event.spent >= 0)
  copy.operations = event.operations
  copy.deadline = event.deadline
  copy.bits |= event.bits & State.FACADE
  const contexts = event.core.opsetContexts
  if (contexts.has(event)) contexts.set(copy, contexts.get(event))
  event.core.unread.move(event, copy)
  return copy
}
