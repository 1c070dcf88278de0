import { checkCallbacks, checkOptions, invalid } from './arguments'
import type { HttpListenOptions, HttpServerOptions } from './http'
import type { ExportTarget } from './eventer'
import type { ConnectionHandlers, ConnectOptions, ListenOptions } from './net'
import { isTarget } from './net/placement'

/** Every key of a type; one that is missing or too many does not compile. */
const keys = <T>(all: Record<keyof T, true>): ReadonlySet<string> => new Set(Object.keys(all))

const STREAM = {
  noDelay: true,
  idleTimeout: true,
  highWaterBytes: true,
  lowWaterBytes: true,
  maxWriteBufferBytes: true,
  readBufferBytes: true,
  allowHalfOpen: true,
} as const
const ENDPOINT = { host: true, address: true, port: true, path: true } as const
const ACCEPT = { backlog: true, reusePort: true, ipv6Only: true, acceptsPerPass: true } as const

const LISTEN = keys<ListenOptions>({
  ...STREAM,
  ...ENDPOINT,
  ...ACCEPT,
  loop: true,
  pool: true,
  maxConnections: true,
})
const CONNECT = keys<ConnectOptions>({ ...STREAM, ...ENDPOINT, loop: true, timeout: true, signal: true })
const HTTP_LISTEN = keys<HttpListenOptions>({ ...ENDPOINT, ...ACCEPT })
const SERVER = keys<HttpServerOptions>({
  loop: true,
  pool: true,
  maxHeadBytes: true,
  maxHeaders: true,
  maxBodyBytes: true,
  headTimeout: true,
  requestTimeout: true,
  keepAliveTimeout: true,
  writeTimeout: true,
  responseTimeout: true,
  maxRequestsPerConnection: true,
  maxPipelined: true,
  maxConnections: true,
  highWaterBytes: true,
  onError: true,
  onRefused: true,
  onAcceptError: true,
})
const CALLBACKS = keys<ConnectionHandlers>({
  onConnection: true,
  onData: true,
  onEnd: true,
  onDrain: true,
  onError: true,
  onClose: true,
})

/** What `listen` was given. ERR_INVALID_ARGUMENT, or a warning for a name that means nothing. */
export function checkListen(options: ListenOptions, handlers: ConnectionHandlers | ExportTarget): void {
  checkOptions('listen', options, LISTEN, '{ port: 8080 }')
  checkLoop(options)
  if (!isTarget(handlers)) checkHandlers('listen', handlers)
}

/** What `connect` was given: a port or a path is needed. */
export function checkConnect(options: ConnectOptions, handlers: ConnectionHandlers): void {
  checkOptions('connect', options, CONNECT, '{ port: 8080 }')
  const { port, path, address } = options
  if (!port && path === undefined && !address?.startsWith?.('/')) {
    throw invalid('connect', 'needs a port from 1 to 65535, or a path', port)
  }
  checkLoop(options)
  checkHandlers('connect', handlers)
}

/** What `adopt` was given. */
export function checkAdopt(fd: number, options: ConnectOptions, handlers: ConnectionHandlers): void {
  if (!Number.isInteger(fd)) throw invalid('adopt takes', 'a descriptor', fd)
  checkOptions('adopt', options, CONNECT, '{ idleTimeout: 1000 }')
  checkLoop(options)
  checkHandlers('adopt', handlers)
}

/** What `createServer` was given. */
export function checkServer(options: HttpServerOptions, handler: unknown): void {
  checkOptions('createServer', options, SERVER, '{ maxBodyBytes: 65536 }')
  checkCallbacks('createServer', options, ['onError', 'onRefused', 'onAcceptError'])
  if (handler !== undefined && typeof handler !== 'function' && !isTarget(handler))
    throw invalid('the handler', 'is a function', handler)
  checkLoop(options)
}

/** What `server.listen` was given. */
export function checkServerListen(options: HttpListenOptions): void {
  checkOptions('server.listen', options, HTTP_LISTEN, '{ port: 8080 }')
}

function checkHandlers(call: string, handlers: ConnectionHandlers): void {
  checkCallbacks(call, handlers, CALLBACKS)
}

/** An eventer in the place of one of its loops is the likely mistake. */
function checkLoop({ loop }: { readonly loop?: { readonly port: unknown } }): void {
  if (loop === undefined || typeof loop?.port === 'object') return
  throw invalid('loop', 'is a loop of an eventer, for example eventer.loops[0]', loop)
}
