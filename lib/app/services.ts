import { HeddleError } from '../errors'
import type { Loader } from './loader'
import { identityOf, type Service, type ServiceSettings, type Warn } from './service'

/** What a pending generation changes among the services: exactly one of both is called. */
export interface ServiceChange {
  /** Cannot fail: what is new listens already, what has gone drains from here on. */
  commit(): void
  abort(): Promise<void>
}

/** How services of one kind are opened. */
export type Open<S extends ServiceSettings, T extends Service<S>> = (settings: S) => Promise<T>

/**
 * The services of one kind, and how they follow the configuration: those that are new are opened before the generation is
 * there, and closed again if it does not come to be; what is served by those that stay is exchanged at the swap; those that
 * have gone accept no more then, and answer what they have. So a reload loses no request, and a port that is taken fails the
 * reload, not the process. Belongs to the isolate of the application; changes come one after the other.
 */
export class Services<S extends ServiceSettings, T extends Service<S>> {
  readonly #loader: Loader
  readonly #open: Open<S, T>
  readonly #failed: (error: unknown) => void
  #services = new Map<string, T>()
  readonly #draining = new Set<Promise<void>>()

  /** `failed` is told of services that could not be closed. */
  constructor(loader: Loader, open: Open<S, T>, failed: (error: unknown) => void) {
    this.#loader = loader
    this.#open = open
    this.#failed = failed
  }

  list(): T[] {
    return [...this.#services.values()]
  }

  get(name: string): T | undefined {
    return this.list().find((service) => service.settings.name === name)
  }

  /**
   * Fails with what the first service that fails fails with, ERR_CLOSED when the application ends meanwhile; everything is as
   * it was then. What stays as it is, although settings say otherwise, is warned of.
   */
  async prepare(wanted: readonly S[], drainMs: number, warn: Warn): Promise<ServiceChange> {
    const next = new Map<string, T>()
    const opened: T[] = []
    const changes: (() => void)[] = []
    const abort = async (): Promise<void> =>
      void (await Promise.all(opened.map((service) => service.close(1).catch(this.#failed))))
    try {
      for (const settings of wanted) {
        const id = identityOf(settings)
        if (next.has(id)) throw twice(settings, next.get(id) as T)
        const known = this.#services.get(id)
        if (known !== undefined) changes.push(await known.change(settings, warn))
        else opened.push(await this.#open(settings))
        next.set(id, known ?? (opened.at(-1) as T))
        this.#loader.checkOpen()
      }
    } catch (error) {
      await abort()
      throw error
    }
    return { commit: () => this.#commit(next, changes, drainMs), abort }
  }

  /** Closes all, and waits for those as well that an earlier generation has left. */
  async close(drainMs: number): Promise<void> {
    for (const service of this.#services.values()) this.#drain(service, drainMs)
    this.#services = new Map()
    await Promise.all(this.#draining)
  }

  #commit(next: Map<string, T>, changes: readonly (() => void)[], drainMs: number): void {
    const before = this.#services
    this.#services = next
    for (const change of changes) change()
    for (const [id, service] of before) if (!next.has(id)) this.#drain(service, drainMs)
  }

  #drain(service: T, drainMs: number): void {
    const closed = service
      .close(drainMs)
      .catch(this.#failed)
      .finally(() => this.#draining.delete(closed))
    this.#draining.add(closed)
  }
}

function twice({ place, name }: ServiceSettings, { settings }: Service): HeddleError {
  return new HeddleError('EADDRINUSE', `${place}: "${name}" listens where "${settings.name}" does`)
}
