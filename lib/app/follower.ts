import type { Transaction } from '../config'
import type { HeddleError } from '../errors'
import type { Eventer } from '../eventer'
import type { AppHooks } from './app-hooks'
import type { CoreSlots } from './core-options'
import { Generation, type Readable } from './generation'
import { type HttpSettings, HttpService } from './http-service'
import { Loader } from './loader'
import { type ServiceChange, Services } from './services'
import { described, placed } from './place'
import { Problems } from './problems'
import type { Warn } from './service'
import { type Settings, settingsOf } from './settings'
import { kindsOf, warnOfStart } from './started'
import { type Readers, strangersOf } from './strangers'
import { TcpService, type TcpSettings } from './tcp-service'
import { Tunables } from './tunables'

/** A listener of the application. */
export type AppService = HttpService | TcpService

/** What runs because of the configuration, once there are loops. */
interface Running {
  readonly tunables: Tunables
  readonly http: Services<HttpSettings, HttpService>
  readonly tcp: Services<TcpSettings, TcpService>
}

/**
 * The core's part in each transaction of the configuration: reads what the pending generation says, opens what is new in it,
 * and follows it at the swap. Before `run` it only reads, so that the first generation can be there before there are loops;
 * after `stop` nothing is opened any more, and what was being opened is closed. Belongs to the isolate of the application.
 */
export class Follower {
  readonly #file: string
  readonly #slots: CoreSlots
  readonly #hooks: AppHooks
  readonly #readers: Readers
  readonly #failed: (error: unknown) => void
  readonly #loader = new Loader()
  #running: Running | undefined
  /** What is being opened, or closed again because it is not to be. Settles with that; never rejects. */
  #opening: Promise<unknown> = Promise.resolve()
  #pending: { readonly settings: Settings; readonly changes: readonly ServiceChange[] } | undefined
  #settings: Settings | undefined
  /** With what the process has started. */
  #started: Settings | undefined
  /** Stanzas of the pending generation that nobody reads. */
  #strangers: readonly HeddleError[] = []

  constructor(
    file: string,
    slots: CoreSlots,
    hooks: AppHooks,
    readers: Readers,
    failed: (error: unknown) => void,
  ) {
    this.#readers = readers
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

  /** Opens what the active generation names. What cannot be opened fails all of it. ERR_CLOSED: it was stopped meanwhile. */
  async run(eventer: Eventer): Promise<void> {
    const [hooks, loader] = [this.#hooks, this.#loader]
    const ground = { eventer, loader }
    const running: Running = {
      tunables: new Tunables(eventer),
      http: new Services(loader, (settings) => HttpService.open(settings, ground, hooks), this.#failed),
      tcp: new Services(loader, (settings) => TcpService.open(settings, ground), this.#failed),
    }
    const problems = running.tunables.follow(this.settings)
    if (problems.length > 0) throw new Problems(problems.map(([{ place }, error]) => placed(place, error)))
    await this.#open(running, this.settings, () => {})
    this.#loader.checkOpen()
    this.#running = running
    this.#started = this.settings
    this.#follow()
  }

  /** Accepts no more, and answers what there is. What a reload is opening meanwhile is closed as well. */
  async stop(): Promise<void> {
    this.#loader.close()
    const running = this.#running
    this.#running = undefined
    const drained =
      running === undefined
        ? []
        : [running.http.close(this.settings.drainMs), running.tcp.close(this.settings.drainMs)]
    // Prepared, but not active yet: it never will be.
    await Promise.all([...drained, this.abort(), this.#opening])
  }

  /** Modules have been loaded for it, and have declared their scopes. */
  load({ root }: Pick<Readable, 'root'>): void {
    this.#strangers = strangersOf(root, this.#readers)
  }

  /** What `load` has found. */
  get strangers(): readonly HeddleError[] {
    return this.#strangers
  }

  async prepare(txn: Readable & Pick<Transaction, 'warn'>): Promise<void> {
    this.#loader.checkOpen()
    const started = this.#started
    const from = new Generation(txn, this.#file)
    const settings = settingsOf(from, this.#slots, started && kindsOf(started))
    const problems = [...this.#strangers, ...from.problems]
    if (problems.length > 0) throw new Problems(problems)
    if (started !== undefined) warnOfStart(started, settings, warnOf(txn))
    if (this.#running === undefined) this.#pending = { settings, changes: [] }
    else await this.#open(this.#running, settings, warnOf(txn))
  }

  /** What cannot be done any more is told to whoever commits. */
  commit(txn: Pick<Transaction, 'warn'>): void {
    const pending = this.#follow()
    if (pending === undefined) return
    const warn = warnOf(txn)
    for (const [spot, error] of this.#running?.tunables.follow(pending) ?? []) warn(spot, described(error))
  }

  async abort(): Promise<void> {
    const pending = this.#pending
    this.#pending = undefined
    for (const change of pending?.changes ?? []) await change.abort()
  }

  /** The pending generation is there. */
  #follow(): Settings | undefined {
    const pending = this.#pending
    this.#pending = undefined
    if (pending === undefined) return undefined
    this.#settings = pending.settings
    for (const change of pending.changes) change.commit()
    return pending.settings
  }

  #open(running: Running, settings: Settings, warn: Warn): Promise<void> {
    const opening = this.#prepareAll(running, settings, warn)
    this.#opening = opening.catch(() => undefined)
    return opening
  }

  async #prepareAll(running: Running, settings: Settings, warn: Warn): Promise<void> {
    const changes = await prepareAll(running, settings, warn)
    // Whoever stops it finds it either on its way here or pending.
    this.#pending = { settings, changes }
    if (!this.#loader.isClosed) return
    await this.abort()
    this.#loader.checkOpen()
  }
}

/** To whoever commits, if that succeeds. */
function warnOf(txn: Pick<Transaction, 'warn'>): Warn {
  return ({ path, line }, message) => txn.warn({ option: path, place: line || undefined, message })
}

/** All or nothing. */
async function prepareAll({ http, tcp }: Running, settings: Settings, warn: Warn): Promise<ServiceChange[]> {
  const { drainMs } = settings
  const first = await http.prepare(settings.http, drainMs, warn)
  try {
    return [first, await tcp.prepare(settings.tcp, drainMs, warn)]
  } catch (error) {
    await first.abort()
    throw error
  }
}
