import type { AsynchEvent } from '../eventer/asynch-event'
import type { Accepted, AcoEvent } from './aco-event'
import { type AcoAsynchOptions, waitFor } from './asynch'
import { prepare, prepareEvent } from './asynch-call'
import type { JobTarget } from '../jobq/targets'
import { CoroutineLife } from './coroutine-life'
import { SleepPoint } from './sleep-point'
import { type AcoWaitOptions, type CoroutineState, WaitPoint } from './wait-point'

/** The body of a coroutine: an async function, whose waits go through `co`. */
export type AcoFunction<A = unknown, R = unknown> = (co: Coroutine<A, R>) => PromiseLike<R> | R

/** A coroutine as `aco.list` shows it. (AC-33) */
export interface CoroutineInfo {
  readonly id: number
  readonly name: string
  readonly state: CoroutineState
  /** Milliseconds since the start. */
  readonly age: number
  /** Whether it is a procedure of a native module. Ids of native coroutines are numbers of their loop's own. */
  readonly native: boolean
  /** Stack in use at the last wait of a native one; 0 of an async function. */
  readonly stackBytes: number
  /** `pool/index`. */
  readonly loop: string
}

/**
 * An async function with waits of its own: between two of them nothing else runs on its loop. It belongs to the isolate
 * and the loop that started it; its methods are for its own code, and reject with ECANCELED once it has ended.
 */
export class Coroutine<A = unknown, R = unknown> extends CoroutineLife<A, R> {
  #sleeping: SleepPoint | undefined
  #parking: WaitPoint<unknown> | undefined
  #permit: { readonly value: unknown } | undefined

  /**
   * Resumes after `ms`, never early, while everything else goes on; 0 yields once. EBUSY: it sleeps already. (AC-08)
   */
  sleep(ms: number, options?: Pick<AcoWaitOptions, 'signal'>): Promise<void> {
    this.#sleeping ??= new SleepPoint(this)
    return this.#sleeping.begin(ms, options?.signal)
  }

  /** Waits until `aco.unpark` hands a value over; at once if it has already. EBUSY: it is parked already. (AC-31) */
  park<T = unknown>(options?: AcoWaitOptions): Promise<T> {
    this.#parking ??= new WaitPoint<unknown>()
    const parked = this.#parking.begin(this, 'park', options?.timeout, options?.signal) as Promise<T>
    const permit = this.#permit
    if (permit !== undefined && this.#parking.busy) {
      this.#permit = undefined
      this.#parking.resolve(permit.value)
    }
    return parked
  }

  /** @internal See `aco.unpark`. */
  unpark(value: unknown): boolean {
    if (this.state === 'ended') return false
    if (this.#parking?.busy) this.#parking.resolve(value)
    else if (this.#permit === undefined) this.#permit = { value }
    else return false
    return true
  }

  /**
   * Calls an export of a module on a thread of a queue, with a copy of `arg`, and waits for its result. Its errors come
   * back with their stack. ERR_WORKER_DIED, ETIME, ERR_INVALID_ARGUMENT. (AC-19, AC-23)
   */
  asynch<T = unknown>(target: JobTarget, arg?: unknown, options?: AcoAsynchOptions): Promise<T> {
    return this.#asynch(target, arg, options, false) as Promise<T>
  }

  /**
   * The same with a function of two arguments, the phase and `arg`: `work` and `cleanup` are called on the thread,
   * `complete` in this isolate, each whatever became of the one before. The result is that of `work`. (AC-22)
   */
  asynchPhased<T = unknown>(target: JobTarget, arg?: unknown, options?: AcoAsynchOptions): Promise<T> {
    return this.#asynch(target, arg, options, true) as Promise<T>
  }

  /**
   * Hands a whole asynchronous event to a queue and waits for its end: `work` and `cleanup` run there, the completion resumes the
   * coroutine in place of the event's own, and the event is freed. Resolves with what the work returned, rejects with its error;
   * whoever stops waiting leaves the event to its way. ERR_EVENT_SCHEDULED, ERR_INVALID_ARGUMENT. (AC-20)
   */
  runAsynch<T = unknown>(event: AsynchEvent, options: AcoAsynchOptions = {}): Promise<T> {
    return this.#run(event, options, ({ value }) => value) as Promise<T>
  }

  /** The same: true. False at once where as many wait as may, and the event is the caller's. (AC-21) */
  tryRunAsynch(event: AsynchEvent, options: AcoAsynchOptions = {}): Promise<boolean> {
    return this.#run(event, { ...options, try: true }, () => true) as Promise<boolean>
  }

  /** (AC-09) */
  read(event: AcoEvent, into: Uint8Array, options?: AcoWaitOptions): Promise<number> {
    return event.read(into, options)
  }

  readExact(event: AcoEvent, count: number, options?: AcoWaitOptions): Promise<Buffer> {
    return event.readExact(count, options)
  }

  readUntil(
    event: AcoEvent,
    delimiter: string | Uint8Array,
    options?: AcoWaitOptions & { max?: number },
  ): Promise<Buffer> {
    return event.readUntil(delimiter, options)
  }

  /** (AC-10) */
  write(event: AcoEvent, bytes: Uint8Array | string, options?: AcoWaitOptions): Promise<number> {
    return event.write(bytes, options)
  }

  writeAll(event: AcoEvent, bytes: Uint8Array | string, options?: AcoWaitOptions): Promise<void> {
    return event.writeAll(bytes, options)
  }

  /** (AC-11) */
  accept(event: AcoEvent, options?: AcoWaitOptions): Promise<Accepted> {
    return event.accept(options)
  }

  /** (AC-12) */
  close(event: AcoEvent): Promise<void> {
    return event.close()
  }

  #asynch(
    target: JobTarget,
    arg: unknown,
    options: AcoAsynchOptions = {},
    phased: boolean,
  ): Promise<unknown> {
    try {
      return waitFor(this, prepare(this.loop, target, arg, options, phased), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #run(
    event: AsynchEvent,
    options: AcoAsynchOptions,
    answer: (event: AsynchEvent) => unknown,
  ): Promise<unknown> {
    try {
      return waitFor(this, prepareEvent(this.loop, event, options, answer), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}
