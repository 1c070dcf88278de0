import type { AddressInfo } from '../backend/backend'
import { compiledFile } from '../backend/platform'
import { selectBackend } from '../backend/select'
import { HeddleError } from '../errors'
import { Eventer, type RemoteLoop } from '../eventer'
import { HeldSocket } from './held-socket'
import type { CloseOptions } from './listener'
import type { ListenMessage, SiteMessage, SiteOver, SiteSpec } from './served'
import { type SocketOptions, assertSharable, atAddress, hasOwnSockets } from './spread'

/** Numbers of sites in this isolate. */
let lastSite = 0

/** An address on which a site listens. */
interface Opened {
  readonly key: number
  /** What each worker is told. */
  readonly where: SocketOptions
  readonly address: AddressInfo
  /** What keeps the address, where the workers share one socket. */
  readonly held: HeldSocket | undefined
}

/** What the site knows of one place of the pool. */
/** Until a worker that could not listen tries again: what it lacked, descriptors say, others may have given back. */
const RETRY_MS = 500

interface Part {
  readonly loop: RemoteLoop
  readonly place: number
  /** Addresses on which the worker that is there now listens. */
  readonly keys: Set<number>
  /** The last `#catchUp`: one after the other, lest an address be brought twice. */
  caughtUp: Promise<void>
  /** Nothing of this site is left in that worker. */
  isOver: boolean
  leave: () => void
}

/**
 * A server whose parts run in the workers of a pool, one each: the side of the isolate that made the pool. `service` is a
 * module of this package that makes the part (see `served.ts`).
 *
 * An address belongs to the site, not to a worker: workers share a socket that is held here, or each has one of its own
 * beside those of the others (SO_REUSEPORT). A worker that takes the place of a dead one listens as the dead one did; a
 * place without a worker catches up when there is one. Only where no worker is left does `listen` fail.
 */
export class WorkerSite {
  readonly #parts: readonly Part[]
  readonly #service: string
  readonly #spec: SiteSpec
  readonly #hear: (message: SiteMessage) => void
  readonly #opened = new Map<number, Opened>()
  readonly #id = ++lastSite
  /** Open connections of each part, as its worker has last said. */
  readonly #counts: Int32Array
  #lastKey = 0
  #closes = 0
  /** Calls of `listen` under way. */
  #listening = 0
  #isAttached = false

