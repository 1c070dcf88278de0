import { deserialize, serialize } from 'node:v8'
import type { Backend } from '../backend/backend'
import { selectBackend } from '../backend/select'
import { HeddleError, checkResult } from '../errors'
import type { EventRef } from './event'
import type { FdEvent } from './fd-event'
import { type AcceptResult, type IoResult, type Opset, posixOpset } from './opset'
import { type TimeInput, toLoopMs, toTime } from './time'

/** First byte of what this file posts, so that others may post to a loop too. */
export const EVENTER_CHANNEL = 1

/** An event to be made on another isolate's loop. Its callback is a name registered there. */
export type RemoteSpec = { readonly callback: string; readonly closure?: unknown } & (
  | { readonly kind: 'fd'; readonly fd: number; readonly mask: number }
  | { readonly kind: 'timer'; readonly whence: TimeInput }
  | { readonly kind: 'recurrent' }
)

export type RemoteMessage =
  | { readonly op: 'add'; readonly spec: RemoteSpec; readonly dispatch: boolean }
  | { readonly op: 'remove'; readonly handle: number }
  | { readonly op: 'update'; readonly handle: number; readonly mask: number }

/** How strictly another isolate is kept from this one. */
export interface RemoteOptions {
  readonly backend?: Backend
  /** Strict: manipulating a registered event throws ERR_WRONG_THREAD. Lenient, the default: it is forwarded. */
  readonly strict?: boolean
}

/**
 * The eventer of another isolate of this process. Loops and events are named by numbers that survive structured
 * cloning. Functions cannot cross, so events are added with *named* callbacks; closures are cloned. What cannot be
 * forwarded throws ERR_WRONG_THREAD. Errors of a forwarded call are reported by the owner's `error` event.
 * (EV-07, EV-24, FD-03, FD-04, TM-09)
 */
export class RemoteEventer {
  readonly #backend: Backend
  readonly #strict: boolean
  readonly #posix: Opset

  constructor(options: RemoteOptions = {}) {
    this.#backend = options.backend ?? selectBackend()
    this.#strict = options.strict ?? false
    this.#posix = posixOpset(this.#backend.sys)
  }

  /** Runs the callback on its own thread with this mask; dropped if the event is gone by then. (EK-08) */
  trigger(ref: EventRef, mask: number): void {
    checkResult(this.#backend.trigger(ref.loopId, ref.handle, mask), 'trigger', `loop ${ref.loopId}`)
  }

  /** Ends the loop's wait. */
  wakeup(loopId: number): void {
    checkResult(this.#backend.wake(loopId), 'wakeup', `loop ${loopId}`)
  }

  /** Adds an event to a loop. A relative time is best given as `Date.now() + ms`. */
  add(loopId: number, spec: RemoteSpec): void {
    this.#post(loopId, { op: 'add', spec: absolute(spec), dispatch: false })
  }

  /** Adds an event and calls back once with its mask, without waiting for readiness. */
  scheduleAndDispatch(loopId: number, spec: RemoteSpec): void {
    this.#post(loopId, { op: 'add', spec: absolute(spec), dispatch: true })
  }

  /** The scheduler's own thread alone may do this: always ERR_WRONG_THREAD. */
  schedule(_loopId: number, _spec: RemoteSpec): never {
    throw wrongThread('schedule')
  }

  /** The event cannot be handed back across isolates: always ERR_WRONG_THREAD. */
  clearByFd(_loopId: number, _fd: number): never {
    throw wrongThread('clearByFd')
  }

  /** Removes and frees an event. */
  remove(ref: EventRef): void {
    if (this.#strict) throw wrongThread('remove')
    this.#post(ref.loopId, { op: 'remove', handle: ref.handle })
  }

  /** Changes the mask of a descriptor event. */
  update(ref: EventRef, mask: number): void {
    if (this.#strict) throw wrongThread('update')
    this.#post(ref.loopId, { op: 'update', handle: ref.handle, mask })
  }

  /**
   * One plain read of another isolate's descriptor, which does not wait: whoever waits for it there hears nothing of this.
   * System errors; ERR_NATIVE_REQUIRED where descriptors belong to an isolate. (AC-16)
   */
  read(target: { readonly fd: number }, into: Uint8Array): IoResult {
    return this.#posix.read(this.#plain(target), into)
  }

  /** The same for writing. (AC-16) */
  write(target: { readonly fd: number }, from: Uint8Array): IoResult {
    return this.#posix.write(this.#plain(target), from)
  }

  /** The same for accepting. (AC-16) */
  accept(target: { readonly fd: number }): AcceptResult {
    return this.#posix.accept(this.#plain(target))
  }

  /** Plain operations look at the number alone. */
  #plain({ fd }: { readonly fd: number }): FdEvent {
    if (!this.#backend.capabilities.systemDescriptors) throw new HeddleError('ERR_NATIVE_REQUIRED')
    return { fd } as FdEvent
  }

  #post(loopId: number, message: RemoteMessage): void {
    checkResult(this.#backend.post(loopId, encodeMessage(message)), 'post', `loop ${loopId}`)
  }
}

/** Runs the callback of another isolate's event there. */
export function remoteTrigger(ref: EventRef, mask: number, backend?: Backend): void {
  new RemoteEventer(backend ? { backend } : {}).trigger(ref, mask)
}

/** Ends the wait of another isolate's loop. */
export function remoteWake(loopId: number, backend?: Backend): void {
  new RemoteEventer(backend ? { backend } : {}).wakeup(loopId)
}

/** The message after its channel byte. */
export function decodeMessage(bytes: Uint8Array): RemoteMessage {
  return deserialize(bytes) as RemoteMessage
}

function encodeMessage(message: RemoteMessage): Uint8Array {
  return Buffer.concat([Buffer.of(EVENTER_CHANNEL), serialize(message)])
}

/** Isolates count loop time from different origins; epoch milliseconds mean the same in all. */
function absolute(spec: RemoteSpec): RemoteSpec {
  return spec.kind === 'timer' ? { ...spec, whence: toTime(toLoopMs(spec.whence)) } : spec
}

function wrongThread(call: string): HeddleError {
  return new HeddleError('ERR_WRONG_THREAD', `${call} belongs to the thread of the loop`)
}
