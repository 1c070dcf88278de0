import { HeddleError } from '../errors'
import type { Loop } from '../eventer/loop'
import { type CoroutineSection, type Section, safe, SmrError } from '../memory'
import type { Accepted, AcoEvent } from './aco-event'
import { type AcoAsynchOptions, waitFor } from './asynch'
import { prepare } from './asynch-call'
import type { AsynchTarget } from './asynch-target'
import { current } from './current'
import type { LazyDeadline } from './lazy-deadline'
import { Outcome } from './outcome'
import type { Runtime } from './runtime'
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

/** Why waiting is over for a coroutine. */
interface Stop {
  readonly reason: unknown
}

/**
 * An async function with waits of its own: between two of them nothing else runs on its loop. It belongs to the isolate
 * and the loop that started it; its methods are for its own code, and reject with ECANCELED once it has ended.
 *
 * It is over when the function returns, throws, or `exit` is called. Whoever asked for `done` hears of an error; when
 * nobody has, it is reported as the error of an event callback would be.
 */
export class Coroutine<A = unknown, R = unknown> {
  readonly id: number
  readonly name: string
  readonly loop: Loop
  /** What `start` was given. (AC-03) */
  readonly arg: A
  /** @internal Deadlines of its waits, as soon as there is one. */
  armed: Set<LazyDeadline> | undefined
  readonly #runtime: Runtime
  readonly #started = performance.now()
  readonly #outcome = new Outcome()
  /** The wait in progress, and those beside it where the code waits for several things at once. */
  #wait: AnyWait | undefined
  #more: Set<AnyWait> | undefined
  #stop: Stop | undefined
  #exiting = false
  #ended = false
  #sleeping: SleepPoint | undefined
  #parking: WaitPoint<unknown> | undefined
  #permit: { readonly value: unknown } | undefined
  #section: CoroutineSection | undefined
  #controller: AbortController | undefined
  #given: AbortSignal | undefined
  #aborted: (() => void) | undefined

  /** @internal See `aco.start`. */
  constructor(runtime: Runtime, id: number, name: string, loop: Loop, arg: A) {
    this.#runtime = runtime
    this.id = id
    this.name = name
    this.loop = loop
    this.arg = arg
  }

  /** What it does now. (AC-33) */
  get state(): CoroutineState {
    if (this.#ended) return 'ended'
    return this.#wait?.state ?? 'running'
  }

  /** Milliseconds since the start. */
  get age(): number {
    return performance.now() - this.#started
  }

  /** @internal */
  get info(): CoroutineInfo {
    const { id, name, state, age, loop } = this
    return { id, name, state, age, native: false, stackBytes: 0, loop: loop.name }
  }

  /** What the function returns; undefined after `exit`. Asking for it takes over its errors. */
  get done(): Promise<R | undefined> {
    return this.#outcome.promise as Promise<R | undefined>
  }

  /** Aborted when waiting is over for this coroutine: by the signal given to `start`, by the end of its eventer. (AC-32) */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#stop !== undefined && !this.#exiting) this.#controller.abort(this.#stop.reason)
    return this.#controller.signal
  }

