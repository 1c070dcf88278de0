import { invalid } from '../arguments'
import type { AddressInfo } from '../backend/backend'
import { HeddleError } from '../errors'
import type { ExportTarget, RemoteLoop } from '../eventer'
import { moduleUrl } from '../jobq/targets'
import { size } from '../net/options'
import { isTarget } from '../net/placement'
import type { SiteMessage, SiteRoute } from '../net/served'
import { WorkerSite } from '../net/worker-site'
import { type HttpCloseOptions, type HttpServerOptions, httpSpec } from './options'
import { type HttpHandler, Router } from './router'
import type { HttpListenOptions } from './server'
import type { HttpSite } from './site'

/** A server whose parts run in the workers of a pool. Its callbacks run here; what serves is named. */
export class WorkerHttpSite implements HttpSite {
  readonly #site: WorkerSite
  readonly #routes: SiteRoute[] = []
  /** Refuses what the routers of the workers would refuse. */
  readonly #table = new Router()
  #listens = false

  constructor(
    loops: readonly [RemoteLoop, ...RemoteLoop[]],
    options: HttpServerOptions,
    handler: HttpHandler | ExportTarget | undefined,
  ) {
    const { loop: _, pool: __, onError, onRefused, onAcceptError, ...limits } = options
    httpSpec(limits)
    size('maxConnections', limits.maxConnections, 0)
    const hears = [onError && 'error', onRefused && 'refused', onAcceptError && 'acceptError']
    const spec = {
      options: limits,
      target: handler && named(handler),
      routes: this.#routes,
      hears: hears.filter((kind) => kind !== undefined) as SiteMessage['kind'][],
    }
    this.#site = new WorkerSite(loops, 'http/worker-service.js', spec, (message) => hear(options, message))
  }

  get addresses(): AddressInfo[] {
    return this.#site.addresses
  }

  get connections(): number {
    return this.#site.connections
  }

  async listen(options: HttpListenOptions): Promise<void> {
    this.#listens = true
    await this.#site.listen(options)
  }

  route(methods: readonly string[], path: string, handler: HttpHandler | ExportTarget, aco: boolean): void {
    const target = named(handler)
    if (this.#listens) throw new HeddleError('ERR_TOO_LATE', 'in workers routes come before listen')
    for (const method of methods) this.#table.add(method, path, () => {})
    this.#routes.push({ methods, path, target, aco })
  }

  close(options: HttpCloseOptions): Promise<void> {
    return this.#site.close(options)
  }
}

function named(handler: HttpHandler | ExportTarget): ExportTarget {
  if (isTarget(handler)) return { module: moduleUrl(handler.module), export: handler.export }
  throw invalid('a handler in a pool of workers', 'is named, { module, export }', handler)
}

function hear({ onError, onRefused, onAcceptError }: HttpServerOptions, message: SiteMessage): void {
  if (message.kind === 'error') onError?.(message.error, message.request)
  else if (message.kind === 'refused') onRefused?.(message.refusal)
  else onAcceptError?.(message.error as HeddleError)
}
