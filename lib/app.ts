import { checkAdopt, checkConnect, checkListen, checkServer, checkServerListen } from './checked'
import { defaultLoop, keepAlive } from './default-loop'
import { type HttpHandler, type HttpListenOptions, HttpServer, type HttpServerOptions } from './http'
import * as net from './net'

/**
 * Starts a listener on the default loop, or on `options.loop`; resolves when it accepts. `handlers` serve all its
 * connections. (LS-01, LS-02)
 */
export async function listen(
  options: net.ListenOptions,
  handlers: net.ConnectionHandlers = {},
): Promise<net.Listener> {
  checkListen(options, handlers)
  return onLoop(options, (complete) => net.listen(complete, handlers))
}

/**
 * Connects on the default loop, or on `options.loop`; resolves when the connection is established. Without `onData`
 * it is read in the async style.
 */
export async function connect(
  options: net.ConnectOptions,
  handlers: net.ConnectionHandlers = {},
): Promise<net.Connection> {
  checkConnect(options, handlers)
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
  checkAdopt(fd, options, handlers)
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
  checkServer(options, handler)
  if (options.loop !== undefined) return new CheckedServer(options.loop, options, handler)
  return new DefaultServer(defaultLoop(), options, handler)
}

class CheckedServer extends HttpServer {
  override async listen(options: HttpListenOptions = {}): Promise<this> {
    checkServerListen(options)
    return super.listen(options)
  }
}

/** A server that keeps the process alive while it listens, on a loop that was made on demand. */
class DefaultServer extends CheckedServer {
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
