import { fileURLToPath } from 'node:url'
import { HeddleError } from '../errors'
import { type LocatedTarget, moduleUrl } from '../jobq/targets'
import { described, placed } from './place'

/** As long as a module may take to be set up. */
const LOAD_MS = 30_000

/** A fresh address each time one is needed: Node keeps the failure of a module under its address. */
let freshness = 0

/**
 * Loads the exports that a configuration names, for one application until that ends. A module is loaded once; one that failed
 * is read again the next time, since its file may have been mended. Belongs to the isolate whose functions it loads.
 */
export class Loader {
  /** Addresses other than their own, of modules that have failed. */
  readonly #addresses = new Map<string, string>()
  readonly #waiting = new Set<(error: HeddleError) => void>()
  readonly #timeout: number
  #isClosed = false

  /** Milliseconds that a module may take. */
  constructor(timeout = LOAD_MS) {
    this.#timeout = timeout
  }

  /** From here on nothing is loaded, and who waits for something waits no longer: ERR_CLOSED. */
  close(): void {
    this.#isClosed = true
    for (const give of [...this.#waiting]) give(closed())
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** ERR_CLOSED: the application ends. */
  checkOpen(): void {
    if (this.#isClosed) throw closed()
  }

  /**
   * What is exported under that name. A module that does not come to an end while it is loaded must not keep reloads from
   * theirs: ETIME. ERR_INVALID_ARGUMENT: no such export; ERR_CLOSED; else what the module fails with, behind its name.
   */
  async load({ module, export: name }: LocatedTarget): Promise<unknown> {
    const exported = (await this.#module(moduleUrl(module)))[name]
    if (exported !== undefined) return exported
    throw new HeddleError('ERR_INVALID_ARGUMENT', `${name} of ${module} is not exported`)
  }

  /** The same, where it must be a function. ERR_INVALID_ARGUMENT. */
  async loadFunction<F>(target: LocatedTarget): Promise<F> {
    const found = await this.load(target)
    if (typeof found === 'function') return found as F
    throw new HeddleError('ERR_INVALID_ARGUMENT', `${target.export} of ${target.module} is no function`)
  }

  async #module(url: string): Promise<Record<string, unknown>> {
    this.checkOpen()
    try {
      return await this.#unlessLate(url, import(this.#addresses.get(url) ?? url))
    } catch (error) {
      this.checkOpen()
      if (url.startsWith('file:') && !isLate(error)) this.#addresses.set(url, freshAddress(url))
      throw named(url, error)
    }
  }

  async #unlessLate<T>(url: string, loading: Promise<T>): Promise<T> {
    let giveUp: (error: HeddleError) => void = () => {}
    const given = new Promise<never>((_, reject) => {
      giveUp = reject
    })
    const timer = setTimeout(() => {
      giveUp(new HeddleError('ETIME', `${url} was not loaded within ${this.#timeout} ms`))
    }, this.#timeout)
    this.#waiting.add(giveUp)
    try {
      return await Promise.race([loading, given])
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(giveUp)
    }
  }
}

function closed(): HeddleError {
  return new HeddleError('ERR_CLOSED', 'the application ends')
}

function isLate(error: unknown): boolean {
  return error instanceof HeddleError && error.code === 'ETIME'
}

function freshAddress(url: string): string {
  const fresh = new URL(url)
  freshness += 1
  fresh.searchParams.set('heddle', String(freshness))
  return fresh.href
}

/** What Node says of a syntax error, or the module itself throws, does not say in which module. */
function named(url: string, error: unknown): HeddleError {
  const name = url.startsWith('file:') ? fileURLToPath(url) : url
  return placed(described(error).includes(name) || isLate(error) ? '' : name, error)
}
