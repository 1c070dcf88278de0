import type { AddressInfo } from '../backend/backend'
import type { ExportTarget, PoolContext } from '../eventer'
import type { CloseOptions } from './listener'
import type { SocketOptions } from './spread'

/** What a server is made from, in whichever isolate: its options that can be cloned, and what serves. */
export interface SiteSpec {
  readonly options: object
  readonly target: ExportTarget | undefined
  readonly routes?: readonly SiteRoute[]
  /** Callbacks of the user that wait for messages. */
  readonly hears: readonly SiteMessage['kind'][]
}

export interface SiteRoute {
  readonly methods: readonly string[]
  readonly path: string
  readonly target: ExportTarget
  readonly aco: boolean
}

/** What a part of a server tells the user, in the isolate that made the pool. */
export type SiteMessage =
  | { readonly kind: 'error'; readonly error: unknown; readonly request: { method: string; url: string } }
  | { readonly kind: 'refused'; readonly refusal: { status: number; errno: number } }
  | { readonly kind: 'acceptError'; readonly error: unknown }

/** The last connection of a part that had been told to close is gone, and the part with it. */
export interface SiteOver {
  readonly kind: 'over'
}

/** A part of a server, in a worker. */
export interface Site {
  readonly connections: number
  listen(options: SocketOptions): Promise<SiteSocket>
  /** Closes all its sockets; with `drain` resolves after the last connection, also of those closed before. */
  close(options: CloseOptions): Promise<void>
}

export interface SiteSocket {
  readonly address: AddressInfo
  /** Stops listening; connections go on. */
  close(): Promise<void>
}

/** What `listen` is called with. */
export interface ListenMessage {
  readonly id: number
  readonly spec: SiteSpec
  /** Open connections of each part. */
  readonly counts: Int32Array
  /** That of this part among them. */
  readonly place: number
  /** Number of the address, for all parts. */
  readonly key: number
  readonly options: SocketOptions
}

/** How often the number of connections is written down for the isolate that made the pool. */
const COUNT_MS = 250

/**
 * A part and the sockets it was told to open, by the numbers of their addresses: from the first `listen` until nothing
 * listens and the last connection is gone.
 */
class Served {
  readonly #making: Promise<Site>
  readonly #sockets = new Map<number, Promise<SiteSocket>>()
  readonly #count: (connections: number) => void
  readonly #ended: () => void
  #site: Site | undefined
  #timer: NodeJS.Timeout | undefined

  /** `ended` is called once; nothing follows. */
  constructor(making: Promise<Site>, count: (connections: number) => void, ended: () => void) {
    this.#making = making
    this.#count = count
    this.#ended = ended
  }

  /** Idempotent for a number. */
  async listen(key: number, options: SocketOptions): Promise<SiteSocket> {
    const known = this.#sockets.get(key)
    if (known !== undefined) return known
    const opening = this.#open(options)
    this.#sockets.set(key, opening)
    try {
      return await opening
    } catch (error) {
      this.#sockets.delete(key)
      this.endIfOver()
      throw error
    }
  }

  async unlisten(key: number): Promise<void> {
    const opening = this.#sockets.get(key)
    await closed(opening)
    if (this.#sockets.get(key) === opening) this.#sockets.delete(key)
  }

  async close(options: CloseOptions): Promise<void> {
    // At once, and those that are being opened when they are: what it is told to open from now on stays.
    const closing = this.#site?.close(options)
    await Promise.all([closing, ...[...this.#sockets.keys()].map((key) => this.unlisten(key))])
  }

  /** Whether the part has ended; then it must be forgotten. */
  endIfOver(): boolean {
    if (this.#sockets.size > 0 || (this.#site?.connections ?? 0) > 0) return false
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#count(0)
    this.#ended()
    return true
  }

  /** Counts as long as there may be connections. `over` is called when it has ended by itself. */
  watch(over: () => void): void {
    this.#timer ??= setInterval(() => {
      this.#count(this.#site?.connections ?? 0)
      if (this.endIfOver()) over()
    }, COUNT_MS).unref()
  }

  write(): void {
    this.#count(this.#site?.connections ?? 0)
  }

  async #open(options: SocketOptions): Promise<SiteSocket> {
    this.#site = await this.#making
    return this.#site.listen(options)
  }
}

async function closed(opening: Promise<SiteSocket> | undefined): Promise<void> {
  const socket = await opening?.catch(() => undefined)
  await socket?.close()
}

/** The exports of a service module, which a `WorkerSite` calls in its workers. `make` makes the part of one worker. */
export function service(
  make: (spec: SiteSpec, context: PoolContext, tell: (message: SiteMessage) => void) => Promise<Site>,
) {
  const parts = new Map<number, Served>()
  const partOf = ({ id, spec, counts, place }: ListenMessage, context: PoolContext): Served => {
    const known = parts.get(id)
    if (known !== undefined) return known
    const tell = (message: SiteMessage | SiteOver): void => context.tell(id, message)
    const part = new Served(
      make(spec, context, tell),
      (connections) => void Atomics.store(counts, place, connections),
      () => {
        if (parts.get(id) === part) parts.delete(id)
      },
    )
    parts.set(id, part)
    part.watch(() => tell({ kind: 'over' }))
    return part
  }
  return {
    /** Makes the part if it is not there. Fails with what its handlers cannot be loaded for, or the POSIX code. */
    async listen(message: ListenMessage, context: PoolContext): Promise<{ readonly address: AddressInfo }> {
      const part = partOf(message, context)
      const { address } = await part.listen(message.key, message.options)
      part.write()
      return { address }
    },
    /** The socket of one address. Whether the part is over. */
    async unlisten({ id, key }: { id: number; key: number }): Promise<boolean> {
      const part = parts.get(id)
      await part?.unlisten(key)
      return part?.endIfOver() ?? true
    },
    /** All of them. Whether the part is over: what has connections left says so later. */
    async close({ id, options }: { id: number; options: CloseOptions }): Promise<boolean> {
      const part = parts.get(id)
      await part?.close(options)
      return part?.endIfOver() ?? true
    },
  }
}
