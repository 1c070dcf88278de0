import type { Socket } from 'node:net'
import type { AddressInfo, ListenSpec } from '../backend'
import { In } from '../protocol'
import type { Origin } from './connection'
import { errno, errnoOf } from './errno'
import type { Inbox } from './inbox'
import type { Acceptor, ListeningSocket } from './listening-socket'

/** What an engine does for its listeners. */
export interface ListenerHost {
  requestPass(): void
  /** Makes the connection of an accepted socket; it counts as this listener's from now on. */
  admit(listener: Listener, socket: Socket): void
  /** The listener is closed, reported and without connections. */
  forgetListener(listener: Listener): void
}

/**
 * One listener on a socket, which it may share with listeners of other loops. Node accepts by itself and cannot be told to stop, so sockets above `maxConnections`
 * are held paused and unreported, as many as the backlog allows; what comes beyond is refused.
 */
export class Listener implements Origin, Acceptor {
  readonly handle: number
  readonly spec: ListenSpec
  isDraining = false
  readonly #host: ListenerHost
  readonly #socket: ListeningSocket
  #held: Socket[] = []
  #connections = 0
  #errors: number[] = []
  #isClosed = false
  #isCloseReported = false

  constructor(host: ListenerHost, handle: number, spec: ListenSpec, socket: ListeningSocket) {
    this.#host = host
    this.handle = handle
    this.spec = spec
    this.#socket = socket
  }

  /** 0 or a negative errno. */
  open(): number {
    return this.#socket.join(this, this.spec)
  }

  /** Under which others may share the socket, or -EBADF. */
  get share(): number {
    return this.#isClosed ? -errno.EBADF : this.#socket.id
  }

  get connections(): number {
    return this.#connections
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get path(): string | undefined {
    return this.spec.kind === 'unix' ? this.spec.path : undefined
  }

  address(): AddressInfo | undefined {
    return this.#isClosed ? undefined : this.#socket.address()
  }

  hasWork(): boolean {
    if (this.#errors.length > 0) return true
    if (this.#isClosed) return !this.#isCloseReported || this.#connections === 0
    return this.#held.length > 0 && this.#hasRoom()
  }

  /** Lets held sockets in, as many as the limits of a pass and of the listener allow. */
  admit(): void {
    let budget = this.spec.acceptsPerPass > 0 ? this.spec.acceptsPerPass : Infinity
    while (budget > 0 && this.#held.length > 0 && this.#hasRoom()) {
      const socket = this.#held.shift() as Socket
      if (socket.destroyed) continue
      budget--
      this.#connections++
      this.#host.admit(this, socket)
    }
  }

  collect(inbox: Inbox): void {
    while (this.#errors.length > 0) {
      if (!inbox.push2(In.LISTEN_ERROR, this.handle, this.#errors[0] as number)) return
      this.#errors.shift()
    }
    if (!this.#isClosed) return
    this.#isCloseReported ||= inbox.push2(In.LISTENER_CLOSED, this.handle, 0)
    // Connections of an HTTP listener name it until they are gone, so the handle is kept as long.
    const isOver = this.#isCloseReported && this.#connections === 0
    if (isOver && inbox.push1(In.LISTENER_EMPTY, this.handle)) this.#host.forgetListener(this)
  }

  left(): void {
    this.#connections--
    if (this.#held.length > 0 || this.#isClosed) this.#host.requestPass()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.leave(this)
    for (const socket of this.#held) socket.destroy()
    this.#held = []
    this.#host.requestPass()
  }

  #hasRoom(): boolean {
    return this.spec.maxConnections <= 0 || this.#connections < this.spec.maxConnections
  }

  hold(socket: Socket): void {
    const { maxConnections, backlog } = this.spec
    const limit = maxConnections > 0 ? maxConnections + Math.max(backlog, 1) : Infinity
    socket.unref()
    if (this.#isClosed || this.#connections + this.#held.length >= limit) return void socket.destroy()
    // A client that resets while it waits must not become an exception; its connection tells later.
    socket.on('error', () => {})
    this.#held.push(socket)
    this.#host.requestPass()
  }

  failed(error: unknown): void {
    this.#errors.push(errnoOf(error))
    this.#host.requestPass()
  }
}
