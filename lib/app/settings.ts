import type { EventerOptions, PoolOptions } from '../eventer'
import type { JobQueueOptions } from '../jobq'
import type { ThreadPoolOptions } from '../threadpool'
import type { CoreSlots } from './core-options'
import { httpOf, type PoolKinds, tcpOf } from './endpoint-settings'
import type { Generation } from './generation'
import type { HttpSettings } from './http-service'
import type { Spot } from './place'
import { controlOf, eventerOf, identityOf, poolOf } from './process-settings'
import { listed } from './stanzas'
import type { TcpSettings } from './tcp-service'
import { jobqOf, threadPoolOf } from './threads-settings'

/** Where the console is. */
export interface ControlSettings extends Spot {
  readonly where: { readonly path: string } | { readonly port: number; readonly token: string }
}

/** Whom the process becomes when its listeners are open. Names or numbers. */
export interface Identity {
  readonly user: string | undefined
  readonly group: string
  /** Where it is said. */
  readonly place: string
}

/** What a stanza says to one that is told by options. */
export interface StanzaSettings<T> extends Spot {
  readonly name: string
  readonly options: T
}

/** What a generation says to the core, in the words of those who are told. Plain data. */
export interface Settings {
  readonly eventer: StanzaSettings<EventerOptions>
  readonly pools: readonly StanzaSettings<PoolOptions>[]
  readonly threadPools: readonly StanzaSettings<ThreadPoolOptions>[]
  readonly jobqs: readonly StanzaSettings<JobQueueOptions>[]
  readonly http: readonly HttpSettings[]
  readonly tcp: readonly TcpSettings[]
  /** Undefined: no control socket. */
  readonly control: ControlSettings | undefined
  readonly identity: Identity | undefined
  readonly drainMs: number
}

/**
 * Reads a generation. What is wrong with it is in `from.problems`, each with its place, and what could not be read for that
 * is missing. `pools` are those of the process; before there are any, those that the generation names.
 */
export function settingsOf(from: Generation, slots: CoreSlots, pools = kindsOf(from, slots)): Settings {
  const eventer = from.attempt('', () => eventerOf(from, slots)) ?? NO_EVENTER
  return {
    eventer,
    pools: listed(from, 'Pool', (name, stanza) => poolOf(from, slots, name, stanza)),
    threadPools: listed(from, 'ThreadPool', (name, stanza) => threadPoolOf(from, slots, name, stanza)),
    jobqs: listed(from, 'Jobq', (name, stanza) => jobqOf(from, slots, name, stanza)),
    http: listed(from, 'HTTP_Listener', (name, stanza) => httpOf(from, slots, name, stanza, pools)),
    tcp: listed(from, 'Listener', (name, stanza) => tcpOf(from, slots, name, stanza, pools)),
    control: from.attempt('', () => controlOf(from, slots)),
    identity: from.attempt('', () => identityOf(from, slots)),
    drainMs: from.attempt('', () => from.get(slots.global.drainTimeout)) ?? 0,
  }
}

const NO_EVENTER: Settings['eventer'] = { name: '', place: '', line: '', path: 'Eventer', options: {} }

/** Whatever else is wrong with them. */
function kindsOf(from: Generation, { pool }: CoreSlots): PoolKinds {
  const kindOf = (name: string) => from.attempt('', () => from.get(pool.kind, { scopes: { Pool: name } }))
  return new Map(from.stanzas('Pool').map(({ instance = '' }) => [instance, kindOf(instance)]))
}
