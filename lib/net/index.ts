import { adoptDescriptor, open } from './connect'
import type { Connection, ConnectionHandlers } from './connection'
import type { ExportTarget } from '../eventer'
import { Listener } from './listener'
import { loopOf } from './loop-option'
import type { ConnectOptions, ListenOptions } from './options'

export { AcoConnection } from './aco-connection'
export type { AcoListenerFunction } from './aco-listener'
export type { EndpointOptions } from './address'
export { Connection, type ConnectionHandlers } from './connection'
export type { DelegateOptions } from './delegates'
export { type CloseOptions, Listener } from './listener'
export { type ListenAllResult, type ListenerConfig, Listeners } from './listeners'
export type { NativeService } from './native-socket'
export { ListeningSocket, type SocketOwner } from './listening-socket'
export type { ConnectOptions, ListenOptions, PortHolder, StreamOptions } from './options'
export type { WaitOptions } from './wait'

/** Starts a listener; resolves when it accepts. `handlers` serve all its connections. (LS-01, LS-02) */
export function listen(
  options: ListenOptions,
  handlers: ConnectionHandlers | ExportTarget = {},
): Promise<Listener> {
  return Listener.open(options, handlers)
}

/** Connects; resolves when the connection is established. Without `onData` it is read in the async style. */
export function connect(options: ConnectOptions, handlers: ConnectionHandlers = {}): Promise<Connection> {
  return open(loopOf(options), options, handlers)
}

/** Takes over a connected descriptor of a stream socket. EBADF, ENOTSUP if it is none. */
export function adopt(fd: number, options: ConnectOptions, handlers: ConnectionHandlers = {}): Connection {
  return adoptDescriptor(loopOf(options), fd, options, handlers)
}
