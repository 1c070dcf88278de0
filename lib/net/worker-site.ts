import type { AddressInfo } from '../backend/backend'
import { compiledFile } from '../backend/platform'
import { selectBackend } from '../backend/select'
import { HeddleError } from '../errors'
import type { RemoteLoop } from '../eventer'
import type { CloseOptions } from './listener'
import type { SiteMessage, SiteSpec } from './served'
import { type SocketOptions, type SpreadSocket, assertSharable, nextOptions, spread } from './spread'

/** Numbers of sites in this isolate. */
let lastSite = 0

/** An address on which a site listens, and what was asked for. */
interface Opened {
  readonly options: SocketOptions
  readonly address: AddressInfo
}

/**
 * A server whose parts run in the workers of a pool, one each: the side of the isolate that made the pool. `service` is a
 * module of this package that makes the part (see `served.ts`). A worker that takes the place of a dead one gets its part
 * and listens as the dead one did.
 */
export class WorkerSite {
  readonly #loops: readonly [RemoteLoop, ...RemoteLoop[]]
  readonly #service: string
  readonly #spec: SiteSpec
  readonly #hear: (message: SiteMessage) => void
  readonly #opened: Opened[] = []
  readonly #id = ++lastSite
  /** Open connections of each part, as its worker has last said. */
  readonly #counts: Int32Array
  readonly #replaced = new Map<RemoteLoop, () => void>()
  #made: Promise<void> | undefined
  #closes = 0

  constructor(
    loops: readonly [RemoteLoop, ...RemoteLoop[]],
    service: string,
    spec: SiteSpec,
    hear: (message: SiteMessage) => void,
  ) {
    this.#loops = loops
    this.#service = compiledFile(service)
    this.#spec = spec
    this.#hear = hear
    this.#counts = new Int32Array(new SharedArrayBuffer(loops.length * 4))
  }

  get addresses(): AddressInfo[] {
    return this.#opened.map(({ address }) => address)
  }

  /** Up to a quarter of a second old. */
  get connections(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** Fails with what the first of the workers fails with; ERR_NATIVE_REQUIRED, ERR_CLOSED. */
  async listen(options: SocketOptions): Promise<AddressInfo> {
    const backend = selectBackend()
    assertSharable(backend, this.#loops.length)
    const closes = this.#closes
    this.#made ??= this.#make()
    try {
      await this.#made
    } catch (error) {
      this.#made = undefined
      throw error
    }
    const sockets = await spread(backend, this.#loops, options, (loop, each) => this.#open(loop, each))
    const { address } = sockets[0] as SpreadSocket
    if (closes !== this.#closes) {
      await Promise.all(sockets.map((socket) => socket.close()))
      throw new HeddleError('ERR_CLOSED', 'the server was closed while it began to listen')
    }
    this.#opened.push({ options, address })
    return address
  }

  /** The parts stop listening; with `drain` resolves when the last connection of each is gone. */
  async close(options: CloseOptions): Promise<void> {
    this.#closes++
    this.#opened.length = 0
    if (this.#made === undefined) return
    const over = await Promise.all(this.#loops.map((loop) => this.#tell(loop, 'close', options)))
    if (over.every((isOver) => isOver !== false)) this.#forget()
  }

  /** Every part is over; listening again makes new ones. */
  #forget(): void {
    this.#made = undefined
    for (const loop of this.#loops) {
      loop.heard.delete(this.#id)
      loop.replaced.delete(this.#replaced.get(loop) as () => void)
    }
    this.#replaced.clear()
  }

  async #make(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => this.#makeOne(loop)))
    for (const loop of this.#loops) {
      if (this.#replaced.has(loop)) continue
      const again = (): void => void this.#again(loop)
      this.#replaced.set(loop, again)
      loop.replaced.add(again)
    }
  }

  #makeOne(loop: RemoteLoop): Promise<unknown> {
    const counts = this.#counts
    const place = this.#loops.indexOf(loop)
    loop.heard.set(this.#id, (message) => this.#hear(message as SiteMessage))
    return this.#call(loop, 'make', { id: this.#id, spec: this.#spec, counts, place })
  }

  async #open(loop: RemoteLoop, options: SocketOptions): Promise<SpreadSocket> {
    const arg = { id: this.#id, options }
    const opened = (await this.#call(loop, 'listen', arg)) as Pick<SpreadSocket, 'address' | 'share'>
    return { ...opened, close: async () => void (await this.#tell(loop, 'close', {})) }
  }

  /** Another worker is in the place of one that died. */
  async #again(loop: RemoteLoop): Promise<void> {
    Atomics.store(this.#counts, this.#loops.indexOf(loop), 0)
    const closes = this.#closes
    try {
      await this.#makeOne(loop)
      for (const { options, address } of this.#opened) {
        const others = this.#loops.filter((other) => other !== loop && other.loopId !== 0)
        const share = await this.#shareOf(others, address)
        const ownSockets = selectBackend().capabilities.reusePort && address.family !== 'unix'
        // Alone it binds anew, where it was bound.
        const known = { address, share: share ?? -1 }
        const next = nextOptions(options, known, ownSockets && this.#loops.length > 1)
        await this.#open(loop, share === undefined ? { ...next, share: undefined as never } : next)
      }
      if (closes !== this.#closes) await this.#tell(loop, 'close', {})
    } catch (error) {
      this.#hear({ kind: 'acceptError', error })
    }
  }

  async #shareOf(others: readonly RemoteLoop[], address: AddressInfo): Promise<number | undefined> {
    for (const other of others) {
      const share = await this.#call(other, 'share', { id: this.#id, address }).catch(() => undefined)
      if (typeof share === 'number') return share
    }
    return undefined
  }

  /** What a worker that is gone need not be told. */
  async #tell(loop: RemoteLoop, op: string, options: object): Promise<unknown> {
    try {
      return await this.#call(loop, op, { id: this.#id, options })
    } catch (error) {
      if (!(error instanceof HeddleError) || error.code !== 'ERR_WORKER_DIED') throw error
      return undefined
    }
  }

  #call(loop: RemoteLoop, op: string, arg: object): Promise<unknown> {
    return loop.call({ module: this.#service, export: op }, arg)
  }
}
