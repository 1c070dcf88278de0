import type { Eventer } from '../eventer'
import type { CoreSlots } from './core-options'
import { Generation, type Readable } from './generation'
import { type HttpSettings, HttpService } from './http-service'
import type { AppHooks } from './app-hooks'
import { type ServiceChange, Services } from './services'
import { type Settings, settingsOf } from './settings'
import { TcpService, type TcpSettings } from './tcp-service'
import { tune } from './tunables'

/** A listener of the application. */
export type AppService = HttpService | TcpService

/** What runs because of the configuration, once there are loops. */
interface Running {
  readonly eventer: Eventer
  readonly http: Services<HttpSettings, HttpService>
  readonly tcp: Services<TcpSettings, TcpService>
}

/**
 * The core's part in each transaction of the configuration: reads what the pending generation says, opens what is new in it,
 * and follows it at the swap. Before `run` it only reads, so that the first generation can be there before there are loops.
 * Belongs to the isolate of the application.
 */
export class Follower {
  readonly #file: string
  readonly #slots: CoreSlots
  readonly #hooks: AppHooks
  readonly #failed: (error: unknown) => void
  #running: Running | undefined
  #pending: { readonly settings: Settings; readonly changes: readonly ServiceChange[] } | undefined
  #settings: Settings | undefined

  constructor(file: string, slots: CoreSlots, hooks: AppHooks, failed: (error: unknown) => void) {
    this.#file = file
    this.#slots = slots
    this.#hooks = hooks
    this.#failed = failed
  }

  /** Of the active generation. */
  get settings(): Settings {
    return this.#settings as Settings
  }

  get services(): AppService[] {
    if (this.#running === undefined) return []
    return [...this.#running.http.list(), ...this.#running.tcp.list()]
  }

  /** Opens what the active generation names. What cannot be opened fails all of it. */
  async run(eventer: Eventer): Promise<void> {
    const hooks = this.#hooks
    const running: Running = {
      eventer,
      http: new Services(eventer, (settings) => HttpService.open(settings, eventer, hooks), this.#failed),
      tcp: new Services(eventer, (settings) => TcpService.open(settings, eventer), this.#failed),
    }
    tune(eventer, this.settings)
    const changes = await prepareAll(running, this.settings)
    for (const change of changes) change.commit()
    this.#running = running
  }

  /** Accepts no more, and answers what there is. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#running = undefined
    const { drainMs } = this.settings
    await Promise.all([running.http.close(drainMs), running.tcp.close(drainMs)])
  }

  async prepare(txn: Readable): Promise<void> {
    const settings = settingsOf(new Generation(txn, this.#file), this.#slots)
    const changes = this.#running === undefined ? [] : await prepareAll(this.#running, settings)
    this.#pending = { settings, changes }
  }

  commit(): void {
    const pending = this.#pending
    if (pending === undefined) return
    this.#pending = undefined
    this.#settings = pending.settings
    for (const change of pending.changes) change.commit()
    if (this.#running !== undefined) tune(this.#running.eventer, pending.settings)
  }

  async abort(): Promise<void> {
    const pending = this.#pending
    this.#pending = undefined
    for (const change of pending?.changes ?? []) await change.abort()
  }
}

/** All or nothing. */
async function prepareAll({ http, tcp }: Running, settings: Settings): Promise<ServiceChange[]> {
  const { drainMs } = settings
  const first = await http.prepare(settings.http, drainMs)
  try {
    return [first, await tcp.prepare(settings.tcp, drainMs)]
  } catch (error) {
    await first.abort()
    throw error
  }
}
