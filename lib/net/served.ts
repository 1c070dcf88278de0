import type { AddressInfo } from '../backend/backend'
import type { Eventer, ExportTarget, PoolContext } from '../eventer'
import { HeddleError } from '../errors'
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

/** What a part of a server tells the isolate that made the pool. */
export type SiteMessage =
  | { readonly kind: 'error'; readonly error: unknown; readonly request: { method: string; url: string } }
  | { readonly kind: 'refused'; readonly refusal: { status: number; errno: number } }
  | { readonly kind: 'acceptError'; readonly error: unknown }

/** A part of a server, in a worker. */
export interface Site {
  readonly connections: number
  listen(options: SocketOptions): Promise<{ readonly address: AddressInfo; readonly share: number }>
  /** Of the socket with this address, or undefined. */
  share(address: AddressInfo): number | undefined
  close(options: CloseOptions): Promise<void>
}

/** What `make` is called with. */
export interface MakeMessage {
  readonly id: number
  readonly spec: SiteSpec
  readonly counts: Int32Array
  readonly place: number
}

/** How often the number of connections is written down for the isolate that made the pool. */
const COUNT_MS = 250

/** The parts that run in this worker, by the numbers of their servers, and their timers. */
class Served {
  readonly sites = new Map<number, Site>()
  readonly #timers = new Map<number, NodeJS.Timeout>()

  /** Counts as long as there may be connections. */
  count(id: number, write: () => number): void {
    clearInterval(this.#timers.get(id))
    write()
    this.#timers.set(id, setInterval(write, COUNT_MS).unref())
  }

  uncount(id: number): void {
    clearInterval(this.#timers.get(id))
    this.#timers.delete(id)
  }
}

export function sameAddress(a: AddressInfo, b: AddressInfo): boolean {
  return a.family === b.family && a.address === b.address && a.port === b.port
}

const servedBy = new WeakMap<Eventer, Map<object, Served>>()

/** The exports of a service module, which a `WorkerSite` calls in its workers. `make` makes the part of one worker. */
export function service(
  make: (spec: SiteSpec, context: PoolContext, tell: (message: SiteMessage) => void) => Promise<Site>,
) {
  const of = ({ eventer }: PoolContext): Served => {
    const all = servedBy.get(eventer) ?? new Map<object, Served>()
    servedBy.set(eventer, all)
    const known = all.get(make) ?? new Served()
    all.set(make, known)
    return known
  }
  const counters = new WeakMap<Site, () => number>()
  return {
    async make({ id, spec, counts, place }: MakeMessage, context: PoolContext): Promise<void> {
      const site = await make(spec, context, (message) => context.tell(id, message))
      counters.set(site, () => Atomics.store(counts, place, site.connections))
      of(context).sites.set(id, site)
    },
    async listen({ id, options }: { id: number; options: SocketOptions }, context: PoolContext) {
      const served = of(context)
      const site = served.sites.get(id)
      if (site === undefined)
        throw new HeddleError('ERR_CLOSED', 'the server was closed while it began to listen')
      const { address, share } = await site.listen(options)
      served.count(id, counters.get(site) as () => number)
      return { address, share }
    },
    share({ id, address }: { id: number; address: AddressInfo }, context: PoolContext) {
      return of(context).sites.get(id)?.share(address)
    },
    /** Whether the part is over: what has connections left is counted on. */
    async close(
      { id, options }: { id: number; options: CloseOptions },
      context: PoolContext,
    ): Promise<boolean> {
      const served = of(context)
      const site = served.sites.get(id)
      if (site === undefined) return true
      await site.close(options)
      if ((counters.get(site) as () => number)() > 0) return false
      served.uncount(id)
      served.sites.delete(id)
      return true
    },
  }
}
