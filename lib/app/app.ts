import type { Config } from '../config'
import type { ControlServer } from '../console'
import type { Control } from '../control'
import { HeddleError } from '../errors'
import { Eventer } from '../eventer'
import type { Hooks } from '../hooks'
import type { Modules } from '../modules'
import { version } from '../version'
import type { AppFindings, AppOptions, AppReload } from './app-options'
import { bannerOf } from './banner'
import { checkConfiguration } from './check'
import { checkedOptions } from './checked-options'
import { openControl } from './control-socket'
import type { AppService } from './follower'
import { makeParts, type Parts } from './parts'
import { at, described } from './place'
import { OtherUser } from './privileges'
import type { Settings } from './settings'
import { summary } from './summary'

/** The application of this isolate, if there is one: the handlers that it loads find it here. */
let running: App | undefined
/** Also while it is put together. */
let isTaken = false

/**
 * An application put together from a configuration: hooks, options, modules, loops, pools, queues, listeners and the control
 * socket. Each reload of the configuration changes it as far as that is possible without a restart.
 *
 * Thread rule: the isolate that started it; one an isolate. Workers of its pools read the same configuration. (CF-02, MO-10)
 */
export class App implements AsyncDisposable {
  /** Resolves when it has stopped, whoever wanted that; never rejects. */
  readonly stopped: Promise<void>
  readonly #parts: Parts
  readonly #log: (line: string) => void
  #eventer: Eventer | undefined
  #server: ControlServer | undefined
  #warnings: readonly string[] = []
  /** Settles when the start is over, however it went. */
  #starting: Promise<unknown> = Promise.resolve()
  #stopping: Promise<void> | undefined
  #hasStopped: () => void = () => {}

  /**
   * Reads the configuration, loads modules, opens what it names; resolves when all of it serves. Where anything fails nothing is
   * left, and the error says where the configuration asked for it: a ConfigError, or the code of what failed (EADDRINUSE, …).
   * ERR_ALREADY_INIT: this isolate has an application, or an eventer; ERR_CLOSED: it was told to stop meanwhile.
   */
  static async start(options: AppOptions): Promise<App> {
    const checked = checkedOptions('App.start', options)
    if (isTaken || Eventer.find() !== undefined)
      throw new HeddleError('ERR_ALREADY_INIT', 'this isolate has an application, or an eventer, already')
    isTaken = true
    const log = careful(checked.log)
    let parts: Parts
    try {
      parts = await makeParts(checked, {
        failed: (error) => log(described(error)),
        onShutdown: () => running?.stop(),
      })
    } catch (error) {
      isTaken = false
      throw error
    }
    const app = new App(parts, log)
    running = app
    await app.#begin(checked)
    return app
  }

  /**
   * Everything that is wrong with a configuration: it is read, modules are loaded and asked to initialise themselves, handlers
   * are loaded. Nothing is opened. Modules are set up for that, as at a start before privileges are dropped, and ended; what is
   * loaded stays loaded, so in a process of its own it leaves the least.
   */
  static async check(options: AppOptions): Promise<AppFindings> {
    return checkConfiguration(checkedOptions('App.check', options))
  }

  /** That of this isolate. ERR_NOT_INIT: there is none. */
  static current(): App {
    if (running === undefined) throw new HeddleError('ERR_NOT_INIT', 'no application runs in this isolate')
    return running
  }

  private constructor(parts: Parts, log: (line: string) => void) {
    this.#parts = parts
    this.#log = log
    this.stopped = new Promise((resolve) => {
      this.#hasStopped = resolve
    })
  }

  /** The configuration it was started from, absolute. */
  get file(): string {
    return this.#parts.file
  }

  get config(): Config {
    return this.#parts.config
  }

  get hooks(): Hooks {
    return this.#parts.hooks
  }

  get modules(): Modules {
    return this.#parts.modules
  }

  /** Commands of the console; register your own here. (CN-05) */
  get control(): Control {
    return this.#parts.control
  }

