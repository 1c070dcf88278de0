import type { ModuleError } from './module-error'
import type { LogLevel } from './log-level'

/** What Modules tells, by the names of its events. */
export interface ModuleReports {
  /** An option was used whose module no stanza names: it was loaded with an empty one. (MO-05) */
  'implicit-load': { readonly module: string; readonly option: string }
  /** The stanza of a singleton is gone; the module stays. (MO-15) */
  kept: { readonly module: string }
  /** What failed without failing the configuration: a provider with an alternative, `destroy`, a bad manifest. */
  failure: ModuleError
  /** A module said something that its `debug_level` lets through. */
  log: { readonly module: string; readonly level: LogLevel; readonly text: string }
}

type Listener<K extends keyof ModuleReports> = (report: ModuleReports[K]) => void

/** Listeners by event. One that throws is reported as Node reports any uncaught exception, and disturbs nobody. */
export class Reports {
  readonly #listeners = new Map<keyof ModuleReports, Set<Listener<never>>>()

  on<K extends keyof ModuleReports>(event: K, listener: Listener<K>): void {
    const listeners = this.#listeners.get(event) ?? new Set()
    listeners.add(listener as Listener<never>)
    this.#listeners.set(event, listeners)
  }

  off<K extends keyof ModuleReports>(event: K, listener: Listener<K>): void {
    this.#listeners.get(event)?.delete(listener as Listener<never>)
  }

  /** Tells all listeners; `fallback` is run where there is none. */
  tell<K extends keyof ModuleReports>(event: K, report: ModuleReports[K], fallback?: () => void): void {
    const listeners = [...(this.#listeners.get(event) ?? [])] as Listener<K>[]
    if (listeners.length === 0) fallback?.()
    for (const listener of listeners) {
      try {
        listener(report)
      } catch (error) {
        setImmediate(() => {
          throw error
        })
      }
    }
  }
}

/** A failure nobody listens for is a warning of the process. */
export function warnOf(error: ModuleError): void {
  process.emitWarning(error.message, { type: 'HeddleWarning', code: error.code })
}
