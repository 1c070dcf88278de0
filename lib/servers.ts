import { checkAdopt, checkConnect, checkListen, checkServer, checkServerListen } from './checked'
import { defaultLoop, keepAlive } from './default-loop'
import { type HttpHandler, type HttpListenOptions, HttpServer, type HttpServerOptions } from './http'
import type { ExportTarget } from './eventer'
import * as net from './net'
import { placementOf } from './net/placement'

/**
 * Starts a listener on the default loop, on `options.loop`, or on every loop of `options.pool`; resolves when it accepts.
 * `handlers` serve all its connections; they may be named by `{ module, export }`, and in a pool of workers must be.
 * ERR_NO_POOL. (LS-01, LS-02, LS-04)
 */
export async function listen(
  options: net.ListenOptions,
  handlers: net.ConnectionHandlers | ExportTarget = {},
): Promise<net.Listener> {
  checkListen(options, handlers)
  if (options.pool !== undefined) return net.listen(options, handlers)
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

/**
 * An HTTP/1.1 server on the default loop, on `options.loop`, or on every loop of `options.pool`. Without a handler it serves
 * its routes. Handlers may be named by `{ module, export }`, and in a pool of workers must be. ERR_NO_POOL. (RS-01, PO-01)
 */
export function createServer(handler?: HttpHandler): HttpServer
export function createServer(options: HttpServerOptions, handler?: HttpHandler | ExportTarget): HttpServer
export function createServer(
  first: HttpServerOptions | HttpHandler = {},
  second?: HttpHandler | ExportTarget,
): HttpServer {
  const options = typeof first === 'function' ? {} : first
  const handler = typeof first === 'function' ? first : second
  checkServer(options, handler)
  if (options.loop !== undefined || options.pool !== undefined)
    return new CheckedServer(placementOf(options), options, handler)
  return new DefaultServer(placementOf({ loop: defaultLoop() }), options, handler)
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