  /** ERR_NOT_INIT: it has not come that far, or has stopped. */
  get eventer(): Eventer {
    if (this.#eventer === undefined) throw new HeddleError('ERR_NOT_INIT')
    return this.#eventer
  }

  /** Listeners of the active generation, those for HTTP first. */
  get services(): readonly AppService[] {
    return this.#parts.follower.services
  }

  /** The listener of that name. */
  service(name: string): AppService | undefined {
    return this.services.find(({ settings }) => settings.name === name)
  }

  /** What was found at the start and keeps nothing from starting, one line each: names of options that nobody knows, … */
  get warnings(): readonly string[] {
    return this.#warnings
  }

  /** Whether it has been told to stop. */
  get isStopping(): boolean {
    return this.#stopping !== undefined
  }

  /** How long listeners that end wait for what is under way. Milliseconds. */
  get drainMs(): number {
    return this.#parts.follower.settings.drainMs
  }

  /** Where it listens, one line each, for whoever started it. */
  banner(): string[] {
    return bannerOf(this, this.#server)
  }

  /**
   * Reads the configuration again, all of it: what was changed on the console is gone. Rejects with what is wrong, and nothing
   * has changed. (CF-02)
   */
  async reload(): Promise<AppReload> {
    return summary(await this.#parts.config.reload(this.file))
  }

  /** Stops accepting, answers what is under way within `drainMs`, then ends everything. Once; later calls wait for that. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #begin(options: AppOptions): Promise<void> {
    const { signal } = options
    const starting = this.#start(options)
    this.#starting = starting.catch(() => undefined)
    const end = (): void => void this.stop()
    if (signal?.aborted === true) end()
    signal?.addEventListener('abort', end, { once: true })
    void this.stopped.then(() => signal?.removeEventListener('abort', end))
    try {
      await starting
    } catch (error) {
      const failure = this.isStopping ? stopped(error) : error
      await this.stop()
      throw failure
    }
  }

  /** Looks after each step whether the end has come: what was made until then is taken back by whoever ends it. */
  async #start(options: AppOptions): Promise<void> {
    const { config, control, modules, own, follower } = this.#parts
    this.#tell(summary(await config.reload()).warnings)
    this.#checkGoesOn()
    // Before there are workers, which find it when they begin.
    config.share()
    const { control: socket, identity } = follower.settings
    const other = identity && new OtherUser(identity)
    const eventer = await initialised(follower.settings)
    this.#eventer = eventer
    this.#checkGoesOn()
    eventer.start()
    await follower.run(eventer)
    if (socket !== undefined && options.control !== false)
      this.#server = await openControl(control, socket, eventer.loops[0], other)
    this.#checkGoesOn()
    // Read while it may be: the folder of the package may be closed to that user.
    version()
    if (other !== undefined) this.#become(other)
    await modules.postInit()
    this.#checkGoesOn()
    config.markStarted()
    own.started(config.generation)
    this.#checkGoesOn()
  }

  #become(other: OtherUser): void {
    for (const { address } of this.services) if (address.family === 'unix') other.own(address.address)
    other.become()
  }

  #checkGoesOn(): void {
    if (this.isStopping) throw stopped(undefined)
  }

  #tell(warnings: readonly string[]): void {
    this.#warnings = warnings
    for (const warning of warnings) this.#log(warning)
  }

  async #stop(): Promise<void> {
    const { config, modules, follower } = this.#parts
    for (const step of [
      () => follower.stop(),
      () => this.#starting,
      () => this.#server?.close(),
      () => modules.close(),
      () => this.#eventer?.[Symbol.asyncDispose](),
      () => config.end(),
    ])
      await this.#attempt(step)
    this.#eventer = undefined
    running = undefined
    isTaken = false
    this.#hasStopped()
  }

  async #attempt(step: () => unknown): Promise<void> {
    try {
      await step()
    } catch (error) {
      this.#log(described(error))
    }
  }
}

function initialised({ eventer: { options, place }, pools }: Settings): Promise<Eventer> {
  const named = Object.fromEntries(pools.map((pool) => [pool.name, pool.options]))
  return at(place, Eventer.init({ ...options, pools: named }))
}

function stopped(cause: unknown): HeddleError {
  return new HeddleError('ERR_CLOSED', 'the application was stopped while it started', { cause })
}

/** A log that cannot fail: it is called where nothing may be left undone. */
function careful(log: (line: string) => void = toStderr): (line: string) => void {
  return (line) => {
    try {
      log(line)
    } catch (error) {
      toStderr(`${line} (the log failed: ${described(error)})`)
    }
  }
}

function toStderr(line: string): void {
  process.stderr.write(`heddle: ${line}\n`)
}
