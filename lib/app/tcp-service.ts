import { isDeepStrictEqual } from 'node:util'
import type { AddressInfo } from '../backend/backend'
import { HeddleError } from '../errors'
import type { Eventer } from '../eventer'
import type { LocatedTarget } from '../jobq/targets'
import type { Connection, ConnectionHandlers, Listener, ListenOptions } from '../net'
import { acoHandlers } from '../net/aco-listener'
import { HandlerSet } from '../net/handlers'
import { listen } from '../servers'
import { loadExport, loadFunction } from './load-export'
import { at } from './place'
import { type Service, warnOfWorkers } from './service'

/** A `Listener` as the configuration describes it. */
export interface TcpSettings {
  readonly kind: 'tcp'
  readonly name: string
  /** Where it stands, for messages. */
  readonly place: string
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
  #settings: TcpSettings
  #handlers: HandlerSet<Connection>
  #listener!: Listener

  private constructor(settings: TcpSettings, handlers: HandlerSet<Connection>) {
    this.#settings = settings
    this.#handlers = handlers
  }

  /** Loads the handlers, then listens. What fails says where it stands. */
  static async open(settings: TcpSettings, eventer: Eventer): Promise<TcpService> {
    const { place, pool, where, inWorkers, handler } = settings
    const service = new TcpService(settings, await at(place, loadSet(settings, eventer)))
    const placement = pool === undefined ? { loop: eventer.loops[0] } : { pool }
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

  async change(settings: TcpSettings, eventer: Eventer): Promise<() => void> {
    const { pool, inWorkers, handler } = this.#settings
    const next = { ...settings, pool, inWorkers }
    if (inWorkers && !isDeepStrictEqual(handler, next.handler)) warnOfWorkers(settings.place)
    const handlers = await at(next.place, loadSet(next, eventer))
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

async function loadSet(settings: TcpSettings, eventer: Eventer): Promise<HandlerSet<Connection>> {
  const { handler, aco, inWorkers, name } = settings
  // Loaded there.
  if (inWorkers) return new HandlerSet<Connection>({})
  if (aco) return new HandlerSet(acoHandlers(eventer.loops[0], name, await loadFunction(handler)))
  const found = await loadExport(handler)
  if (typeof found === 'object' && found !== null) return new HandlerSet(found as ConnectionHandlers)
  throw new HeddleError(
    'ERR_INVALID_ARGUMENT',
    `${handler.export} of ${handler.module} is no object of callbacks`,
  )
}
