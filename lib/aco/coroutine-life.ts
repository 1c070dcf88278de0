import { HeddleError } from '../errors'
import type { Loop } from '../eventer/loop'
import { type CoroutineSection, type Section, safe, SmrError } from '../memory'
import type { AcoFunction, Coroutine, CoroutineInfo } from './coroutine'
import { current } from './current'
import type { LazyDeadline } from './lazy-deadline'
import { Outcome } from './outcome'
import type { Runtime } from './runtime'
import type { CoroutineState, WaitPoint } from './wait-point'

/** Why waiting is over for a coroutine. */
interface Stop {
  readonly reason: unknown
}

/**
 * The life of a coroutine: what it waits for, why waiting is over, how it ends and what is left then, which is nothing. It
 * is over when the function returns, throws, or `exit` is called. Whoever asked for `done` hears of an error; when nobody
 * has, it is reported as the error of an event callback would be.
 */
export abstract class CoroutineLife<A, R> {
  readonly id: number
  readonly name: string
  readonly loop: Loop
  /** What `start` was given. (AC-03) */
  readonly arg: A
  /** @internal Deadlines of its waits, as soon as there is one. */
  armed: Set<LazyDeadline> | undefined
  /** @internal */
  protected readonly runtime: Runtime
  readonly #started = performance.now()
  readonly #outcome = new Outcome()
  /** The wait in progress, and those beside it where the code waits for several things at once. */
  #wait: AnyWait | undefined
  #more: Set<AnyWait> | undefined
  #stop: Stop | undefined
  #exiting = false
  #ended = false
  #section: CoroutineSection | undefined
  #controller: AbortController | undefined
  #given: AbortSignal | undefined
  #aborted: (() => void) | undefined

  /** @internal See `aco.start`. */
  constructor(runtime: Runtime, id: number, name: string, loop: Loop, arg: A) {
    this.runtime = runtime
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
   * Opens a level of this coroutine's own section of safe memory: what it finds there from now on stays until the level
   * ends, waits included. A coroutine that ends inside fails with ERR_SMR_SECTION_LEAK. ENOMEM. (AC-30)
   */
  section(): Section {
    if (this.#ended) throw ended(this.name)
    this.#section ??= safe.makeSection()
    return this.#section.begin()
  }

  /** @internal Throws why waiting is over, or that it is forbidden just now. */
  assertMayWait(): void {
    if (this.#ended) throw ended(this.name)
    if (this.#stop !== undefined) throw this.#stop.reason
    this.runtime.assertMayYield()
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
    this.runtime.resumes(this.#self, wait.state)
  }

  /** @internal Runs the function up to its first wait. */
  run(fn: AcoFunction<A, R>, signal: AbortSignal | undefined): void {
    if (signal !== undefined) this.#follow(signal)
    let result: PromiseLike<R> | R
    try {
      result = current.run<PromiseLike<R> | R>(this.#self, () => fn(this.#self))
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

  #follow(signal: AbortSignal): void {
    if (signal.aborted) {
      this.stop(signal.reason)
      return
    }
    this.#given = signal
    this.#aborted = () => this.stop(signal.reason)
    signal.addEventListener('abort', this.#aborted)
  }

  /** There is no other subclass. */
  get #self(): Coroutine<A, R> {
    return this as unknown as Coroutine<A, R>
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
    this.runtime.ends(this.#self)
    const leak = leakOf(this.name, this.#section?.close() ?? 0)
    if (failure === undefined && leak === undefined) {
      this.#outcome.resolve(value)
      return
    }
    const { error, expected } = failure ?? { error: leak, expected: false }
    const known = this.#outcome.reject(error)
    if (!known && !expected) this.runtime.report(this.#self, error)
    if (leak !== undefined && error !== leak) this.runtime.report(this.#self, leak)
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
