import type { AddressInfo } from '../backend/backend'
import { Connection } from './connection'
import { NetDriver } from './driver'
import type { HandlerSet } from './handlers'
import { Home } from './home'
import { ListeningSocket } from './listening-socket'
import { type ListenOptions, type PortHolder, streamLimits } from './options'
import type { SocketOptions } from './spread'
import { within } from './wait'

/** What a listener hears from its loops. */
export interface LoopListenerOwner {
  /** Before the `onConnection` of its handlers. */
  accepted(connection: Connection, loop: PortHolder): void
  failed(errno: number): void
}

/** The part of a listener on one loop: a socket, and the connections that it accepted. */
export class LoopListener {
  readonly #loop: PortHolder
  readonly #home: Home
  readonly #driver: NetDriver
  readonly #handlers: HandlerSet<Connection>
  readonly #owner: LoopListenerOwner
  #socket!: ListeningSocket

  private constructor(
    loop: PortHolder,
    options: ListenOptions,
    handlers: HandlerSet<Connection>,
    owner: LoopListenerOwner,
  ) {
    this.#loop = loop
    this.#driver = NetDriver.of(loop.port)
    this.#home = new Home(loop.port, this.#driver.received, streamLimits(options), options)
    this.#handlers = handlers
    this.#owner = owner
  }

  /** `config` is what its connections show as the options they came from; `options` is where it listens. */
  static async open(
    loop: PortHolder,
    options: SocketOptions,
    config: ListenOptions,
    handlers: HandlerSet<Connection>,
    owner: LoopListenerOwner,
  ): Promise<LoopListener> {
    const listener = new LoopListener(loop, config, handlers, owner)
    listener.#socket = await ListeningSocket.open(loop.port, options, {
      accepted: (handle) => listener.#accepted(handle),
      failed: (errno) => owner.failed(errno),
    })
    return listener
  }

  get address(): AddressInfo {
    return this.#socket.address
  }

  get share(): number {
    return this.#socket.share
  }

  /** Open connections that came from here. */
  get connections(): number {
    return this.#home.open
  }

  /** Stops accepting; resolves once the address is free. */
  close(): Promise<void> {
    return this.#socket.close()
  }

  /** Resolves after the last connection; at the deadline the rest are destroyed. */
  async drain(deadline: number): Promise<void> {
    const empty = this.#home.whenEmpty()
    await within(empty, 'drain', deadline, undefined).catch(() => this.#destroyAll())
    await empty
  }

  #accepted(handle: number): void {
    const connection = new Connection(handle, this.#home, this.#handlers)
    this.#home.open++
    this.#driver.add(connection)
    try {
      this.#owner.accepted(connection, this.#loop)
    } finally {
      connection.opened()
    }
  }

  #destroyAll(): void {
    for (const connection of this.#driver.connections()) {
      if (connection.home === this.#home) connection.cut()
    }
  }
}
