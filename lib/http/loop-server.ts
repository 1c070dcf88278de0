import { METHODS } from '../backend/protocol'
import { systemError } from '../errors'
import type { ListeningSocket } from '../net'
import { type PortHolder, size } from '../net/options'
import type { SocketOptions } from '../net/spread'
import { deadlineOf } from '../net/wait'
import { inCoroutine } from './aco-handler'
import type { HttpContext } from './context'
import { Exchange, type ExchangeOwner } from './exchange'
import { Failures } from './failures'
import { HeaderSet } from './header-set'
import { HttpDriver, type RequestSink } from './http-driver'
import { type HttpCloseOptions, type HttpServerOptions, httpSpec } from './options'
import { OverdueSweep } from './overdue'
import { HttpRequest } from './request'
import { HttpResponse } from './response'
import { type HttpHandler, Router } from './router'
import { ServerSockets } from './server-sockets'

/** Sets of response headers a server remembers. */
const REMEMBERED_HEADER_SETS = 1024
const CONNECT = METHODS.indexOf('CONNECT')

/** The part of an HTTP/1.1 server on one loop. Belongs to the isolate of the loop: handlers and callbacks run there. */
export class LoopServer implements RequestSink, ExchangeOwner {
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

  /** Starts accepting. See `HttpServer.listen`. */
  async listen(options: SocketOptions): Promise<ListeningSocket> {
    const { maxConnections, highWaterBytes } = this.#options
    const listenOptions = {
      ...options,
      ...(maxConnections !== undefined && { maxConnections }),
      ...(highWaterBytes !== undefined && { highWaterBytes }),
    }
    const socket = await this.#sockets.open(listenOptions, httpSpec(this.#options))
    this.#overdue.start()
    return socket
  }

  get sockets(): readonly ListeningSocket[] {
    return this.#sockets.listening
  }

  /** Open connections, also those that outlive `close`. */
  get connections(): number {
    return this.#sockets.connections
  }

  /** Adds a route. See `HttpServer.route`. */
  route(methods: readonly string[], path: string, handler: HttpHandler, inAco: boolean): void {
    for (const name of methods) {
      this.#router.add(name, path, inAco ? inCoroutine(this.#loop, `${name} ${path}`, handler) : handler)
    }
    const otherwise = this.#handler
    this.#serve = (request, response) => this.#router.dispatch(request, response, otherwise)
  }

  /** See `HttpServer.close`. */
  async close(options: HttpCloseOptions): Promise<void> {
    const deadline = deadlineOf(options)
    const drained = options.drain ? this.#sockets.drain(deadline, () => this.#giveUp()) : undefined
    const mine = Promise.all([this.#sockets.close(), drained])
    const earlier = this.#closing
    this.#closing = Promise.allSettled([earlier, mine])
    await Promise.all([earlier, mine])
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
