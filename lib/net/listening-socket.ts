import type { AddressInfo, HttpSpec, ListenSpec } from '../backend/backend'
import type { Port } from '../backend/port'
import { systemError } from '../errors'
import { type Endpoint, resolveEndpoints } from './address'
import { NetDriver } from './driver'
import { listenSpec } from './options'
import type { SocketOptions } from './spread'
import { pathIdentity, preparePath, removePath } from './unix-path'

/** What the owner of a listening socket hears of it. */
export interface SocketOwner {
  /** It listens under this handle; comes before everything else. */
  opened?(handle: number): void
  accepted(connection: number): void
  failed(errno: number): void
}

/** One listening descriptor of an engine, with the file it may have made. Listeners of TCP and of HTTP have one. */
export class ListeningSocket {
  readonly port: Port
  readonly handle: number
  readonly address: AddressInfo
  readonly #path: string | undefined
  #identity = 0n
  #closed: Promise<void> | undefined
  #resolveClosed: () => void = () => {}
  #resolveEmpty: () => void = () => {}
  /** Resolves when it is closed and the last of its connections is gone. */
  readonly empty = new Promise<void>((resolve) => {
    this.#resolveEmpty = resolve
  })

  private constructor(port: Port, handle: number, spec: ListenSpec, path: string | undefined) {
    this.port = port
    this.handle = handle
    this.#path = path
    this.address = port.engine.listenerAddress(handle) ?? addressOf(spec)
  }

  /** Binds and listens; fails with the POSIX code of the first address that cannot be had. */
  static async open(
    port: Port,
    options: SocketOptions,
    owner: SocketOwner,
    http?: HttpSpec,
  ): Promise<ListeningSocket> {
    const endpoint = (await resolveEndpoints(options))[0] as Endpoint
    const { share } = options
    const spec = { ...listenSpec(endpoint, options, http), ...(share !== undefined && { share }) }
    // The file of a shared socket is that of whoever bound it.
    const path = share === undefined ? spec.path : undefined
    if (path !== undefined) await preparePath(path)
    const handle = port.engine.listen(spec)
    if (handle < 0) throw systemError(handle, 'listen', describe(spec))
    const socket = new ListeningSocket(port, handle, spec, path)
    NetDriver.of(port).addListener(handle, {
      accepted: (connection) => owner.accepted(connection),
      failed: (errno) => owner.failed(errno),
      closed: () => socket.#resolveClosed(),
      empty: () => socket.#resolveEmpty(),
    })
    owner.opened?.(handle)
    if (path !== undefined) await socket.#identify(path)
    return socket
  }

  /** See `ListenSpec.share`; negative once it is closed. */
  get share(): number {
    return this.port.engine.listenerShare(this.handle)
  }

  /** From the call of `close` on. */
  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  /** Stops accepting and gives the address free. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** Settles `empty` for a socket that was closed on an engine that is gone, and that therefore tells nothing. */
  look(): void {
    const isClosed = this.#closed !== undefined && this.port.engine.listenerAddress(this.handle) === undefined
    if (isClosed && this.port.engine.listenerConnections(this.handle) <= 0) this.#resolveEmpty()
  }

  async #identify(path: string): Promise<void> {
    try {
      this.#identity = await pathIdentity(path)
    } catch (error) {
      this.port.engine.listenerClose(this.handle)
      throw error
    }
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#resolveClosed = resolve
    })
    try {
      if (this.#path !== undefined) await removePath(this.#path, this.#identity)
    } finally {
      // A file that cannot be removed must not keep the descriptor open.
      const result = this.port.engine.listenerClose(this.handle)
      if (result >= 0) await closed
      // The engine is gone, and what it held with it.
      else this.#resolveEmpty()
    }
  }
}

function describe(spec: ListenSpec): string {
  return spec.path ?? (spec.host?.includes(':') ? `[${spec.host}]:${spec.port}` : `${spec.host}:${spec.port}`)
}

function addressOf(spec: ListenSpec): AddressInfo {
  if (spec.path !== undefined) return { family: 'unix', address: spec.path, port: 0 }
  const host = spec.host ?? ''
  return { family: host.includes(':') ? 'IPv6' : 'IPv4', address: host, port: spec.port ?? 0 }
}
