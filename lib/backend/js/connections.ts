import type { Socket } from 'node:net'
import type { ConnectSpec, ListenSpec } from '../backend'
import type { Connection, Host } from './connection'
import type { Descriptor } from './descriptor'
import { errno } from './errno'
import { HttpConnection } from './http-connection'
import type { Inbox } from './inbox'
import { Listener, type ListenerHost } from './listener'
import type { ListeningSockets } from './listening-socket'
import { Slots } from './slots'
import { openSocket } from './socket-descriptor'
import { StreamConnection } from './stream-connection'
import { DescriptorTransport, SocketTransport, openSystemStream } from './transport'

/** Everything of one engine that stands on a stream: connections and listeners, by handle. */
export class Connections {
  readonly #host: Host
  readonly #sockets: ListeningSockets
  readonly #connections = new Slots<Connection>()
  readonly #listeners = new Slots<Listener>()
  readonly #listenerHost: ListenerHost
  /** Connections with records to report, in the order in which they came up. */
  #reporting: Connection[] = []
  #collected: Connection[] = []
  #gathered: Connection[] = []

  constructor(host: Host, sockets: ListeningSockets) {
    this.#host = host
    this.#sockets = sockets
    this.#listenerHost = {
      requestPass: () => host.requestPass(),
      admit: (listener, socket) => this.#admit(listener, socket),
      forgetListener: (listener) => this.#listeners.remove(listener.handle),
    }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  get listenerCount(): number {
    let open = 0
    for (const listener of this.#listeners.values()) if (!listener.isClosed) open++
    return open
  }

  get pendingBytes(): number {
    return this.#connections
      .values()
      .reduce((sum, connection) => sum + connection.pending + connection.held, 0)
  }

  find(handle: number): Connection | undefined {
    return this.#connections.get(handle)
  }

  stream(handle: number): StreamConnection | undefined {
    const connection = this.#connections.get(handle)
    return connection instanceof StreamConnection ? connection : undefined
  }

  http(handle: number): HttpConnection | undefined {
    const connection = this.#connections.get(handle)
    return connection instanceof HttpConnection ? connection : undefined
  }

  listener(handle: number): Listener | undefined {
    return this.#listeners.get(handle)
  }

  listen(spec: ListenSpec): number {
    if (spec.reusePort || spec.holds) return -errno.ENOTSUP
    const accepting = this.#sockets.find(spec.share, spec)
    if (typeof accepting === 'number') return accepting
    const listener = this.#listeners.add(
      (handle) => new Listener(this.#listenerHost, handle, spec, accepting),
    )
    if (listener === undefined) return -errno.ENFILE
    const result = listener.open()
    if (result === 0) return listener.handle
    this.#listeners.remove(listener.handle)
    return result
  }

  connect(spec: ConnectSpec): number {
    const socket = openSocket(spec)
    if (typeof socket === 'number') return socket
    socket.setNoDelay(spec.noDelay)
    const connection = this.#open(spec)
    if (connection === undefined) {
      socket.destroy()
      return -errno.ENFILE
    }
    connection.attach(new SocketTransport(socket, connection, spec.kind === 'unix' ? spec.path : undefined))
    connection.connecting()
    return connection.handle
  }

  /** Takes over a virtual descriptor that has left the table. */
  adoptDescriptor(descriptor: Descriptor, spec: ConnectSpec): number {
    const connection = this.#open(spec)
    if (connection === undefined) return -errno.ENFILE
    connection.attach(new DescriptorTransport(descriptor, connection))
    connection.adopted()
    return connection.handle
  }

  adoptSystem(fd: number, spec: ConnectSpec): number {
    const socket = openSystemStream(fd)
    if (typeof socket === 'number') return socket
    const connection = this.#open(spec)
    if (connection === undefined) return -errno.ENFILE
    connection.attach(
      new SocketTransport(socket, connection, spec.kind === 'unix' ? (spec.path ?? '') : undefined),
    )
    connection.adopted()
    return connection.handle
  }

  /** HTTP: idle connections close now, the others after what is under way. */
  drain(listener: Listener): void {
    listener.isDraining = true
    for (const connection of this.#connections.values()) {
      if (connection instanceof HttpConnection && connection.origin === listener) connection.drain()
    }
  }

  destroyAll(listener: Listener): void {
    for (const connection of this.#connections.values()) {
      if (connection.origin === listener) connection.destroy(errno.ECONNABORTED)
    }
  }

  report(connection: Connection): void {
    if (connection.isListed) return
    connection.isListed = true
    this.#reporting.push(connection)
    this.#host.requestPass()
  }

  gather(connection: Connection): void {
    this.#gathered.push(connection)
  }

  forget(connection: Connection): void {
    this.#connections.remove(connection.handle)
    connection.origin?.left()
  }

  /** Sends what the applied outbox wrote, one write a connection. */
  flushOutput(): void {
    if (this.#gathered.length === 0) return
    const gathered = this.#gathered
    this.#gathered = []
    for (const connection of gathered) connection.flushOutput()
  }

  hasWork(): boolean {
    if (this.#reporting.length > 0) return true
    return this.#listeners.values().some((listener) => listener.hasWork())
  }

  collect(inbox: Inbox): void {
    for (const listener of this.#listeners.values()) {
      listener.admit()
      listener.collect(inbox)
    }
    const reporting = this.#reporting
    this.#reporting = []
    for (const connection of reporting) {
      connection.isListed = false
      this.#collected.push(connection)
      if (!connection.collect(inbox)) this.report(connection)
    }
  }

  afterDispatch(): void {
    const collected = this.#collected
    this.#collected = []
    for (const connection of collected) connection.afterDispatch()
  }

  close(): void {
    for (const listener of this.#listeners.values()) listener.close()
    for (const connection of this.#connections.values()) connection.destroy()
    this.#reporting = []
  }

  #open(spec: ConnectSpec): StreamConnection | undefined {
    return this.#connections.add((handle) => new StreamConnection(this.#host, handle, spec))
  }

  #admit(listener: Listener, socket: Socket): void {
    const { spec } = listener
    const { http } = spec
    const connection = this.#connections.add((handle) =>
      http === undefined
        ? new StreamConnection(this.#host, handle, spec, listener)
        : new HttpConnection(this.#host, handle, spec, http, listener),
    )
    if (connection === undefined) {
      socket.destroy()
      listener.left()
      return
    }
    connection.attach(new SocketTransport(socket, connection, listener.path))
    connection.accepted()
  }
}
