import type { AddressInfo } from '../backend/backend'
import { selectBackend } from '../backend/select'
import { HeddleError } from '../errors'
import type { ExportTarget } from '../eventer'
import type { PortHolder } from '../net/options'
import { spread } from '../net/spread'
import { LoopServer } from './loop-server'
import { NamedHandler } from './named-handler'
import type { HttpCloseOptions, HttpServerOptions } from './options'
import type { HttpHandler } from './router'
import type { HttpListenOptions } from './server'
import type { HttpSite } from './site'

/** A server whose parts run on loops of this isolate. Handlers that are named are loaded before it listens. */
export class LoopSite implements HttpSite {
  readonly #parts: readonly [LoopServer, ...LoopServer[]]
  readonly #named: NamedHandler[] = []
  #closes = 0

  constructor(
    loops: readonly [PortHolder, ...PortHolder[]],
    options: HttpServerOptions,
    handler: HttpHandler | ExportTarget | undefined,
  ) {
    const serves = handler && this.#callable(handler)
    this.#parts = loops.map((loop) => new LoopServer(loop, options, serves)) as [LoopServer, ...LoopServer[]]
  }

  get addresses(): AddressInfo[] {
    return this.#parts[0].sockets.map(({ address }) => address)
  }

  get connections(): number {
    return this.#parts.reduce((sum, part) => sum + part.connections, 0)
  }

  async listen(options: HttpListenOptions): Promise<void> {
    const closes = this.#closes
    await Promise.all(this.#named.map((handler) => handler.load()))
    if (closes !== this.#closes) throw closed()
    const [only] = this.#parts
    if (this.#parts.length === 1) await only.listen(options)
    else await spread(selectBackend(), this.#parts, options, (part, where) => this.#open(part, where, closes))
  }

  route(methods: readonly string[], path: string, handler: HttpHandler | ExportTarget, aco: boolean): void {
    const serves = this.#callable(handler)
    for (const part of this.#parts) part.route(methods, path, serves, aco)
  }

  async close(options: HttpCloseOptions): Promise<void> {
    this.#closes++
    await Promise.all(this.#parts.map((part) => part.close(options)))
  }

  /** A close while the first parts listen already has not met those that come later. */
  async #open(part: LoopServer, where: HttpListenOptions, closes: number) {
    const socket = await part.listen(where)
    if (closes === this.#closes) return socket
    await socket.close()
    throw closed()
  }

  #callable(handler: HttpHandler | ExportTarget): HttpHandler {
    if (typeof handler === 'function') return handler
    const named = new NamedHandler(handler)
    this.#named.push(named)
    return (request, response) => named.run(request, response)
  }
}

function closed(): HeddleError {
  return new HeddleError('ERR_CLOSED', 'the server was closed while it began to listen')
}
