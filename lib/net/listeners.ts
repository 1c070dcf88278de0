import { EventEmitter } from 'node:events'
import { HeddleError } from '../errors'
import { type AcoListenerFunction, acoHandlers } from './aco-listener'
import { checkPort } from './address'
import type { Connection, ConnectionHandlers } from './connection'
import { type DelegateOptions, Delegates } from './delegates'
import { type CloseOptions, Listener } from './listener'
import { checkNativeService, type NativeService } from './native-socket'
import type { ListenOptions, PortHolder } from './options'

/** The backlog of configured listeners where nothing else is said. (LS-03) */
const CONFIGURED_BACKLOG = 5

/** A listener as configuration describes it. (LS-01, LS-03) */
export interface ListenerConfig extends Omit<ListenOptions, 'loop'> {
  /** Name of registered callbacks. */
  readonly type: string
  /** Leave this listener out. */
  readonly skip?: boolean
  /** `NAME`: only if the variable is set; `NAME=value`: only if it has this value; `!NAME`: only if it is not set. */
  readonly requireEnv?: string
  /** Spread connections over the loops of `fanoutPool`, by default those of the default pool. (LS-04) */
  readonly fanout?: boolean
  readonly fanoutPool?: string
  readonly acceptThread?: boolean
  /** Needs TLS. */
  readonly tls?: unknown
}

/** What came of a list of configured listeners. */
export interface ListenAllResult {
  readonly listeners: Listener[]
  readonly skipped: ListenerConfig[]
  readonly errors: { readonly config: ListenerConfig; readonly error: Error }[]
}

export interface ListenersEvents {
  /** Every accepted connection: its descriptor and the loop that watches it. (LS-11) */
  connection: [{ readonly fd: number; readonly owner: PortHolder; readonly connection: Connection }]
  /** A listener could not start, or could not accept. Needs no listener. */
  error: [Error]
}

/** Named callbacks, and the listeners that use them. (LS-01) */
export class Listeners extends EventEmitter<ListenersEvents> {
  readonly #loop: PortHolder
  readonly #types = new Map<string, ConnectionHandlers>()
  readonly #delegates = new Map<string, Delegates>()
  readonly #native = new Map<string, NativeService>()
  readonly #open = new Set<Listener>()

  constructor(loop: PortHolder) {
    super()
    this.#loop = loop
  }

  /** ERR_NAME_TAKEN if the name has callbacks already. */
  register(type: string, handlers: ConnectionHandlers): void {
    if (this.#types.has(type) || this.#native.has(type)) throw taken(type)
    this.#types.set(type, handlers)
  }

  /**
   * Under this name each connection starts a coroutine that runs `fn` with the adopted connection; where `fn` returns
   * without closing it, it is closed and freed, with a warning. An error destroys the connection and is reported, unless
   * it is a failure of the connection itself. ERR_NAME_TAKEN. (AC-28, LS-07)
   */
  registerAco(name: string, fn: AcoListenerFunction | NativeService): void {
    if (typeof fn === 'function') {
      this.register(name, acoHandlers(this.#loop, name, fn))
      return
    }
    checkNativeService(this.#loop, fn)
    if (this.#types.has(name) || this.#native.has(name)) throw taken(name)
    this.#native.set(name, { ...fn })
  }

  /**
   * Under the type `callback`, connections that begin with the four bytes of `code` go to these handlers. The first
   * use of a type makes it one that dispatches. (LS-06)
   */
  delegate(callback: string, code: number, handlers: ConnectionHandlers, options?: DelegateOptions): void {
    let delegates = this.#delegates.get(callback)
    if (delegates === undefined) {
      delegates = new Delegates()
      this.register(callback, delegates.handlers)
      this.#delegates.set(callback, delegates)
    }
    delegates.add(code, handlers, options)
  }

  /** Starts one listener. ENOENT if its type is not registered. Port 0 lets the system choose. */
  async listen(config: ListenerConfig): Promise<Listener> {
    const listener = await this.#start(config)
    listener.on('connection', (connection, owner) => this.#accepted(connection, owner))
    listener.on('error', (error) => this.#report(error))
    listener.once('close', () => this.#open.delete(listener))
    this.#open.add(listener)
    return listener
  }

  /**
   * Starts every listener of a configuration. One that cannot start is reported and the others start all the same.
   * A TCP port must be named: 0 is refused here. (LS-01, LS-02)
   */
  async listenAll(configs: readonly ListenerConfig[]): Promise<ListenAllResult> {
    const result: ListenAllResult = { listeners: [], skipped: [], errors: [] }
    for (const config of configs) {
      if (config.skip || !environmentAllows(config.requireEnv)) {
        result.skipped.push(config)
        continue
      }
      try {
        requirePort(config)
        result.listeners.push(await this.listen(config))
      } catch (error) {
        result.errors.push({ config, error: error as Error })
        this.#report(error as Error)
      }
    }
    return result
  }

  /** Closes every listener. (LS-12) */
  async close(options?: CloseOptions): Promise<void> {
    await Promise.all([...this.#open].map((listener) => listener.close(options)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(config: ListenerConfig): Promise<Listener> {
    const { type } = config
    const { pool: _, ...options } = { backlog: CONFIGURED_BACKLOG, ...config }
    const service = this.#native.get(type)
    const handlers = this.#types.get(type)
    if (handlers === undefined && service === undefined)
      throw new HeddleError('ENOENT', `no listener type ${type} is registered`)
    refuseUnsupported(config)
    const pool = config.pool ?? (config.fanout ? (config.fanoutPool ?? 'default') : undefined)
    const place = pool === undefined ? { loop: this.#loop } : { pool }
    if (service === undefined) return Listener.open({ ...options, ...place }, handlers as ConnectionHandlers)
    if (pool !== undefined)
      throw new HeddleError('ERR_NOT_SUPPORTED', `native procedures of listener ${type} are not spread`)
    return Listener.openNative(checkNativeService(this.#loop, service), options, service)
  }

  #accepted(connection: Connection, owner: PortHolder): void {
    if (this.listenerCount('connection') === 0) return
    this.emit('connection', { fd: connection.fd, owner, connection })
  }

  #report(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }
}

function taken(type: string): HeddleError {
  return new HeddleError('ERR_NAME_TAKEN', `listener type ${type} is registered`)
}

function requirePort(config: ListenerConfig): void {
  if (config.path !== undefined || config.address?.startsWith('/')) return
  if (checkPort(config.port ?? 0) === 0) {
    throw new HeddleError('EINVAL', `listener ${config.type}: a configured listener needs a port`)
  }
}

function refuseUnsupported(config: ListenerConfig): void {
  for (const name of ['acceptThread', 'tls'] as const) {
    if (config[name]) throw new HeddleError('ERR_NOT_SUPPORTED', `listener option ${name}`)
  }
}

function environmentAllows(rule: string | undefined): boolean {
  if (rule === undefined) return true
  if (rule.startsWith('!')) return process.env[rule.slice(1)] === undefined
  const equals = rule.indexOf('=')
  if (equals < 0) return process.env[rule] !== undefined
  return process.env[rule.slice(0, equals)] === rule.slice(equals + 1)
}
