import { onePerPort, type Port } from '../backend/port'
import { In, Out } from '../backend/protocol'
import type { Connection } from './connection'
import { Received } from './received'

const INDEX_MASK = 0xffffff

/** What the driver tells the owner of a listener. */
export interface ListenerSink {
  /** A connection came in. HTTP listeners never hear this. */
  accepted(connection: number): void
  /** Accepting failed; the backend goes on by itself. */
  failed(errno: number): void
  /** The descriptor is closed. */
  closed(): void
  /** And the last of its connections is gone. Nothing follows. */
  empty(): void
}

/** What it tells whoever started an outgoing connection. */
export type ConnectSink = (errno: number) => void

/**
 * Reads the connection records of one port and finds whom they are for. Handles whose generation has moved on are
 * dropped here.
 */
export class NetDriver {
  readonly port: Port
  readonly received: Received
  readonly #connections: (Connection | undefined)[] = []
  readonly #listeners = new Map<number, ListenerSink>()
  readonly #connects = new Map<number, ConnectSink>()

  private constructor(port: Port) {
    this.port = port
    this.received = new Received(port.recv)
    const inbox = port.inbox
    const word = (at: number, n: number): number => inbox[at + n] as number
    port.handle(In.DATA, (at) => this.find(word(at, 1))?.deliver(word(at, 2), word(at, 3)))
    port.handle(In.END, (at) => this.find(word(at, 1))?.peerEnded())
    port.handle(In.BLOCKED, (at) => this.find(word(at, 1))?.blocked())
    port.handle(In.DRAIN, (at) => this.find(word(at, 1))?.drain())
    port.handle(In.CLOSE, (at) => this.#close(word(at, 1), word(at, 2), word(at, 3)))
    port.handle(In.ACCEPT, (at) => this.#accept(word(at, 1), word(at, 2)))
    port.handle(In.CONNECT, (at) => this.#connected(word(at, 1), word(at, 2)))
    port.handle(In.LISTEN_ERROR, (at) => this.#listeners.get(word(at, 1))?.failed(word(at, 2)))
    port.handle(In.LISTENER_CLOSED, (at) => this.#listeners.get(word(at, 1))?.closed())
    port.handle(In.LISTENER_EMPTY, (at) => this.#listenerEmpty(word(at, 1)))
  }

  static readonly of = onePerPort((port) => new NetDriver(port))

  add(connection: Connection): void {
    const connections = this.#connections
    const index = connection.handle & INDEX_MASK
    // Filled up rather than left with holes, so that the array stays a packed one.
    while (connections.length <= index) connections.push(undefined)
    connections[index] = connection
  }

  find(handle: number): Connection | undefined {
    const connection = this.#connections[handle & INDEX_MASK]
    return connection !== undefined && connection.handle === handle ? connection : undefined
  }

  /** The connections of now; opening and closing during the walk is allowed. */
  connections(): Connection[] {
    return this.#connections.filter((connection) => connection !== undefined)
  }

  addListener(handle: number, sink: ListenerSink): void {
    this.#listeners.set(handle, sink)
  }

  addConnect(handle: number, sink: ConnectSink): void {
    this.#connects.set(handle, sink)
  }

  /** Nobody waits for this connect any more; its CLOSE still cleans up. */
  dropConnect(handle: number): void {
    if (this.#connects.has(handle)) this.#connects.set(handle, () => {})
  }

  #accept(listener: number, connection: number): void {
    const sink = this.#listeners.get(listener)
    if (sink === undefined) this.port.push1(Out.DESTROY, connection)
    else sink.accepted(connection)
  }

  #connected(handle: number, errno: number): void {
    const sink = this.#connects.get(handle)
    this.#connects.delete(handle)
    sink?.(errno)
  }

  #close(handle: number, errno: number, reason: number): void {
    this.#connected(handle, errno)
    const connection = this.find(handle)
    if (connection === undefined) return
    this.#connections[handle & INDEX_MASK] = undefined
    connection.gone(errno, reason)
  }

  #listenerEmpty(handle: number): void {
    const sink = this.#listeners.get(handle)
    this.#listeners.delete(handle)
    sink?.empty()
  }
}
