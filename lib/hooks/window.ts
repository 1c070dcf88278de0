import { AsyncLocalStorage } from 'node:async_hooks'
import { threadId } from 'node:worker_threads'
import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { HookRegistry } from './registry'
import { isThenable, promiseOf } from './thenable'

/** The time in which a module may register its providers: one call of its `confSetup` or `extInit`. (HK-08) */
export interface HookWindow {
  /** Who registers. */
  readonly module: string
  readonly phase: 'confSetup' | 'extInit'
  /** Singletons register for the life of the program, in `confSetup`; others for a generation, in `extInit`. */
  readonly singleton: boolean
  /** The first `extInit` at start: nothing may be registered in it. */
  readonly privileged: boolean
  /** Of the generation that is being set up. */
  readonly registry: HookRegistry
  /** The module's own object, the closure that its providers should have. (HK-09) */
  readonly infrastructure: object
  /** The thread that modules are set up on. Default: that of the Hooks. */
  readonly thread?: number | undefined
}

interface Opened {
  readonly window: HookWindow
  isOpen: boolean
}

/**
 * Which window the code that runs is in, also after an `await`. Code that a window left behind, a timer for instance, is in
 * none: it closes when its function has returned, or its promise is settled.
 */
export class Windows {
  readonly #storage = new AsyncLocalStorage<Opened>()
  #open = 0

  constructor(
    readonly needed: boolean,
    readonly thread: number,
  ) {}

  during<T>(window: HookWindow, run: () => T): T {
    const opened = { window, isOpen: true }
    const close = (): void => {
      opened.isOpen = false
      // Without it each promise of the program would go on paying for the storage.
      if (--this.#open === 0) this.#storage.disable()
    }
    this.#open++
    let promise: Promise<unknown> | undefined
    let result: T
    try {
      result = this.#storage.run(opened, () => {
        const given = run()
        // Here, since its `then` is still the phase's.
        if (isThenable(given)) promise = promiseOf(given)
        return given
      })
    } catch (error) {
      close()
      throw error
    }
    if (promise !== undefined) return promise.finally(close) as T
    close()
    return result
  }

  /** The window of whoever runs, if there is one. */
  get current(): HookWindow | undefined {
    if (this.#open === 0) return undefined
    const opened = this.#storage.getStore()
    return opened?.isOpen ? opened.window : undefined
  }

  /** The window of that module, or of anybody. A module that runs in the window of another, because that has called it, is in none. */
  of(module: string | undefined): HookWindow | undefined {
    const { current } = this
    return module === undefined || module === current?.module ? current : undefined
  }

  /**
   * The window that a registration belongs to, undefined for the program's own; `by` is who registers, where that is known, `what`
   * is registered, or registered with. ERR_WRONG_THREAD, ERR_PHASE.
   */
  admit(what: string, by?: string): HookWindow | undefined {
    this.checkThread(what, this.current?.thread)
    const window = this.of(by)
    if (window === undefined && this.needed) throw outside(what)
    if (window !== undefined) checkPhase(what, window)
    return window
  }

  /** ERR_WRONG_THREAD. */
  checkThread(what: string, thread = this.thread): void {
    if (threadId === thread) return
    const message = `${what}: providers are registered on thread ${thread}, this is ${threadId}`
    throw new HeddleError('ERR_WRONG_THREAD', message)
  }
}

/** What `during` was given. ERR_INVALID_ARGUMENT. */
export function checkedWindow(given: HookWindow): HookWindow {
  if (typeof given !== 'object' || given === null) throw invalid('during takes', 'a window', given)
  const { module, phase, singleton, privileged, registry, infrastructure, thread } = given
  if (typeof module !== 'string') throw invalid('module', 'is the name of a module', module)
  if (phase !== 'confSetup' && phase !== 'extInit')
    throw invalid('phase', "is 'confSetup' or 'extInit'", phase)
  for (const [name, value] of Object.entries({ singleton, privileged }))
    if (typeof value !== 'boolean') throw invalid(name, 'is true or false', value)
  if ((typeof infrastructure !== 'object' && typeof infrastructure !== 'function') || infrastructure === null)
    throw invalid('infrastructure', 'is the object of the module', infrastructure)
  if (thread !== undefined && !Number.isInteger(thread)) throw invalid('thread', 'is a threadId', thread)
  return { module, phase, singleton, privileged, registry, infrastructure, thread }
}

function outside(what: string): HeddleError {
  return new HeddleError(
    'ERR_PHASE',
    `${what}: providers are registered in confSetup or extInit of the module that does so`,
  )
}

function checkPhase(what: string, { module, phase, singleton, privileged }: HookWindow): void {
  if (singleton && phase === 'confSetup') return
  if (!singleton && phase === 'extInit' && !privileged) return
  const allowed = singleton
    ? 'a singleton registers its providers in confSetup'
    : 'a module that is no singleton registers its providers in extInit, but not in the privileged one'
  throw new HeddleError('ERR_PHASE', `${what}, module ${module}: ${allowed}`)
}
