import type { AddressInfo } from '../backend/backend'
import type { Port } from '../backend/port'
import { systemError } from '../errors'
import { type Endpoint, resolveEndpoints } from './address'
import { NetDriver } from './driver'
import { listenSpec } from './options'
import type { SocketOptions } from './spread'
import { pathIdentity, preparePath, removePath } from './unix-path'

/**
 * A listening socket that accepts nothing: it keeps an address for others, who share it. They may come and go; meanwhile
 * clients wait in its backlog. Needs no running loop. Native backend only.
 */
export class HeldSocket {
  readonly address: AddressInfo
  /** See `ListenSpec.share`. */
  readonly share: number
  readonly #port: Port
  readonly #handle: number
  #identity = 0n

  private constructor(port: Port, handle: number) {
    this.#port = port
    this.#handle = handle
    this.address = port.engine.listenerAddress(handle) as AddressInfo
    this.share = port.engine.listenerShare(handle)
  }

  /** Binds and listens; fails with the POSIX code. */
  static async open(port: Port, options: SocketOptions): Promise<HeldSocket> {
    const endpoint = (await resolveEndpoints(options))[0] as Endpoint
    const spec = { ...listenSpec(endpoint, options), holds: true }
    if (spec.path !== undefined) await preparePath(spec.path)
    const handle = port.engine.listen(spec)
    if (handle < 0) throw systemError(handle, 'listen', spec.path ?? `${spec.host}:${spec.port}`)
    // For the records of its end.
    NetDriver.of(port)
    const held = new HeldSocket(port, handle)
    await held.#identify()
    return held
  }

  /** Gives the address free, as far as nobody shares it; a path at once. Idempotent. */
  async close(): Promise<void> {
    const { family, address } = this.address
    try {
      if (family === 'unix') await removePath(address, this.#identity)
    } finally {
      this.#port.engine.listenerClose(this.#handle)
    }
  }

  async #identify(): Promise<void> {
    const { family, address } = this.address
    if (family !== 'unix') return
    try {
      this.#identity = await pathIdentity(address)
    } catch (error) {
      this.#port.engine.listenerClose(this.#handle)
      throw error
    }
  }
}
