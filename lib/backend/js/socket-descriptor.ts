import net, { type Server, type Socket } from 'node:net'
import type { AddressInfo, ConnectSpec } from '../backend'
import { MaskBit } from '../protocol'
import { serverAddress, socketAddress } from './address'
import { type BindSpec, bindServer } from './bind'
import { ByteQueue } from './byte-queue'
import { Descriptor, QUEUE_BYTES } from './descriptor'
import { errno, errnoOf } from './errno'

/** Opens a socket that has begun to connect, or a negative errno. */
export function openSocket(spec: Pick<ConnectSpec, 'kind' | 'host' | 'port' | 'path'>): Socket | number {
  const isUnix = spec.kind === 'unix'
  if (isUnix && !spec.path) return -errno.EINVAL
  if (!isUnix && (net.isIP(spec.host ?? '') === 0 || !isPort(spec.port))) return -errno.EINVAL
  const socket = new net.Socket({ allowHalfOpen: true })
  if (isUnix) socket.connect({ path: spec.path as string })
  else socket.connect({ host: spec.host as string, port: spec.port as number, autoSelectFamily: false })
  return socket
}

function isPort(port: number | undefined): port is number {
  return Number.isInteger(port) && (port as number) >= 0 && (port as number) < 65536
}

/** A node:net socket behind a virtual descriptor: bytes wait in a queue of 64 KiB each way. */
export class SocketDescriptor extends Descriptor {
  readonly #socket: Socket
  readonly #path: string | undefined
  readonly #in = new ByteQueue(QUEUE_BYTES)
  #connected: boolean
  #ended = false
  #shut = false
  #error = 0
  #dead = false

  constructor(socket: Socket, connected: boolean, path?: string) {
    super()
    this.#socket = socket
    this.#connected = connected
    this.#path = path
    socket.unref()
    socket.on('connect', () => this.#onConnect())
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => this.#onError(errnoOf(error)))
    socket.on('close', () => this.#onClose())
    if (connected) socket.resume()
  }

  override ready(): number {
    let mask = this.#error !== 0 || this.#dead ? MaskBit.EXCEPTION : 0
    if (this.#in.size > 0 || this.#ended || this.#dead) mask |= MaskBit.READ
    if (this.#dead || (this.#connected && this.unsent < QUEUE_BYTES)) mask |= MaskBit.WRITE
    return mask
  }

  override read(into: Uint8Array): number {
    if (into.length === 0) return 0
    if (this.#in.size > 0) {
      const count = this.#in.read(into)
      if (this.#in.room > 0 && this.#socket.isPaused()) this.#socket.resume()
      return count
    }
    const error = this.socketError()
    if (error !== 0) return -error
    if (!this.#connected) return this.#dead ? -errno.ENOTCONN : -errno.EAGAIN
    return this.#ended || this.#dead ? 0 : -errno.EAGAIN
  }

  override write(from: Uint8Array): number {
    if (this.#shut) return -errno.EPIPE
    const error = this.socketError()
    if (error !== 0) return -error
    if (this.#dead) return -errno.EPIPE
    if (!this.#connected) return -errno.EAGAIN
    if (from.length === 0) return 0
    const count = Math.min(from.length, QUEUE_BYTES - this.unsent)
    if (count <= 0) return -errno.EAGAIN
    this.#socket.write(new Uint8Array(from.subarray(0, count)), () => this.changed())
    return count
  }

  override shutdown(): void {
    this.#shut = true
    this.#socket.end()
  }

  /** Written bytes still go out; unread ones are lost. */
  override close(): void {
    this.onChange = undefined
    this.#in.clear()
    this.#socket.destroySoon()
  }

  override socketError(): number {
    const error = this.#error
    this.#error = 0
    return error
  }

  override pendingError(): number {
    return this.#error
  }

  override get unsent(): number {
    return this.#socket.writableLength
  }

  override address(peer: boolean): AddressInfo | undefined {
    return socketAddress(this.#socket, peer, this.#path)
  }

  #onConnect(): void {
    this.#connected = true
    this.changed()
  }

  #onData(chunk: Uint8Array): void {
    this.#in.push(chunk)
    if (this.#in.room === 0) this.#socket.pause()
    this.changed()
  }

  #onEnd(): void {
    this.#ended = true
    this.changed()
  }

  #onError(error: number): void {
    this.#error = error
    this.changed()
  }

  #onClose(): void {
    this.#dead = true
    this.changed()
  }
}

/** A node:net server behind a virtual descriptor: connections wait paused until `accept` takes them. */
export class ServerDescriptor extends Descriptor {
  readonly #server: Server
  readonly #waiting: Socket[] = []
  readonly #path: string | undefined
  #error = 0

  private constructor(server: Server, path: string | undefined) {
    super()
    this.#server = server
    this.#path = path
  }

  /** Listens, or returns a negative errno. */
  static open(spec: BindSpec): ServerDescriptor | number {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
    const descriptor = new ServerDescriptor(server, spec.kind === 'unix' ? spec.path : undefined)
    server.on('error', (error) => descriptor.#onError(errnoOf(error)))
    server.on('connection', (socket) => descriptor.#onConnection(socket, spec.backlog))
    const result = bindServer(server, spec)
    if (result < 0) return result
    server.unref()
    return descriptor
  }

  override ready(): number {
    if (this.#error !== 0) return MaskBit.READ | MaskBit.EXCEPTION
    return this.#waiting.length > 0 ? MaskBit.READ : 0
  }

  override accept(): Descriptor | number {
    const error = this.socketError()
    if (error !== 0) return -error
    const socket = this.#waiting.shift()
    return socket === undefined ? -errno.EAGAIN : new SocketDescriptor(socket, true, this.#path)
  }

  override read(): number {
    return -errno.ENOTCONN
  }

  override write(): number {
    return -errno.ENOTCONN
  }

  override close(): void {
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
    this.#waiting.length = 0
  }

  override socketError(): number {
    const error = this.#error
    this.#error = 0
    return error
  }

  override pendingError(): number {
    return this.#error
  }

  override address(peer: boolean): AddressInfo | undefined {
    return peer ? undefined : serverAddress(this.#server)
  }

  #onConnection(socket: Socket, backlog: number): void {
    socket.unref()
    socket.on('error', () => {})
    // The system would leave these clients without an answer; Node has accepted them, so they are refused.
    if (this.#waiting.length >= Math.max(backlog, 1)) return void socket.destroy()
    this.#waiting.push(socket)
    this.changed()
  }

  #onError(error: number): void {
    this.#error = error
    this.changed()
  }
}
