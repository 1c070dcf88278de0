import { checkOptions, flag, invalid } from '../arguments'
import type { AddressInfo } from '../backend/backend'
import type { ExportTarget } from '../eventer'
import type { ListenOptions } from '../net/options'
import { isTarget, type Placement } from '../net/placement'
import type { HttpSite } from './site'
import { LoopSite } from './loop-site'
import type { HttpCloseOptions, HttpServerOptions } from './options'
import type { HttpHandler } from './router'
import { WorkerHttpSite } from './worker-http-site'

/** Where an HTTP server listens. */
export type HttpListenOptions = Pick<
  ListenOptions,
  'host' | 'address' | 'port' | 'path' | 'backlog' | 'reusePort' | 'ipv6Only' | 'acceptsPerPass'
>

/** How a route is served. */
export interface HttpRouteOptions {
  /**
   * Its handler runs inside a coroutine, where it may wait with `aco.current()` and for asynchronous calls. Default
   * false. (AC-29, RS-02)
   */
  readonly aco?: boolean
}

const ROUTE: ReadonlySet<string> = new Set<keyof HttpRouteOptions>(['aco'])

/**
 * An HTTP/1.1 server, on one loop or on every loop of a pool. Belongs to the isolate that made it; handlers and callbacks
 * run in that of their loop. (RS-01, PO-01)
 */
export class HttpServer {
  readonly #site: HttpSite

  /** @internal See `createServer`. */
  constructor(
    placement: Placement,
    options: HttpServerOptions,
    handler: HttpHandler | ExportTarget | undefined,
  ) {
    this.#site = placement.isHere
      ? new LoopSite(placement.loops, options, handler)
      : new WorkerHttpSite(placement.loops, options, handler)
  }

  /**
   * Starts accepting. May be called for several addresses. Fails with the POSIX code (EADDRINUSE, …) or that of the
   * resolver, with what the modules of named handlers fail with, and with ERR_NATIVE_REQUIRED for a pool of several workers
   * on the JavaScript backend. Loops of a pool have a socket each where the system spreads connections over those
   * (SO_REUSEPORT), and share one elsewhere.
   */
  async listen(options: HttpListenOptions = {}): Promise<this> {
    await this.#site.listen(options)
    return this
  }

  /** Where it listens; the first address if there are several. */
  get address(): AddressInfo | undefined {
    return this.addresses[0]
  }

  get addresses(): AddressInfo[] {
    return this.#site.addresses
  }

  /** TCP port of the first address, 0 if there is none. */
  get port(): number {
    return this.address?.port ?? 0
  }

  /** Open connections, also those that outlive `close`. Where they are in workers, up to a quarter of a second ago. */
  get connections(): number {
    return this.#site.connections
  }

  /**
   * Adds a route; `path` as find-my-way takes it (`/users/:id`, `/files/*`). Routes come before the handler of the
   * server, which gets what no route has a path for. ERR_INVALID_ARGUMENT for a bad path or method, a route that
   * is there already, or a function where the handler runs in workers. ERR_TOO_LATE: there, once it listens.
   * ERR_NOT_SUPPORTED: `aco` on a loop that is none of an eventer.
   */
  route(
    method: string | readonly string[],
    path: string,
    handler: HttpHandler | ExportTarget,
    options: HttpRouteOptions = {},
  ): this {
    checkOptions('route', options, ROUTE, '{ aco: true }')
    const aco = flag('aco', options.aco, false)
    const methods = (typeof method === 'string' ? [method] : method).map((name) => name.toUpperCase())
    if (typeof handler !== 'function' && !isTarget(handler))
      throw invalid(`the handler of ${methods.join(', ')} ${path}`, 'is a function', handler)
    this.#site.route(methods, path, handler, aco)
    return this
  }

  /**
   * Stops accepting. Without `drain` open connections go on and the promise resolves once the addresses are free.
   * With `drain` idle connections are closed, busy ones after their answers, those of an earlier `close` too, and
   * it resolves after the last. A call while another is under way waits for that one too.
   */
  async close(options: HttpCloseOptions = {}): Promise<void> {
    await this.#site.close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ drain: true })
  }
}
