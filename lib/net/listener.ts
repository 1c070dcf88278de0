import { EventEmitter } from 'node:events'
import { invalid } from '../arguments'
import type { AddressInfo } from '../backend/backend'
import { selectBackend } from '../backend/select'
import { HeddleError, systemError } from '../errors'
import type { ExportTarget, Loop } from '../eventer'
import { importExport } from '../eventer/pools/target'
import { moduleUrl } from '../jobq/targets'
import type { Connection, ConnectionHandlers } from './connection'
import { HandlerSet } from './handlers'
import { LoopListener } from './loop-listener'
import { type NativeService, NativeSocket } from './native-socket'
import type { ListenOptions, PortHolder } from './options'
import { isTarget, type Placement, placementOf } from './placement'
import { type SocketOptions, spread } from './spread'
import { deadlineOf } from './wait'
import { WorkerSite } from './worker-site'

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
  /** A connection was accepted by this loop, before its `onConnection`. Not where workers of a pool accept. */
  connection: [connection: Connection, owner: PortHolder]
  /** The listening descriptor is closed. */
  close: []
}

/** What listens: parts on loops of this isolate, a socket of native coroutines, or parts in workers. */
interface Body {
  readonly addresses: readonly AddressInfo[]
  readonly connections: number
  close(): Promise<void>
  drain?(deadline: number): Promise<void>
}

/**
 * A listening socket whose connections run callbacks; with a pool one for each of its loops. Belongs to the isolate that made
 * it; connections and their callbacks to that of their loop. (LS-01, LS-04)
 */
export class Listener extends EventEmitter<ListenerEvents> {
  #body!: Body
  #address!: AddressInfo
  #closed: Promise<void> | undefined

  private constructor() {
    super()
  }

  /** @internal See `listen`. */
  static async open(options: ListenOptions, handlers: ConnectionHandlers | ExportTarget): Promise<Listener> {
    const listener = new Listener()
    const placement = placementOf(options)
    listener.#body = placement.isHere
      ? await listener.#openHere(placement, options, handlers)
      : await listener.#openInWorkers(placement, options, handlers)
    return listener.#opened()
  }

  /** @internal One whose connections native coroutines serve. */
  static async openNative(loop: Loop, options: ListenOptions, service: NativeService): Promise<Listener> {
    const listener = new Listener()
    const failed = (errno: number): void => listener.#failed(systemError(errno, 'accept'))
    const socket = await NativeSocket.open(loop, options, service, failed)
    listener.#body = {
      addresses: [socket.address],
      get connections() {
        return socket.connections
      },
      close: () => socket.close(),
    }
    return listener.#opened()
  }

  /** Where it listens. `port` is the one the system chose if 0 was asked for. (LS-02) */
  get address(): AddressInfo {
    return this.#address
  }

  get port(): number {
    return this.address.port
  }

  /** Socket path of a unix listener. */
  get path(): string | undefined {
    return this.address.family === 'unix' ? this.address.address : undefined
  }

  /** Open connections that came from here; where they are in workers, up to a quarter of a second ago. */
  get connections(): number {
    return this.#body.connections
  }

  /**
   * Stops accepting; open connections go on. With `drain` resolves after the last of them, else once the address
   * is free. The time counts from the call. ERR_NOT_SUPPORTED: `drain`, where native coroutines serve. (LS-12)
   */
  async close(options: CloseOptions = {}): Promise<void> {
    if (options.drain && this.#body.drain === undefined)
      throw new HeddleError('ERR_NOT_SUPPORTED', 'a listener of a native procedure knows no drain')
    const deadline = deadlineOf(options)
    this.#closed ??= this.#body.close().finally(() => void this.emit('close'))
    await this.#closed
    if (options.drain) await this.#body.drain?.(deadline)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #opened(): this {
    this.#address = this.#body.addresses[0] as AddressInfo
    return this
  }

  async #openHere(
    { loops }: Placement & { isHere: true },
    options: ListenOptions,
    given: ConnectionHandlers | ExportTarget,
  ): Promise<Body> {
    const handlers = new HandlerSet<Connection>(isTarget(given) ? await loadHandlers(given) : given)
    const owner = {
      accepted: (connection: Connection, loop: PortHolder) => this.#accepted(connection, loop),
      failed: (errno: number) => this.#failed(systemError(errno, 'accept')),
    }
    const open = (loop: PortHolder, where: SocketOptions) =>
      LoopListener.open(loop, where, options, handlers, owner)
    const parts = await spread(selectBackend(), loops, options, open)
    return {
      addresses: parts.map(({ address }) => address),
      get connections() {
        return parts.reduce((sum, part) => sum + part.connections, 0)
      },
      close: async () => void (await Promise.all(parts.map((part) => part.close()))),
      drain: async (deadline) => void (await Promise.all(parts.map((part) => part.drain(deadline)))),
    }
  }

  async #openInWorkers(
    { loops }: Placement & { isHere: false },
    { pool: _, loop: __, ...options }: ListenOptions,
    given: ConnectionHandlers | ExportTarget,
  ): Promise<Body> {
    if (!isTarget(given))
      throw invalid('the handlers of a pool of workers', 'are named, { module, export }', given)
    // A URL object does not cross.
    const target = { module: moduleUrl(given.module), export: given.export }
    const hears = ['acceptError'] as const
    const site = new WorkerSite(loops, 'net/worker-service.js', { options, target, hears }, (message) => {
      if (message.kind === 'acceptError') this.#failed(message.error as Error)
    })
    await site.listen(options)
    const { addresses } = site
    return {
      addresses,
      get connections() {
        return site.connections
      },
      close: () => site.close({}),
      drain: (deadline) => site.close({ drain: true, ...timeLeft(deadline) }),
    }
  }

  #accepted(connection: Connection, loop: PortHolder): void {
    if (this.listenerCount('connection') > 0) this.emit('connection', connection, loop)
  }

  #failed(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }
}

/** What is left until a deadline, as an option of a call; a call knows no 0. */
function timeLeft(deadline: number): { timeout?: number } {
  return deadline === Infinity ? {} : { timeout: Math.max(1, deadline - performance.now()) }
}

/** @internal The object of callbacks that a module exports. ERR_INVALID_ARGUMENT: it is none. */
export async function loadHandlers(target: ExportTarget): Promise<ConnectionHandlers> {
  const handlers = await importExport(target)
  if (typeof handlers === 'object' && handlers !== null) return handlers as ConnectionHandlers
  throw invalid(`${target.export} of ${String(target.module)}`, 'is an object of callbacks', handlers)
}
