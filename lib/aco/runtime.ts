import { HeddleError } from '../errors'
import type { Core } from '../eventer/core'
import type { Loop } from '../eventer/loop'
import { type AcoFunction, Coroutine } from './coroutine'
import { current } from './current'
import { watchers } from './watchers'
import type { CoroutineState } from './wait-point'

/** Turns that coroutines get at the end of their eventer to run their `finally` blocks. */
const LAST_TURNS = 100

/** How a coroutine starts. */
export interface StartSettings {
  readonly name?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** The coroutines of one eventer. Made at the first start, closed with the eventer. */
export class Runtime {
  readonly core: Core
  readonly live = new Set<Coroutine>()
  started = 0
  switches = 0
  /** Calls of `assertNoYield` under way. */
  #still = 0
  #closed = false

  /** That of the eventer; one is made if it has none. ERR_NOT_INIT once it is closed. */
  static of(core: Core): Runtime {
    core.assertOpen()
    const known = runtimes.get(core)
    if (known !== undefined) return known
    const runtime = new Runtime(core)
    runtimes.set(core, runtime)
    return runtime
  }

  static find(core: Core): Runtime | undefined {
    return runtimes.get(core)
  }

  private constructor(core: Core) {
    this.core = core
    core.closers.add(() => this.#close())
    core.coroutineLoop = () => {
      const loop = current.coroutine?.loop
      return loop?.core === core ? loop : undefined
    }
  }

  /** Runs the function up to its first wait. */
  start<A, R>(loop: Loop, fn: AcoFunction<A, R>, arg: A, settings: StartSettings = {}): Coroutine<A, R> {
    if (this.#closed) throw closed()
    const name = settings.name ?? (fn.name || 'coroutine')
    const co = new Coroutine<A, R>(this, ++this.started, name, loop, arg)
    this.live.add(co)
    co.run(fn, settings.signal)
    return co
  }

  /** @internal ERR_ACO_YIELD inside `assertNoYield`. */
  assertMayYield(): void {
    if (this.#still > 0) throw new HeddleError('ERR_ACO_YIELD')
  }

  /** Runs `body`, in which every wait fails. */
  still<T>(body: () => T): T {
    this.#still++
    try {
      return body()
    } finally {
      this.#still--
    }
  }

  /** @internal A wait of the coroutine is over; its code goes on when the caller has returned. */
  resumes(co: Coroutine, from: CoroutineState): void {
    this.switches++
    if (watchers.none && !this.core.debugging) return
    if (this.core.debugging) this.core.log(`aco resume ${co.name} #${co.id} after ${from}`)
    try {
      watchers.resumed({ co, stackBytes: 0, large: false })
    } catch (error) {
      this.core.report(error)
    }
  }

  /** @internal */
  ends(co: Coroutine): void {
    this.live.delete(co)
  }

  /** @internal An error that nobody asked for. */
  report(co: Coroutine, error: unknown): void {
    const { loop, name, id } = co
    this.core.reportFailed(() => ({ name, loop, mask: 0, event: `aco/${name}/#${id}/${loop.name}` }), error)
  }

  /** Pending waits and all later ones fail, so that `finally` blocks run; whoever waits elsewhere is left to it. */
  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const waiting = [...this.live].filter(({ state }) => state !== 'running')
    const reason = closed()
    for (const co of this.live) co.stop(reason)
    for (let turn = 0; turn < LAST_TURNS && waiting.some(({ state }) => state !== 'ended'); turn++) {
      await new Promise(setImmediate)
    }
    this.live.clear()
  }
}

const runtimes = new WeakMap<Core, Runtime>()

function closed(): HeddleError {
  return new HeddleError('ECANCELED', 'the eventer is closed')
}
