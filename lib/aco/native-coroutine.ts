import type { AcoEngine } from '../backend/aco'
import { HeddleError } from '../errors'
import type { Loop } from '../eventer/loop'
import type { CoroutineInfo } from './coroutine'
import { Outcome } from './outcome'
import type { CoroutineState } from './wait-point'

/**
 * A coroutine of a native procedure, as JavaScript sees it. It runs on the thread of its loop, which is this isolate's;
 * no JavaScript runs inside of it. Made by `aco.startNative`.
 */
export class NativeCoroutine {
  /** Of its loop's native coroutines. */
  readonly id: number
  /** Of the procedure. */
  readonly name: string
  readonly loop: Loop
  readonly #engine: AcoEngine
  readonly #outcome = new Outcome()
  #stop: { readonly reason: unknown } | undefined
  #ended = false
  #unfollow: (() => void) | undefined
  /** @internal What it has left behind, for which its end is an error. */
  leak: HeddleError | undefined

  /** @internal See `aco.startNative`. */
  constructor(loop: Loop, engine: AcoEngine, id: number, name: string) {
    this.loop = loop
    this.#engine = engine
    this.id = id
    this.name = name
  }

  /** What it does now. (AC-33) */
  get state(): CoroutineState {
    return this.info.state
  }

  /** Milliseconds since the start; 0 after the end. */
  get age(): number {
    return this.info.age
  }

  /** Bytes of stack in use at its last wait, which is what is put aside while others run; 0 after the end. (AC-05) */
  get stackBytes(): number {
    return this.info.stackBytes
  }

  /** @internal */
  get info(): CoroutineInfo {
    const found = this.#engine.describe(this.id)
    if (typeof found !== 'number') return infoOf(found, this.loop)
    return {
      id: this.id,
      name: this.name,
      state: 'ended',
      age: 0,
      stackBytes: 0,
      native: true,
      loop: this.loop.name,
    }
  }

  /**
   * Resolves when it has ended. Rejects with ERR_ACO_STACK when it needed more stack than it may have, with the reason
   * when it was cancelled before, with ERR_SMR_SECTION_LEAK when it ended inside a section. Asking for it takes over its
   * errors; those nobody asks for are reported as the errors of event callbacks are.
   */
  get done(): Promise<void> {
    return this.#outcome.promise as Promise<void>
  }

  /**
   * Its pending wait and all later ones fail with ECANCELED, so that it can only clean up and exit; `done` rejects with
   * the reason then. Nothing happens after its end. (AC-32)
   */
  cancel(reason: unknown = canceled(this.name)): void {
    if (this.#ended || this.#stop !== undefined) return
    if (this.#engine.cancel(this.id) >= 0) this.#stop = { reason }
  }

  /** @internal Cancels it when the signal is aborted. */
  follow(signal: AbortSignal): void {
    if (signal.aborted) {
      this.cancel(signal.reason)
      return
    }
    const aborted = (): void => this.cancel(signal.reason)
    signal.addEventListener('abort', aborted)
    this.#unfollow = () => signal.removeEventListener('abort', aborted)
  }

  /** @internal See `aco.unpark`. */
  unpark(value: bigint): boolean {
    return !this.#ended && this.#engine.unpark(this.id, value) >= 0
  }

  /** @internal It is over; `report` takes an error that nobody has asked for. */
  end(error: unknown, report: (error: unknown) => void): void {
    this.#ended = true
    this.#unfollow?.()
    const failure = error ?? this.leak
    if (failure !== undefined) {
      if (!this.#outcome.reject(failure)) report(failure)
    } else if (this.#stop !== undefined) {
      this.#outcome.reject(this.#stop.reason)
    } else {
      this.#outcome.resolve(undefined)
    }
  }
}

/** @internal */
export function infoOf(
  task: { id: number; name: string; state: string; ageMs: number; stackBytes: number },
  loop: Loop,
): CoroutineInfo {
  const { id, name, ageMs, stackBytes } = task
  return {
    id,
    name,
    state: task.state as CoroutineState,
    age: ageMs,
    stackBytes,
    native: true,
    loop: loop.name,
  }
}

function canceled(name: string): HeddleError {
  return new HeddleError('ECANCELED', `${name} is cancelled`)
}