  constructor(
    loops: readonly [RemoteLoop, ...RemoteLoop[]],
    service: string,
    spec: SiteSpec,
    hear: (message: SiteMessage) => void,
  ) {
    this.#parts = loops.map((loop, place) => ({
      loop,
      place,
      keys: new Set(),
      caughtUp: Promise.resolve(),
      isOver: true,
      leave: () => {},
    }))
    this.#service = compiledFile(service)
    this.#spec = spec
    // What a callback of the user throws goes its way; neither a worker's end nor another address waits behind it.
    this.#hear = (message) => {
      try {
        hear(message)
      } catch (thrown) {
        selectBackend().uncaught(thrown)
      }
    }
    this.#counts = new Int32Array(new SharedArrayBuffer(loops.length * 4))
  }

  get addresses(): AddressInfo[] {
    return [...this.#opened.values()].map(({ address }) => address)
  }

  /** Up to a quarter of a second old. */
  get connections(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /**
   * Fails with what the first of the workers fails with, ERR_CLOSED, ERR_NATIVE_REQUIRED, or ERR_WORKER_DIED: no worker is
   * left. Other addresses stay as they are.
   */
  async listen(options: SocketOptions): Promise<void> {
    assertSharable(selectBackend(), this.#parts.length)
    this.#attach()
    this.#listening++
    try {
      const opened = await this.#open(options, this.#closes)
      this.#opened.set(opened.key, opened)
      // Whoever has come meanwhile has not been told.
      for (const part of this.#parts) this.#catchUp(part)
    } finally {
      this.#listening--
      this.#detachIfOver()
    }
  }

  /** The parts stop listening; with `drain` resolves when the last connection of each is gone. */
  async close(options: CloseOptions): Promise<void> {
    this.#closes++
    if (!this.#isAttached) return
    const opened = [...this.#opened.values()]
    this.#opened.clear()
    for (const part of this.#parts) {
      part.keys.clear()
      part.isOver = false
    }
    // All at once: a call of `listen` from now on is told behind it.
    const results = await Promise.allSettled([
      ...opened.map(async ({ held }) => held?.close()),
      ...this.#parts.map((part) => this.#tell(part, 'close', { options })),
    ])
    this.#detachIfOver()
    for (const each of results) if (each.status === 'rejected') throw each.reason
  }

  async #open(options: SocketOptions, closes: number): Promise<Opened> {
    const key = ++this.#lastKey
    const ownSockets = await this.#haveOwnSockets(options)
    const held = ownSockets ? undefined : await HeldSocket.open(Eventer.current().loops[0].port, options)
    try {
      this.#assertOpen(closes)
      const how = { ...options, ...this.#how(held, options) }
      const address = held?.address ?? (await this.#openFirst(key, how))
      this.#assertOpen(closes)
      const opened = { key, where: atAddress(how, address), address, held }
      await this.#openAll(opened)
      this.#assertOpen(closes)
      return opened
    } catch (error) {
      await Promise.all(this.#parts.map((part) => this.#tell(part, 'unlisten', { key })))
      await held?.close()
      throw error
    }
  }

  /** Without native code there is one worker, which binds; it can share nothing with this isolate. */
  async #haveOwnSockets(options: SocketOptions): Promise<boolean> {
    const backend = selectBackend()
    if (backend.capabilities.backend !== 'native') return true
    return this.#parts.length > 1 && (await hasOwnSockets(backend, options))
  }

  #how(held: HeldSocket | undefined, options: SocketOptions): Pick<SocketOptions, 'share' | 'reusePort'> {
    if (held !== undefined) return { share: held.share }
    return { reusePort: this.#parts.length > 1 || options.reusePort === true }
  }

  /** In the first worker that is there; the system may choose the port. */
  async #openFirst(key: number, options: SocketOptions): Promise<AddressInfo> {
    for (const part of this.#parts) {
      const address = await this.#listenAt(part, key, options)
      if (address !== undefined) return address
    }
    throw noWorker()
  }

  async #openAll(opened: Opened): Promise<void> {
    const results = await Promise.allSettled(this.#parts.map((part) => this.#bring(part, opened)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    if (!this.#parts.some(({ keys }) => keys.has(opened.key))) throw noWorker()
  }

  /** Has the worker of a place listen, if it does not and is there. */
  async #bring(part: Part, { key, where }: Opened): Promise<void> {
    if (!part.keys.has(key)) await this.#listenAt(part, key, where)
  }

  /** undefined: there is no worker, or it has died meanwhile. */
  async #listenAt(part: Part, key: number, options: SocketOptions): Promise<AddressInfo | undefined> {
    const { loop, place } = part
    const { loopId } = loop
    if (loopId === 0) return undefined
    const message = { id: this.#id, spec: this.#spec, counts: this.#counts, place, key, options }
    part.isOver = false
    try {
      const { address } = (await this.#call(loop, 'listen', message satisfies ListenMessage)) as {
        address: AddressInfo
      }
      if (loop.loopId === loopId) part.keys.add(key)
      return address
    } catch (error) {
      if (isDeath(error)) return undefined
      throw error
    }
  }

  /** Another worker is in the place of one that died, or an address has come. What fails is tried again after a while. */
  #catchUp(part: Part): void {
    part.caughtUp = part.caughtUp.then(async () => {
      let isMissing = false
      for (const opened of this.#opened.values()) {
        try {
          await this.#bring(part, opened)
        } catch (error) {
          // Closed meanwhile is no failure.
          if (!this.#opened.has(opened.key)) continue
          isMissing = true
          this.#hear({ kind: 'acceptError', error })
        }
      }
      if (isMissing) setTimeout(() => this.#catchUp(part), RETRY_MS).unref()
    })
  }

  /** What it held has gone with it. */
  #lost(part: Part): void {
    part.keys.clear()
    part.isOver = true
    Atomics.store(this.#counts, part.place, 0)
    if (this.#parts.every(({ loop }) => loop.isAbandoned)) this.#giveUp()
    this.#detachIfOver()
  }

  /** Nobody will ever accept: clients are better refused. */
  #giveUp(): void {
    const opened = [...this.#opened.values()]
    this.#opened.clear()
    for (const { held } of opened)
      held?.close().catch((error: unknown) => this.#hear({ kind: 'acceptError', error }))
  }

  #heard(part: Part, message: SiteMessage | SiteOver): void {
    if (message.kind === 'over') {
      part.isOver = true
      this.#detachIfOver()
    } else this.#hear(message)
  }

  #attach(): void {
    if (this.#isAttached) return
    this.#isAttached = true
    for (const part of this.#parts) {
      const { loop } = part
      const replaced = (): void => this.#catchUp(part)
      const lost = (): void => this.#lost(part)
      loop.heard.set(this.#id, (message) => this.#heard(part, message as SiteMessage | SiteOver))
      loop.replaced.add(replaced)
      loop.lost.add(lost)
      part.leave = () => {
        loop.heard.delete(this.#id)
        loop.replaced.delete(replaced)
        loop.lost.delete(lost)
      }
    }
  }

  /** Listening again attaches anew. */
  #detachIfOver(): void {
    if (this.#opened.size > 0 || this.#listening > 0 || !this.#isAttached) return
    if (!this.#parts.every(({ isOver }) => isOver)) return
    this.#isAttached = false
    for (const part of this.#parts) part.leave()
  }

  /** What a worker that is gone need not be told. */
  async #tell(part: Part, op: 'close' | 'unlisten', arg: object): Promise<void> {
    try {
      part.isOver = (await this.#call(part.loop, op, { id: this.#id, ...arg })) === true
    } catch (error) {
      if (!isDeath(error)) throw error
      part.isOver = true
    }
  }

  #call(loop: RemoteLoop, op: string, arg: object): Promise<unknown> {
    return loop.call({ module: this.#service, export: op }, arg)
  }

  #assertOpen(closes: number): void {
    if (closes !== this.#closes)
      throw new HeddleError('ERR_CLOSED', 'the server was closed while it began to listen')
  }
}

function isDeath(error: unknown): boolean {
  return error instanceof HeddleError && error.code === 'ERR_WORKER_DIED'
}

function noWorker(): HeddleError {
  return new HeddleError('ERR_WORKER_DIED', 'no worker is there to listen')
}
