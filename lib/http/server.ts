import { checkOptions, flag } from '../arguments'
import type { AddressInfo } from '../backend/backend'
import { METHODS } from '../backend/protocol'
import { systemError } from '../errors'
import { type ListenOptions, type PortHolder, size } from '../net/options'
import { deadlineOf } from '../net/wait'
import { inCoroutine } from './aco-handler'
import type { HttpContext } from './context'
import { Exchange, type ExchangeOwner } from './exchange'
import { Failures } from './failures'
import { HeaderSet } from './header-set'
import { HttpDriver, type RequestSink } from './http-driver'
import { type HttpServerOptions, httpSpec } from './options'
import { OverdueSweep } from './overdue'
import { HttpRequest } from './request'
import { HttpResponse } from './response'
import { type HttpHandler, Router } from './router'
import { ServerSockets } from './server-sockets'

/** Sets of response headers a server remembers. */
const REMEMBERED_HEADER_SETS = 1024
const CONNECT = METHODS.indexOf('CONNECT')

/** Where an HTTP server listens. */
export type HttpListenOptions = Pick<
  ListenOptions,
  'host' | 'address' | 'port' | 'path' | 'backlog' | 'reusePort' | 'ipv6Only' | 'acceptsPerPass'
>

/** How `HttpServer.close` treats open connections. */
export interface HttpCloseOptions {
  /** Answer what is under way, then close its connection; resolve after the last one. Default false. */
  readonly drain?: boolean
  /** With `drain`: connections that are still busy after so many milliseconds are destroyed. Default 0, never. */
  readonly timeout?: number
}

/** How a route is served. */
export interface HttpRouteOptions {
  /**
   * Its handler runs inside a coroutine, where it may wait with `aco.current()` and for asynchronous calls. Default
   * false. (AC-29, RS-02)
   */
  readonly aco?: boolean
}

const ROUTE: ReadonlySet<string> = new Set<keyof HttpRouteOptions>(['aco'])

/** An HTTP/1.1 server. Belongs to the isolate of its loop: handlers and callbacks run there. */
export class HttpServer implements RequestSink, ExchangeOwner {
  readonly #loop: PortHolder
  readonly #options: HttpServerOptions
  readonly #context: HttpContext
  readonly #noHeaders = HeaderSet.root({ left: REMEMBERED_HEADER_SETS })
  readonly #router = new Router()
  readonly #handler: HttpHandler | undefined
  /** What runs for a request: the handler alone while there are no routes. */
  #serve: HttpHandler
  readonly #sockets: ServerSockets
  readonly #failures: Failures
  readonly #overdue: OverdueSweep
  /** Settles with every close so far. */
  #closing: Promise<unknown> = Promise.resolve()

