import { getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads'
import { checkOptions, flag, invalid } from '../arguments'
import { Declarations } from './declarations'
import { ModuleHooks } from './module-hooks'
import type { HookRegistry } from './registry'
import type { HookErrorHandler } from './report'
import { Roster } from './roster'
import { Scripts } from './scripts'
import { checkedWindow, type HookWindow, Windows } from './window'

/** Settings of a Hooks. */
export interface HooksOptions {
  /**
   * Providers may be registered while a module is set up only (`during`), on one thread. Default false: at any time, which suits
   * a program without modules. (HK-08)
   */
  readonly phases?: boolean | undefined
  /** Another closure than the module's object is refused for modules that are no singletons; default: a warning. (HK-09) */
  readonly strictClosure?: boolean | undefined
  /** Takes the errors of providers of void hooks. Without it they are uncaught exceptions. (HK-20) */
  readonly onError?: HookErrorHandler | undefined
  /**
   * The `threadId` on which providers are registered. Default: this one; with `phases` that of the isolate which first made
   * Hooks with phases, for the workers it starts from then on.
   */
  readonly thread?: number | undefined
}

const KNOWN: ReadonlySet<string> = new Set<keyof HooksOptions>([
  'phases',
  'strictClosure',
  'onError',
  'thread',
])
const THREAD = 'heddle.hooks.thread'

/**
 * The hooks of a program: what may be provided, and who provides it, in the current generation of the configuration and in those
 * before it. (HK)
 *
 * Thread rule: the isolate that made it. Hooks of different isolates know nothing of each other.
 */
export class Hooks extends ModuleHooks {
  /** Providers that are plain objects. (HK-15) */
  readonly scripts: Scripts
  readonly #roster: Roster
  readonly #declarations: Declarations
  /** As many as there are names of modules. */
  readonly #views = new Map<string, ModuleHooks>()

  /** ERR_INVALID_ARGUMENT. */
  constructor(options: HooksOptions = {}) {
    checkOptions('hooks', options, KNOWN, '{ phases: true }')
    const { onError, thread } = options
    const phases = flag('phases', options.phases, false)
    if (thread !== undefined && !Number.isInteger(thread)) throw invalid('thread', 'is a threadId', thread)
    const windows = new Windows(phases, thread ?? (phases ? registeringThread() : threadId))
    const roster = new Roster(windows, flag('strictClosure', options.strictClosure, false))
    const declarations = new Declarations(roster)
    super(roster, declarations)
    this.#roster = roster
    this.#declarations = declarations
    this.scripts = new Scripts(roster)
    declarations.onDeclared = (point) => this.scripts.declared(point)
    this.onError = onError
  }

  /** Takes the errors of providers of void hooks; without it they are uncaught exceptions. ERR_INVALID_ARGUMENT. (HK-20) */
  get onError(): HookErrorHandler | undefined {
    return this.#declarations.onError
  }

  set onError(handler: HookErrorHandler | undefined) {
    if (handler !== undefined && typeof handler !== 'function')
      throw invalid('onError', 'is a function', handler)
    this.#declarations.onError = handler
  }

  /** The registry that calls use. (HK-10) */
  get current(): HookRegistry {
    return this.#roster.current
  }

  /** A registry for a generation that is being set up: it begins with the providers that live as long as the program. (HK-10) */
  fork(): HookRegistry {
    return this.#roster.fork()
  }

  /**
   * Makes a registry the current one, at once and for all hooks. Calls in progress go on with what they began with; the registry
   * before it serves `callTxn` until it is destroyed. What singletons registered in it is the program's from now on.
   * ERR_RELEASED, ERR_PHASE for one that has been current before, ERR_INVALID_ARGUMENT. (HK-10)
   */
  activate(registry: HookRegistry): void {
    this.#roster.activate(registry)
  }

  /**
   * Runs a phase of a module: in it, and in what it awaits, providers may be registered, and belong to that module. The window
   * closes when the function has returned, or what it promises is settled. Returns what it returns, a promise of the same for
   * anything that has a `then`. ERR_INVALID_ARGUMENT, ERR_RELEASED. (HK-08)
   */
  during<T>(window: HookWindow, run: () => T): T {
    const checked = checkedWindow(window)
    this.#roster.checkRegistry(checked.registry)
    if (typeof run !== 'function') throw invalid('during takes', 'a function', run)
    return this.#roster.windows.during(checked, run)
  }

  /**
   * Takes back what a module did for a generation that is still being set up: its providers go, and the hooks that it was the
   * first to declare. For a module that failed where another takes its place. ERR_PHASE, ERR_RELEASED,
   * ERR_INVALID_ARGUMENT. (HK-10)
   */
  forget(registry: HookRegistry, module: string): void {
    this.#roster.forget(registry, module)
  }

  /** Takes out what a singleton registered for the life of the program: it goes after all. @internal */
  drop(module: string): void {
    this.#roster.drop(module)
  }

  /** The hooks as a module sees them, one object a name. ERR_INVALID_ARGUMENT. (HK-06) */
  as(module: string): ModuleHooks {
    if (typeof module !== 'string' || module === '') throw invalid('as takes', 'the name of a module', module)
    let view = this.#views.get(module)
    if (view === undefined) {
      view = new ModuleHooks(this.#roster, this.#declarations, module)
      this.#views.set(module, view)
    }
    return view
  }
}

/** The thread of the first Hooks with phases, which the workers that it starts inherit. */
function registeringThread(): number {
  const known = getEnvironmentData(THREAD)
  if (typeof known === 'number') return known
  setEnvironmentData(THREAD, threadId)
  return threadId
}