  /**
   * Ends the coroutine from any depth: `finally` blocks run. Where the code swallows what this throws, the next wait throws
   * it again. ERR_NOT_IN_ACO outside this coroutine. (AC-04)
   */
  exit(): never {
    if ((current.coroutine as unknown) !== this)
      throw new HeddleError('ERR_NOT_IN_ACO', `exit of ${this.name} is called outside of it`)
    const reason = new HeddleError('ERR_ACO_EXIT', `${this.name} exits`)
    this.#exiting = true
    this.#halt(reason)
    throw reason
  }

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
    if (this.#ended) return false
    if (this.#parking?.busy) this.#parking.resolve(value)
    else if (this.#permit === undefined) this.#permit = { value }
    else return false
    return true
  }

  /**
   * Opens a level of this coroutine's own section of safe memory: what it finds there from now on stays until the level
   * ends, waits included. A coroutine that ends inside fails with ERR_SMR_SECTION_LEAK. ENOMEM. (AC-30)
   */
  section(): Section {
    if (this.#ended) throw ended(this.name)
    this.#section ??= safe.makeSection()
    return this.#section.begin()
  }

  /**
   * Calls an export of a module on a thread of a queue, with a copy of `arg`, and waits for its result. Its errors come
   * back with their stack. ERR_WORKER_DIED, ETIME, ERR_INVALID_ARGUMENT. (AC-19, AC-23)
   */
  asynch<T = unknown>(target: AsynchTarget, arg?: unknown, options?: AcoAsynchOptions): Promise<T> {
    return this.#asynch(target, arg, options, false) as Promise<T>
  }

  /**
   * The same with a function of two arguments, the phase and `arg`: `work` and `cleanup` are called on the thread,
   * `complete` in this isolate, each whatever became of the one before. The result is that of `work`. (AC-22)
   */
  asynchPhased<T = unknown>(target: AsynchTarget, arg?: unknown, options?: AcoAsynchOptions): Promise<T> {
    return this.#asynch(target, arg, options, true) as Promise<T>
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

  /** @internal Throws why waiting is over, or that it is forbidden just now. */
  assertMayWait(): void {
    if (this.#ended) throw ended(this.name)
    if (this.#stop !== undefined) throw this.#stop.reason
    this.#runtime.assertMayYield()
  }

  /** @internal A wait begins. */
  waits(wait: AnyWait): void {
    if (this.#wait === undefined) {
      this.#wait = wait
      return
    }
    this.#more ??= new Set()
    this.#more.add(wait)
  }

  /** @internal A wait is over. */
  resumes(wait: AnyWait): void {
    if (this.#wait === wait) this.#wait = this.#next()
    else this.#more?.delete(wait)
    this.#runtime.resumes(this, wait.state)
  }

  /** @internal Runs the function up to its first wait. */
  run(fn: AcoFunction<A, R>, signal: AbortSignal | undefined): void {
    if (signal !== undefined) this.#follow(signal)
    let result: PromiseLike<R> | R
    try {
      result = current.run(this, () => fn(this))
    } catch (error) {
      result = Promise.reject(error)
    }
    if (isThenable(result)) {
      result.then(
        (value) => this.#end(value),
        (error) => this.#failed(error),
      )
    } else {
      this.#end(result)
    }
  }

  /** @internal Waiting is over: pending waits and all later ones fail with the reason. */
  stop(reason: unknown): void {
    if (this.#stop !== undefined || this.#ended) return
    this.#halt(reason)
    this.#controller?.abort(reason)
  }

  #asynch(
    target: AsynchTarget,
    arg: unknown,
    options: AcoAsynchOptions = {},
    phased: boolean,
  ): Promise<unknown> {
    try {
      return waitFor(
        this,
        prepare(() => this.#runtime.queues.get('default'), target, arg, options, phased),
        options,
      )
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #follow(signal: AbortSignal): void {
    if (signal.aborted) {
      this.stop(signal.reason)
      return
    }
    this.#given = signal
    this.#aborted = () => this.stop(signal.reason)
    signal.addEventListener('abort', this.#aborted)
  }

  #halt(reason: unknown): void {
    this.#stop = { reason }
    this.#abandon(reason)
  }

  #abandon(reason: unknown): void {
    for (let wait = this.#wait; wait !== undefined; wait = this.#wait) wait.abandon(reason)
  }

  #next(): AnyWait | undefined {
    const [next] = this.#more ?? []
    if (next !== undefined) this.#more?.delete(next)
    return next
  }

  #failed(error: unknown): void {
    const stopped = this.#stop !== undefined && this.#stop.reason === error
    if (stopped && this.#exiting) this.#end(undefined)
    else this.#end(undefined, { error, expected: stopped })
  }

  /** Nothing of it is left: no wait, no timer, no listener, no section. */
  #end(value: R | undefined, failure?: { readonly error: unknown; readonly expected: boolean }): void {
    this.#ended = true
    if (this.#wait !== undefined) this.#abandon(ended(this.name))
    for (const deadline of this.armed ?? []) deadline.disarm()
    if (this.#aborted !== undefined) this.#given?.removeEventListener('abort', this.#aborted)
    this.#runtime.ends(this)
    const leak = leakOf(this.name, this.#section?.close() ?? 0)
    if (failure === undefined && leak === undefined) {
      this.#outcome.resolve(value)
      return
    }
    const { error, expected } = failure ?? { error: leak, expected: false }
    const known = this.#outcome.reject(error)
    if (!known && !expected) this.#runtime.report(this, error)
    if (leak !== undefined && error !== leak) this.#runtime.report(this, leak)
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what a wait is settled with is known to its owner only
type AnyWait = WaitPoint<any>

function ended(name: string): HeddleError {
  return new HeddleError('ECANCELED', `${name} has ended`)
}

function leakOf(name: string, levels: number): SmrError | undefined {
  if (levels <= 0) return undefined
  const where = levels === 1 ? 'a section' : `${levels} levels of section`
  return new SmrError('ERR_SMR_SECTION_LEAK', `${name} ended inside ${where}`)
}

function isThenable<R>(value: PromiseLike<R> | R): value is PromiseLike<R> {
  return typeof (value as PromiseLike<R> | null | undefined)?.then === 'function'
}