  /** @internal See `createServer`. */
  constructor(loop: PortHolder, options: HttpServerOptions, handler: HttpHandler | undefined) {
    httpSpec(options)
    size('maxConnections', options.maxConnections, 0)
    const driver = HttpDriver.of(loop.port)
    this.#loop = loop
    this.#options = options
    this.#context = driver.contextFor(size('highWaterBytes', options.highWaterBytes, 65536) || Infinity)
    const acceptFailed = (errno: number): void => options.onAcceptError?.(systemError(errno, 'accept'))
    this.#sockets = new ServerSockets(driver, this, acceptFailed, () => this.#overdue.stop())
    this.#failures = new Failures(loop.port, options.onError, this.#noHeaders)
    const timeout = size('responseTimeout', options.responseTimeout, 0)
    this.#overdue = new OverdueSweep(this.#context.exchanges, timeout, (exchange) => {
      if (exchange.owner === this) this.overdue(exchange)
    })
    this.#handler = handler
    this.#serve = handler ?? ((request, response) => this.#router.dispatch(request, response, undefined))
  }

  /**
   * Starts accepting. May be called for several addresses. Fails with the POSIX code (EADDRINUSE, …) or that of the
   * resolver.
   */
  async listen(options: HttpListenOptions = {}): Promise<this> {
    const { maxConnections, highWaterBytes } = this.#options
    const listenOptions: ListenOptions = {
      ...options,
      ...(maxConnections !== undefined && { maxConnections }),
      ...(highWaterBytes !== undefined && { highWaterBytes }),
    }
    await this.#sockets.open(listenOptions, httpSpec(this.#options))
    this.#overdue.start()
    return this
  }

  /** Where it listens; the first address if there are several. */
  get address(): AddressInfo | undefined {
    return this.addresses[0]
  }

  get addresses(): AddressInfo[] {
    return this.#sockets.addresses
  }

  /** TCP port of the first address, 0 if there is none. */
  get port(): number {
    return this.address?.port ?? 0
  }

  /** Open connections, also those that outlive `close`. */
  get connections(): number {
    return this.#sockets.connections
  }

  /**
   * Adds a route; `path` as find-my-way takes it (`/users/:id`, `/files/*`). Routes come before the handler of the
   * server, which gets what no route has a path for. ERR_INVALID_ARGUMENT for a bad path or method, or a route that
   * is there already. ERR_NOT_SUPPORTED: `aco` on a loop that is none of an eventer.
   */
  route(
    method: string | readonly string[],
    path: string,
    handler: HttpHandler,
    options: HttpRouteOptions = {},
  ): this {
    checkOptions('route', options, ROUTE, '{ aco: true }')
    const aco = flag('aco', options.aco, false) && typeof handler === 'function'
    for (const given of typeof method === 'string' ? [method] : method) {
      const name = given.toUpperCase()
      this.#router.add(name, path, aco ? inCoroutine(this.#loop, `${name} ${path}`, handler) : handler)
    }
    const otherwise = this.#handler
    this.#serve = (request, response) => this.#router.dispatch(request, response, otherwise)
    return this
  }

  /**
   * Stops accepting. Without `drain` open connections go on and the promise resolves once the addresses are free.
   * With `drain` idle connections are closed, busy ones after their answers, those of an earlier `close` too, and
   * it resolves after the last. A call while another is under way waits for that one too.
   */
  async close(options: HttpCloseOptions = {}): Promise<void> {
    const deadline = deadlineOf(options)
    const drained = options.drain ? this.#sockets.drain(deadline, () => this.#giveUp()) : undefined
    const mine = Promise.all([this.#sockets.close(), drained])
    const earlier = this.#closing
    this.#closing = Promise.allSettled([earlier, mine])
    await Promise.all([earlier, mine])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ drain: true })
  }

  /** @internal HTTP_REQUEST. */
  request(at: number, connection: number, bits: number): void {
    const context = this.#context
    const request = new HttpRequest(context, at, connection, bits)
    const response = new HttpResponse(context, connection, bits, this.#noHeaders)
    const serve = bits >>> 24 === CONNECT ? refuseTunnel : this.#serve
    let result: unknown
    try {
      result = serve(request, response)
    } catch (error) {
      this.#failures.fail(request, response, error)
      result = undefined
    }
    const later = isThenable(result, response)
    if (!later && response.finished && !request.reading) {
      request.release()
      return
    }
    this.#keep(request, response, connection, bits & 0xff)
    if (later)
      (result as PromiseLike<unknown>).then(undefined, (error: unknown) =>
        this.#failures.fail(request, response, error),
      )
  }

  /** @internal HTTP_REFUSED. */
  refused(errno: number, status: number): void {
    this.#options.onRefused?.({ errno, status })
  }

  /** @internal A callback of the exchange threw. */
  failed(exchange: Exchange, error: unknown): void {
    this.#failures.fail(exchange.request as HttpRequest, exchange.response as HttpResponse, error)
  }

  /** @internal */
  overdue(exchange: Exchange): void {
    this.#failures.replace(exchange.request as HttpRequest, exchange.response as HttpResponse, 503)
  }

  /** The handler has returned and the exchange is not over: make everything outlive the slab, expect records. */
  #keep(request: HttpRequest, response: HttpResponse, connection: number, seq: number): void {
    request.retain()
    if (response.finished && !request.reading) return
    const deadline = this.#overdue.deadlineFrom(this.#context.port.now)
    const exchange = new Exchange(connection, seq, request, response, this, deadline)
    this.#context.exchanges.add(exchange)
    request.listed(exchange)
    response.listed(exchange)
  }

  #giveUp(): void {
    for (const exchange of this.#context.exchanges.list()) {
      if (exchange.owner !== this) continue
      const response = exchange.response as HttpResponse
      response.destroy()
      this.#failures.abandon(exchange.request as HttpRequest, response)
    }
  }
}

/** A server is no proxy. A handler that answers 200 by habit would tell the client that the tunnel is open. */
function refuseTunnel(_: HttpRequest, response: HttpResponse): void {
  response.writeHead(501, { Connection: 'close', 'Content-Type': 'text/plain; charset=utf-8' })
  response.end('Not Implemented\n')
}

/** Handlers often return the response itself; looking for `then` there would be the cost of a request. */
function isThenable(result: unknown, response: HttpResponse): result is PromiseLike<unknown> {
  if (result === undefined || result === response || result === null) return false
  return typeof result === 'object' && typeof (result as PromiseLike<unknown>).then === 'function'
}
