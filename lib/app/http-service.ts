import { isDeepStrictEqual } from 'node:util'
import type { AddressInfo } from '../backend/backend'
import type { HttpListenOptions, HttpServer } from '../http'
import type { HttpLimits } from '../http/options'
import type { HttpHandler } from '../http/router'
import type { LocatedTarget } from '../jobq/targets'
import { createServer } from '../servers'
import { at } from './place'
import type { AppHooks } from './app-hooks'
import { loadTable, type RouteSpec } from './route-table'
import {
  type Ground,
  OPENING_STAYS,
  type Service,
  type ServiceSettings,
  type Warn,
  WORKERS_STAY,
} from './service'

/** An `HTTP_Listener` as the configuration describes it. */
export interface HttpSettings extends ServiceSettings {
  readonly kind: 'http'
  readonly pool: string | undefined
  /** The pool runs JavaScript of its own: handlers run there. */
  readonly inWorkers: boolean
  readonly where: HttpListenOptions
  readonly limits: HttpLimits
  readonly handler: LocatedTarget | undefined
  readonly routes: readonly RouteSpec[]
}

/**
 * An HTTP server that a configuration asked for. Its address, pool and limits are those with which it was opened; what it
 * serves changes with a generation, between two requests, except in workers. Belongs to the isolate of the application.
 */
export class HttpService implements Service<HttpSettings> {
  /** For whoever wants more than its numbers. */
  readonly server: HttpServer
  readonly #ground: Ground
  #settings: HttpSettings
  #serve: HttpHandler

  private constructor(settings: HttpSettings, ground: Ground, hooks: AppHooks, serve: HttpHandler) {
    this.#ground = ground
    this.#settings = settings
    this.#serve = serve
    const { pool, limits, inWorkers } = settings
    const options = { ...limits, ...(pool === undefined ? { loop: ground.eventer.loops[0] } : { pool }) }
    this.server = inWorkers
      ? serverOfWorkers(settings, options)
      : createServer(options, (request, response) => {
          if (hooks.answers(request, response)) return response
          return this.#serve(request, response)
        })
  }

  /** Loads the handlers, then listens. What fails says where it stands. */
  static async open(settings: HttpSettings, ground: Ground, hooks: AppHooks): Promise<HttpService> {
    const serve = await serveOf(settings, ground)
    ground.loader.checkOpen()
    const make = async (): Promise<HttpService> => {
      const service = new HttpService(settings, ground, hooks, serve)
      await service.server.listen(settings.where)
      return service
    }
    return at(settings.place, make())
  }

  get settings(): HttpSettings {
    return this.#settings
  }

  get address(): AddressInfo {
    return this.server.address as AddressInfo
  }

  get connections(): number {
    return this.server.connections
  }

  /** Loads what the other settings serve; the result puts it into place. */
  async change(settings: HttpSettings, warn: Warn): Promise<() => void> {
    const next = this.#asOpened(settings)
    if (!isDeepStrictEqual(openedWith(next), openedWith(settings))) warn(settings, OPENING_STAYS)
    if (next.inWorkers && isOther(next, settings)) warn(settings, WORKERS_STAY)
    const serve = await serveOf(next, this.#ground)
    return () => {
      this.#settings = next
      this.#serve = serve
    }
  }

  /** The other settings, as far as they hold before the next start. */
  #asOpened(settings: HttpSettings): HttpSettings {
    const { handler, routes, inWorkers } = this.#settings
    const next = { ...settings, ...openedWith(this.#settings) }
    return inWorkers ? { ...next, handler, routes } : next
  }

  close(timeout: number): Promise<void> {
    return this.server.close({ drain: true, timeout })
  }
}

/** What does not change while it is open. */
function openedWith({ pool, inWorkers, where, limits }: HttpSettings) {
  return { pool, inWorkers, where, limits }
}

function isOther(a: HttpSettings, b: HttpSettings): boolean {
  const served = ({ handler, routes }: HttpSettings): unknown => [
    handler,
    routes.map(({ place: _, ...route }) => route),
  ]
  return !isDeepStrictEqual(served(a), served(b))
}

const served = (): undefined => undefined

/** Those of workers are loaded there. */
async function serveOf(settings: HttpSettings, { loader, eventer }: Ground): Promise<HttpHandler> {
  return settings.inWorkers
    ? served
    : loadTable(settings, loader, () => eventer.currentLoop() ?? eventer.loops[0])
}

function serverOfWorkers(
  { handler, routes }: HttpSettings,
  options: Parameters<typeof createServer>[0] & object,
): HttpServer {
  const server = createServer(options, handler)
  for (const { methods, path, handler: target, aco } of routes) server.route(methods, path, target, { aco })
  return server
}
