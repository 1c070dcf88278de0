import type { HookPoint } from './hook-point'
import type { ProviderList } from './provider-list'
import type { Entry } from './provider'

/** Lists of the providers that live as long as the program. */
export type ProcessLists = ReadonlyMap<HookPoint, ProviderList>

/** `pending` until it is activated, `current`, `retired` when another one is, `destroyed` at the end. */
export type RegistryState = 'pending' | 'current' | 'retired' | 'destroyed'

/** A merged list and what it was made from. */
interface Merged {
  readonly list: ProviderList
  readonly process: ProviderList
  readonly own: readonly Entry[] | undefined
  readonly removals: number
}

/**
 * The providers of one generation of the configuration: those that live as long as the program, shared with all others, and
 * its own. `hooks.fork()` makes one for a configuration that is being set up, `hooks.activate()` makes it the one that calls
 * use, `destroy()` ends it. It costs what was registered in it, nothing for hooks that nobody touched. (HK-10)
 *
 * Asynchronous calls are counted: `idle()` says when nothing runs in it any more. Thread rule: the isolate of its Hooks.
 */
export class HookRegistry implements Disposable {
  /** @internal What was registered for this generation, and what becomes the program's when it is activated. */
  readonly own = new Map<HookPoint, readonly Entry[]>()
  /** @internal */
  readonly merged = new Map<HookPoint, Merged>()
  /** @internal Once it is retired: the program's providers as they were. */
  frozen: ProcessLists | undefined
  /** @internal */
  stateNow: RegistryState = 'pending'
  readonly #end: (registry: HookRegistry) => void
  #calls = 0
  #waiting: (() => void)[] = []
  #settling: ((isActive: boolean) => void)[] = []

  /** @internal Made by `hooks.fork()`. */
  constructor(
    /** @internal */
    readonly roster: object,
    end: (registry: HookRegistry) => void,
  ) {
    this.#end = end
  }

  get state(): RegistryState {
    return this.stateNow
  }

  /** Asynchronous calls in progress. */
  get calls(): number {
    return this.#calls
  }

  /** Resolves when no asynchronous call runs in it, at once where none does. */
  idle(): Promise<void> {
    if (this.#calls === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /**
   * Ends it: its own providers go, a call for it fails with ERR_RELEASED. One that was not activated takes the hooks along that
   * were declared for it. The current one stays, without its own providers. A second time does nothing.
   */
  destroy(): void {
    if (this.stateNow !== 'destroyed') this.#end(this)
  }

  [Symbol.dispose](): void {
    this.destroy()
  }

  /** @internal Calls when it has become the current one, or has ended without: once, at once where that is so. */
  whenSettled(listener: (isActive: boolean) => void): void {
    if (this.stateNow === 'pending') this.#settling.push(listener)
    else listener(this.stateNow === 'current')
  }

  /** @internal */
  settle(): void {
    const settling = this.#settling
    this.#settling = []
    for (const listener of settling) listener(this.stateNow === 'current')
  }

  /** @internal A call begins. */
  enter(): void {
    this.#calls++
  }

  /** @internal A call ended. */
  leave(): void {
    this.#calls--
    if (this.#calls > 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
