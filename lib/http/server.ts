import type { AddressInfo } from '../backend/backend'
import { HeddleError, systemError } from '../errors'
import { ListeningSocket } from '../net/listening-socket'
import { type ListenOptions, type PortHolder, size } from '../net/options'
import type { HttpContext } from './context'
import { type Draining, drainListener } from './drain'
import { Exchange, type ExchangeOwner } from './exchange'
import { HeaderSet } from './header-set'
import { HttpDriver, type RequestSink } from './http-driver'
import { HttpError } from './http-error'
import { type HttpServerOptions, httpSpec } from './options'
import { HttpRequest } from './request'
import { HttpResponse } from './response'
import { type HttpHandler, Router } from './router'
import { reasonOf } from './status'

/** Sets of response headers a server remembers. */
const REMEMBERED_HEADER_SETS = 1024

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

/** An HTTP/1.1 server. Belongs to the isolate of its loop. */
export class HttpServer implements RequestSink, ExchangeOwner {
  readonly #options: HttpServerOptions
  readonly #driver: HttpDriver
  readonly #context: HttpContext
  readonly #noHeaders = HeaderSet.root({ left: REMEMBERED_HEADER_SETS })
  readonly #router = new Router()
  readonly #handler: HttpHandler | undefined
  /** What runs for a request: the handler alone while there are no routes. */
  #serve: HttpHandler
  readonly #sockets: ListeningSocket[] = []
  readonly #responseTimeout: number
  #sweeper: NodeJS.Timeout | undefined = undefined
  /** Settles with every close so far. */
  #closing: Promise<unknown> = Promise.resolve()

  /** @internal See `createServer`. */
  constructor(loop: PortHolder, options: HttpServerOptions, handler: HttpHandler | undefined) {
    this.#options = options
    this.#driver = HttpDriver.of(loop.port)
    this.#context = this.#driver.contextFor(size('highWaterBytes', options.highWaterBytes, 65536))
    this.#responseTimeout = size('responseTimeout', options.responseTimeout, 0)
    httpSpec(options)
    this.#handler = handler
    this.#serve = handler ?? ((request, response) => this.#router.dispatch(request, response, undefined))
  }

