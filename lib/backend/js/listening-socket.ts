import net, { type Server, type Socket } from 'node:net'
import type { AddressInfo, ListenSpec } from '../backend'
import { serverAddress } from './address'
import { bindServer } from './bind'
import { errno } from './errno'

/** A listener as its socket sees it. */
export interface Acceptor {
  /** Takes an accepted socket, which is paused. */
  hold(socket: Socket): void
  failed(error: unknown): void
}

/** A socket that listens, and the listeners of this isolate that share it: they are handed connections in turn. */
export class ListeningSocket {
  readonly id: number
  readonly #server: Server
  readonly #forget: (socket: ListeningSocket) => void
  readonly #acceptors: Acceptor[] = []
  #next = 0

  constructor(id: number, noDelay: boolean, forget: (socket: ListeningSocket) => void) {
    this.id = id
    this.#forget = forget
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay })
    this.#server.on('connection', (socket) => this.#accepted(socket))
    this.#server.on('error', (error) => {
      for (const acceptor of this.#acceptors) acceptor.failed(error)
    })
  }

  /** 0 or a negative errno. The first one binds. */
  join(acceptor: Acceptor, spec: ListenSpec): number {
    const result = this.#acceptors.length > 0 ? 0 : bindServer(this.#server, spec)
    if (result < 0) {
      this.#forget(this)
      return result
    }
    this.#server.unref()
    this.#acceptors.push(acceptor)
    return 0
  }

  /** With the last one it is closed. */
  leave(acceptor: Acceptor): void {
    const at = this.#acceptors.indexOf(acceptor)
    if (at < 0) return
    this.#acceptors.splice(at, 1)
    if (this.#acceptors.length > 0) return
    this.#forget(this)
    this.#server.close()
  }

  address(): AddressInfo | undefined {
    return serverAddress(this.#server)
  }

  #accepted(socket: Socket): void {
    const acceptors = this.#acceptors
    if (acceptors.length === 0) {
      socket.destroy()
      return
    }
    const acceptor = acceptors[this.#next % acceptors.length] as Acceptor
    this.#next = (this.#next + 1) % acceptors.length
    acceptor.hold(socket)
  }
}

/** The listening sockets of one isolate, by the numbers under which they are shared. */
export class ListeningSockets {
  readonly #open = new Map<number, ListeningSocket>()
  #last = 0

  /** The one of this number, or one that is still to be bound. -EBADF: there is none. */
  find(id: number | undefined, spec: ListenSpec): ListeningSocket | number {
    if (id !== undefined) return this.#open.get(id) ?? -errno.EBADF
    const socket = new ListeningSocket(++this.#last, spec.noDelay, ({ id }) => void this.#open.delete(id))
    this.#open.set(socket.id, socket)
    return socket
  }
}
