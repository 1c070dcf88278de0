import { isDeepStrictEqual } from 'node:util'
import type { AddressInfo } from '../backend/backend'
import { checkCallbacks } from '../arguments'
import { HeddleError } from '../errors'
import type { LocatedTarget } from '../jobq/targets'
import type { Connection, ConnectionHandlers, Listener, ListenOptions } from '../net'
import { type AcoListenerFunction, acoHandlers } from '../net/aco-listener'
import { HandlerSet } from '../net/handlers'
import { listen } from '../servers'
import type { Loader } from './loader'
import { at } from './place'
import {
  type Ground,
  OPENING_STAYS,
  type Service,
  type ServiceSettings,
  type Warn,
  WORKERS_STAY,
} from './service'

/** A `Listener` as the configuration describes it. */
export interface TcpSettings extends ServiceSettings {
  readonly kind: 'tcp'
  readonly pool: string | undefined
  /** The pool runs JavaScript of its own: handlers are named there, and stay. */
  readonly inWorkers: boolean
  readonly where: Omit<ListenOptions, 'loop' | 'pool'>
  readonly handler: LocatedTarget
  /** The handler is a function that runs in a coroutine for each connection. */
  readonly aco: boolean
}

/**
 * A listener that a configuration asked for. Its address, pool and stream options are those with which it was opened; a
 * connection keeps the handlers of the generation in which it came. Belongs to the isolate of the application.
 */
export class TcpService implements Service<TcpSettings> {
  readonly #ground: Ground
  #settings: TcpSettings
  #handlers: HandlerSet<Connection>
  #listener!: Listener

  private constructor(settings: TcpSettings, ground: Ground, handlers: HandlerSet<Connection>) {
    this.#ground = ground
    this.#settings = settings
    this.#handlers = handlers
  }

  /** Loads the handlers, then listens. What fails says where it stands. */
  static async open(settings: TcpSettings, ground: Ground): Promise<TcpService> {
    const { place, pool, where, inWorkers, handler } = settings
    const service = new TcpService(settings, ground, await at(place, setOf(settings, ground)))
    ground.loader.checkOpen()
    const placement = pool === undefined ? { loop: ground.eventer.loops[0] } : { pool }
    const handlers = inWorkers ? handler : service.#handOver()
    service.#listener = await at(place, listen({ ...where, ...placement }, handlers))
    return service
  }

  get settings(): TcpSettings {
    return this.#settings
  }

  get address(): AddressInfo {
    return this.#listener.address
  }

  get connections(): number {
    return this.#listener.connections
  }

  async change(settings: TcpSettings, warn: Warn): Promise<() => void> {
    const { pool, inWorkers, where, handler } = this.#settings
    const opened = { pool, inWorkers, where }
    const { pool: otherPool, inWorkers: otherKind, where: other } = settings
    if (!isDeepStrictEqual(opened, { pool: otherPool, inWorkers: otherKind, where: other }))
      warn(settings, OPENING_STAYS)
    if (inWorkers && !isDeepStrictEqual(handler, settings.handler)) warn(settings, WORKERS_STAY)
    const next = { ...settings, ...opened, ...(inWorkers && { handler }) }
    const handlers = await at(next.place, setOf(next, this.#ground))
    return () => {
      this.#settings = next
      this.#handlers = handlers
    }
  }

  close(timeout: number): Promise<void> {
    return this.#listener.close({ drain: true, timeout })
  }

  /** Each connection goes to the handlers that are there when it comes. */
  #handOver(): ConnectionHandlers {
    return {
      onConnection: (connection) => {
        connection.adoptHandlers(this.#handlers)
        connection.opened()
      },
    }
  }
}

/** Those of workers are loaded there. */
async function setOf(settings: TcpSettings, { eventer, loader }: Ground): Promise<HandlerSet<Connection>> {
  if (settings.inWorkers) return new HandlerSet<Connection>({})
  const loaded = await loadTcpHandler(settings, loader)
  return new HandlerSet(
    typeof loaded === 'function' ? acoHandlers(eventer.loops[0], settings.name, loaded) : loaded,
  )
}

const CALLBACKS: readonly (keyof ConnectionHandlers)[] = [
  'onConnection',
  'onData',
  'onEnd',
  'onDrain',
  'onError',
  'onClose',
]

/** Callbacks, of which one at least takes a connection or its bytes; with `Aco` a function. ERR_INVALID_ARGUMENT. */
export async function loadTcpHandler(
  { handler, aco }: TcpSettings,
  loader: Loader,
): Promise<ConnectionHandlers | AcoListenerFunction> {
  if (aco) return loader.loadFunction(handler)
  const found = await loader.load(handler)
  const name = `${handler.export} of ${handler.module}`
  checkCallbacks(name, found, CALLBACKS)
  const callbacks = found as ConnectionHandlers
  if (callbacks.onConnection !== undefined || callbacks.onData !== undefined) return callbacks
  throw new HeddleError('ERR_INVALID_ARGUMENT', `${name} has neither onConnection nor onData`)
}
