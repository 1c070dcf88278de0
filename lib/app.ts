import { defaultLoop, keepAlive } from './default-loop'
import { type HttpHandler, type HttpListenOptions, HttpServer, type HttpServerOptions } from './http'
import * as net from './net'

/**
 * Starts a listener on the default loop, or on `options.loop`; resolves when it accepts. `handlers` serve all its
 * connections. (LS-01, LS-02)
 */
export function listen(
  options: net.ListenOptions,
  handlers: net.ConnectionHandlers = {},
): Promise<net.Listener> {
  return onLoop(options, (complete) => net.listen(complete, handlers))
}

/**
 * Connects on the default loop, or on `options.loop`; resolves when the connection is established. Without `onData`
 * it is read in the async style.
 */
export function connect(
  options: net.ConnectOptions,
  handlers: net.ConnectionHandlers = {},
): Promise<net.Connection> {
  return onLoop(options, (complete) => net.connect(complete, handlers))
}

/**
 * Takes over a connected descriptor of a stream socket, on the default loop or on `options.loop`. EBADF, ENOTSUP if
 * it is none.
 */
export function adopt(
  fd: number,
  options: net.ConnectOptions = {},
  handlers: net.ConnectionHandlers = {},
): net.Connection {
  if (options.loop !== undefined) return net.adopt(fd, options, handlers)
  const connection = net.adopt(fd, { ...options, loop: defaultLoop() }, handlers)
  void keepAlive(async () => connection)
  return connection
}

/** An HTTP/1.1 server on the default loop, or on `options.loop`. Without a handler it serves its routes. */
export function createServer(handler?: HttpHandler): HttpServer
export function createServer(options: HttpServerOptions, handler?: HttpHandler): HttpServer
export function createServer(first: HttpServerOptions | HttpHandler = {}, second?: HttpHandler): HttpServer {
  const options = typeof first === 'function' ? {} : first
  const handler = typeof first === 'function' ? first : second
  if (options.loop !== undefined) return new HttpServer(options.loop, options, handler)
  return new DefaultServer(defaultLoop(), options, handler)
}

/** A server that keeps the process alive while it listens, on a loop that was made on demand. */
class DefaultServer extends HttpServer {
  override listen(options: HttpListenOptions = {}): Promise<this> {
    return keepAlive(() => super.listen(options))
  }
}

function onLoop<O extends { readonly loop?: net.PortHolder }, T>(
  options: O,
  open: (options: O) => Promise<T>,
): Promise<T> {
  if (options.loop !== undefined) return open(options)
  return keepAlive(() => open({ ...options, loop: defaultLoop() }))
}
