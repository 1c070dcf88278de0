import type { HttpSpec } from '../backend/backend'
import { HeddleError } from '../errors'
import { ListeningSocket } from '../net/listening-socket'
import type { SocketOptions } from '../net/spread'
import { within } from '../net/wait'
import type { HttpDriver, RequestSink } from './http-driver'

/** How often a drain looks whether the loop was torn down under it: then no record tells of the last connection. */
const LOOK_MS = 1000

/** The listening sockets of one server, and those that are closed but have connections left. */
export class ServerSockets {
  readonly #driver: HttpDriver
  readonly #sink: RequestSink
  readonly #acceptFailed: (errno: number) => void
  readonly #idle: () => void
  #closes = 0
  readonly #listening: ListeningSocket[] = []
  readonly #live = new Set<ListeningSocket>()

  /** `idle` is called when the last socket is closed and the last connection gone. */
  constructor(
    driver: HttpDriver,
    sink: RequestSink,
    acceptFailed: (errno: number) => void,
    idle: () => void,
  ) {
    this.#driver = driver
    this.#sink = sink
    this.#acceptFailed = acceptFailed
    this.#idle = idle
  }

  get listening(): readonly ListeningSocket[] {
    return this.#listening.filter((socket) => !socket.isClosed)
  }

  /** Open connections, those of closed sockets too. */
  get connections(): number {
    const { engine } = this.#driver.port
    let count = 0
    for (const { handle } of this.#live) count += Math.max(0, engine.listenerConnections(handle))
    return count
  }

  /** ERR_CLOSED if `close` is called meanwhile. */
  async open(options: SocketOptions, http: HttpSpec): Promise<ListeningSocket> {
    const driver = this.#driver
    const owner = {
      // At once: requests may come while a unix socket is still being looked at.
      opened: (handle: number) => driver.addSink(handle, this.#sink),
      accepted: () => {},
      failed: this.#acceptFailed,
    }
    const closes = this.#closes
    const socket = await ListeningSocket.open(driver.port, options, owner, http)
    this.#live.add(socket)
    void socket.empty.then(() => this.#gone(socket))
    if (closes !== this.#closes) {
      await socket.close()
      throw new HeddleError('ERR_CLOSED', 'the server was closed while it began to listen')
    }
    this.#listening.push(socket)
    return socket
  }

  /** Stops accepting; resolves when the addresses are free. */
  async close(): Promise<void> {
    this.#closes++
    await Promise.all(this.#listening.splice(0).map((socket) => socket.close()))
  }

  /**
   * Closes idle connections at once and busy ones after their answers, also those of sockets that were closed
   * before; resolves after the last. At the deadline calls `giveUp` and destroys the rest. Call `close` as well.
   */
  async drain(deadline: number, giveUp: () => void): Promise<void> {
    await Promise.all([...this.#live].map((socket) => drainSocket(socket, deadline, giveUp)))
  }

  #gone(socket: ListeningSocket): void {
    this.#live.delete(socket)
    const at = this.#listening.indexOf(socket)
    if (at >= 0) this.#listening.splice(at, 1)
    this.#driver.removeSink(socket.handle)
    if (this.#live.size === 0) this.#idle()
  }
}

async function drainSocket(socket: ListeningSocket, deadline: number, giveUp: () => void): Promise<void> {
  const { engine } = socket.port
  engine.listenerDrain(socket.handle)
  // Somebody waits, so the process stays alive, whatever the loop thinks of that.
  const look = setInterval(() => socket.look(), LOOK_MS)
  try {
    await within(socket.empty, 'drain', deadline, undefined).catch(() => {
      giveUp()
      // Also those without a request: half a head, output that nobody takes.
      engine.listenerDestroy(socket.handle)
    })
    await socket.empty
  } finally {
    clearInterval(look)
  }
}