  /** Starts accepting. May be called for several addresses. Fails with the POSIX code (EADDRINUSE, …). */
  async listen(options: HttpListenOptions = {}): Promise<this> {
    const limits = this.#options
    const listenOptions: ListenOptions = {
      ...options,
      ...(limits.maxConnections !== undefined && { maxConnections: limits.maxConnections }),
      ...(limits.highWaterBytes !== undefined && { highWaterBytes: limits.highWaterBytes }),
    }
    const owner = { accepted: () => {}, failed: (errno: number) => this.#acceptFailed(errno) }
    const socket = await ListeningSocket.open(this.#driver.port, listenOptions, owner, httpSpec(limits))
    this.#driver.addSink(socket.handle, this)
    this.#sockets.push(socket)
    this.#startSweeping()
    return this
  }

  /** Where it listens; the first address if there are several. */
  get address(): AddressInfo | undefined {
    return this.#sockets[0]?.address
  }

  get addresses(): AddressInfo[] {
    return this.#sockets.map((socket) => socket.address)
  }

  /** TCP port of the first address, 0 if there is none. */
  get port(): number {
    return this.address?.port ?? 0
  }

  /** Open connections. */
  get connections(): number {
    const engine = this.#driver.port.engine
    const counts = this.#sockets.map((socket) => Math.max(0, engine.listenerConnections(socket.handle)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /**
   * Adds a route; `path` as find-my-way takes it (`/users/:id`, `/files/*`). Routes come before the handler of the
   * server, which gets what no route has a path for.
   */
  route(method: string | readonly string[], path: string, handler: HttpHandler): this {
    for (const name of typeof method === 'string' ? [method] : method) {
      this.#router.add(name.toUpperCase(), path, handler)
    }
    const otherwise = this.#handler
    this.#serve = (request, response) => this.#router.dispatch(request, response, otherwise)
    return this
  }

  /**
   * Stops accepting. Without `drain` open connections go on and the promise resolves once the addresses are free.
   * With `drain` idle connections are closed, busy ones after their answers, and it resolves after the last. A call
   * while another is under way waits for that one too.
   */
  async close(options: HttpCloseOptions = {}): Promise<void> {
    const sockets = this.#sockets.splice(0)
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
    const mine = Promise.all(sockets.map((socket) => this.#closeSocket(socket, options)))
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
    const serve = this.#serve
    let result: unknown
    try {
      result = serve(request, response)
    } catch (error) {
      this.#fail(request, response, error)
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
        this.#fail(request, response, error),
      )
  }

  /** @internal HTTP_REFUSED. */
  refused(errno: number, status: number): void {
    this.#options.onRefused?.({ errno, status })
  }

  /** @internal A callback of the exchange threw. */
  failed(exchange: Exchange, error: unknown): void {
    this.#fail(exchange.request as HttpRequest, exchange.response as HttpResponse, error)
  }

  /** @internal */
  overdue(exchange: Exchange): void {
    const response = exchange.response as HttpResponse
    this.#replace(response, 503)
  }

  /** The handler has returned and the exchange is not over: make everything outlive the slab, expect records. */
  #keep(request: HttpRequest, response: HttpResponse, connection: number, seq: number): void {
    request.retain()
    if (response.finished && !request.reading) return
    const timeout = this.#responseTimeout
    const deadline = timeout > 0 ? this.#context.port.now + timeout : Infinity
    const exchange = new Exchange(connection, seq, request, response, this, deadline)
    this.#context.exchanges.add(exchange)
    request.listed(exchange)
    response.listed(exchange)
  }

  #fail(request: HttpRequest, response: HttpResponse, error: unknown): void {
    if (error instanceof HttpError && error.status < 500 && !response.headersSent && !response.finished) {
      this.#replace(response, error.status)
      return
    }
    // The client left: whatever waited for it was bound to fail.
    if (response.aborted && error instanceof HeddleError) return
    this.#report(error, request)
    if (!response.finished) this.#replace(response, 500)
  }

  /** An answer of the server's own, in place of what the handler prepared; too late for one, the end. */
  #replace(response: HttpResponse, status: number): void {
    if (response.headersSent) response.destroy()
    else {
      response.reset(this.#noHeaders)
      response.status = status
      response.setHeader('Content-Type', 'text/plain; charset=utf-8').end(`${reasonOf(status)}\n`)
    }
    response.abandon()
  }

  #report(error: unknown, request: HttpRequest): void {
    const { method, url } = describe(request)
    const onError = this.#options.onError
    if (onError === undefined) {
      console.error(`heddle: ${method} ${url}: ${oneLine(error)}`)
      return
    }
    try {
      onError(error, { method, url })
    } catch (thrown) {
      this.#driver.port.uncaught(thrown)
    }
  }

  #acceptFailed(errno: number): void {
    const error = systemError(errno, 'accept')
    this.#options.onAcceptError?.(error)
  }

  async #closeSocket(socket: ListeningSocket, options: HttpCloseOptions): Promise<void> {
    const gone = drainListener(socket, this.#draining(options))
    await socket.close()
    void gone.then(() => this.#driver.removeSink(socket.handle))
    if (options.drain) await gone
  }

  #draining(options: HttpCloseOptions): Draining {
    return {
      drain: options.drain ?? false,
      timeout: options.timeout ?? 0,
      giveUp: () => {
        for (const exchange of this.#context.exchanges.list()) {
          if (exchange.owner !== this) continue
          const response = exchange.response as HttpResponse
          response.destroy()
          response.abandon()
        }
      },
    }
  }

  /** Overdue responses are looked for now and then: no timer per request. */
  #startSweeping(): void {
    const timeout = this.#responseTimeout
    if (timeout === 0 || this.#sweeper !== undefined) return
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(1000, Math.max(10, timeout >>> 3)))
    this.#sweeper.unref()
  }

  #sweep(): void {
    const now = performance.now()
    for (const exchange of this.#context.exchanges.list()) {
      if (exchange.owner === this && exchange.deadline <= now && !exchange.response.finished)
        this.overdue(exchange)
    }
  }
}

/** Handlers often return the response itself; looking for `then` there would be the cost of a request. */
function isThenable(result: unknown, response: HttpResponse): result is PromiseLike<unknown> {
  if (result === undefined || result === response || result === null) return false
  return typeof result === 'object' && typeof (result as PromiseLike<unknown>).then === 'function'
}

/** A request that was answered on the spot may not tell any more. */
function describe(request: HttpRequest): { method: string; url: string } {
  try {
    return { method: request.method, url: request.url }
  } catch {
    return { method: '?', url: '?' }
  }
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)
  return text.replace(/\s*\n\s*/g, ' | ')
}
