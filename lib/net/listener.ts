import { EventEmitter } from 'node:events'
import type { AddressInfo } from '../backend/backend'
import { HeddleError, systemError } from '../errors'
import type { Loop } from '../eventer'
import { Connection, type ConnectionHandlers } from './connection'
import { NetDriver } from './driver'
import { HandlerSet } from './handlers'
import { Home } from './home'
import { ListeningSocket } from './listening-socket'
import { type NativeService, NativeSocket } from './native-socket'
import { type ListenOptions, type PortHolder, streamLimits } from './options'
import { deadlineOf, within } from './wait'

/** How `Listener.close` treats open connections. */
export interface CloseOptions {
  /** Resolve only after the last connection has gone. Default false. */
  readonly drain?: boolean
  /** With `drain`: connections that are still open after so many milliseconds are destroyed. Default 0, never. */
  readonly timeout?: number
}

export interface ListenerEvents {
  /** Accepting failed, for example with EMFILE; the listener goes on. Unlike elsewhere in Node it needs no listener. */
  error: [Error]
  /** A connection was accepted, before its `onConnection`. */
  connection: [Connection]
  /** The listening descriptor is closed. */
  close: []
}

/** A listening socket whose connections run callbacks. Belongs to the isolate of its loop. (LS-01) */
export class Listener extends EventEmitter<ListenerEvents> {
  readonly #home: Home
  readonly #driver: NetDriver
  readonly #handlers: HandlerSet<Connection>
  #socket!: ListeningSocket | NativeSocket
  #closed: Promise<void> | undefined

  private constructor(loop: PortHolder, options: ListenOptions, handlers: ConnectionHandlers) {
    super()
    this.#driver = NetDriver.of(loop.port)
    this.#home = new Home(loop.port, this.#driver.received, streamLimits(options), options)
    this.#handlers = new HandlerSet(handlers)
  }

  /** @internal See `listen`. */
  static async open(
    loop: PortHolder,
    options: ListenOptions,
    handlers: ConnectionHandlers,
  ): Promise<Listener> {
    const listener = new Listener(loop, options, handlers)
    listener.#socket = await ListeningSocket.open(loop.port, options, {
      accepted: (handle) => listener.#accepted(handle),
      failed: (errno) => listener.#failed(errno),
    })
    return listener
  }

  /** @internal One whose connections native coroutines serve. */
  static async openNative(loop: Loop, options: ListenOptions, service: NativeService): Promise<Listener> {
    const listener = new Listener(loop, options, {})
    const failed = (errno: number): void => listener.#failed(errno)
    listener.#socket = await NativeSocket.open(loop, options, service, failed)
    return listener
  }

  /** Where it listens. `port` is the one the system chose if 0 was asked for. (LS-02) */
  get address(): AddressInfo {
    return this.#socket.address
  }

  get port(): number {
    return this.#socket.address.port
  }

  /** Socket path of a unix listener. */
  get path(): string | undefined {
    return this.address.family === 'unix' ? this.address.address : undefined
  }

  /** Open connections that came from here. */
  get connections(): number {
    return this.#socket instanceof NativeSocket ? this.#socket.connections : this.#home.open
  }

  /**
   * Stops accepting; open connections go on. With `drain` resolves after the last of them, else once the address
   * is free. The time counts from the call. ERR_NOT_SUPPORTED: `drain`, where native coroutines serve. (LS-12)
   */
  async close(options: CloseOptions = {}): Promise<void> {
    if (options.drain && this.#socket instanceof NativeSocket)
      throw new HeddleError('ERR_NOT_SUPPORTED', 'a listener of a native procedure knows no drain')
    const deadline = deadlineOf(options)
    this.#closed ??= this.#socket.close().finally(() => void this.emit('close'))
    await this.#closed
    if (options.drain) await this.#drain(deadline)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #accepted(handle: number): void {
    const home = this.#home
    const connection = new Connection(handle, home, this.#handlers)
    home.open++
    this.#driver.add(connection)
    try {
      if (this.listenerCount('connection') > 0) this.emit('connection', connection)
    } finally {
      connection.opened()
    }
  }

  #failed(errno: number): void {
    if (this.listenerCount('error') > 0) this.emit('error', systemError(errno, 'accept'))
  }

  async #drain(deadline: number): Promise<void> {
    const empty = this.#home.whenEmpty()
    await within(empty, 'drain', deadline, undefined).catch(() => this.#destroyAll())
    await empty
  }

  #destroyAll(): void {
    for (const connection of this.#driver.connections()) {
      if (connection.home === this.#home) connection.cut()
    }
  }
}
