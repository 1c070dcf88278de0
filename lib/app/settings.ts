import { resolve } from 'node:path'
import { HeddleError } from '../errors'
import type { EventerOptions, PoolOptions } from '../eventer'
import type { JobQueueOptions } from '../jobq'
import { checkName as checkQueueName } from '../jobq/job-queues'
import { initialLimits } from '../jobq/limits'
import type { LocatedTarget } from '../jobq/targets'
import type { ThreadPoolOptions } from '../threadpool'
import { checkName as checkPoolName, poolSpec, PREDEFINED } from '../threadpool/pool-spec'
import type { ConfigQuery } from '../config'
import type { CoreSlot } from './core-option'
import type { CoreSlots } from './core-options'
import type { Generation, Stanza } from './generation'
import { handlerTarget } from './handler-name'
import type { HttpSettings } from './http-service'
import { placed, type Spot, spotOf } from './place'
import { Problems } from './problems'
import type { RouteSpec } from './route-table'
import type { TcpSettings } from './tcp-service'

/** Where the console is. */
export interface ControlSettings {
  readonly where: { readonly path: string } | { readonly port: number; readonly token: string }
  readonly place: string
}

/** A pool or queue as a stanza describes it. */
export interface ThreadsSettings<T> extends Spot {
  readonly name: string
  readonly options: T
}

/** What a generation says to the core, in the words of those who are told. Plain data. */
export interface Settings {
  readonly eventer: EventerOptions
  readonly threadPools: readonly ThreadsSettings<ThreadPoolOptions>[]
  readonly jobqs: readonly ThreadsSettings<JobQueueOptions>[]
  readonly http: readonly HttpSettings[]
  readonly tcp: readonly TcpSettings[]
  /** Undefined: no control socket. */
  readonly control: ControlSettings | undefined
  readonly user: string | undefined
  readonly group: string | undefined
  readonly drainMs: number
}

/**
 * Reads a generation. ERR_CONFIG_VALUE, and what the parts are refused with: `Problems` has all that is wrong, each with its
 * place.
 */
export function settingsOf(from: Generation, slots: CoreSlots): Settings {
  const settings = read(from, slots)
  if (from.problems.length > 0) throw new Problems(from.problems)
  return settings
}

function read(from: Generation, slots: CoreSlots): Settings {
  const { global } = slots
  const pools = poolsOf(from, slots)
  return {
    eventer: { ...eventerOf(from, slots), pools },
    threadPools: listed(from, 'ThreadPool', (name, stanza) => threadPoolOf(from, slots, name, stanza)),
    jobqs: listed(from, 'Jobq', (name, stanza) => jobqOf(from, slots, name, stanza)),
    http: listed(from, 'HTTP_Listener', (name, stanza) => httpOf(from, slots, name, stanza, pools)),
    tcp: listed(from, 'Listener', (name, stanza) => tcpOf(from, slots, name, stanza, pools)),
    control: from.attempt('', () => controlOf(from, slots)),
    user: from.get(global.user),
    group: from.get(global.group),
    drainMs: from.get(global.drainTimeout),
  }
}

const query = (type: string, name: string): ConfigQuery => ({ scopes: { [type]: name } })

/** Without what is undefined: the other side has defaults of its own. */
function given<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}

/** Each name once, however often it has a stanza. */
function listed<T>(
  from: Generation,
  type: string,
  read: (name: string, stanza: Stanza) => T | undefined,
): T[] {
  const stanzas = new Map<string, Stanza>()
  for (const stanza of from.stanzas(type)) {
    const { instance = '', place } = stanza
    if (instance === '') from.problems.push(bad(place, `${type} has a name: ${type} "name" { }`))
    else stanzas.set(instance, stanza)
  }
  const found = [...stanzas].map(([name, stanza]) => from.attempt(stanza.place, () => read(name, stanza)))
  return found.filter((one) => one !== undefined)
}

function byName<T>(
  from: Generation,
  type: string,
  read: (name: string, stanza: Stanza) => T,
): Record<string, T> {
  return Object.fromEntries(listed(from, type, (name, stanza) => [name, read(name, stanza)] as const))
}

function eventerOf(from: Generation, { eventer }: CoreSlots): EventerOptions {
  const slow = from.get(eventer.slowCallback)
  return given<EventerOptions>({
    loops: from.get(eventer.loops),
    kind: from.get(eventer.kind),
    maxSleepMs: from.get(eventer.maxSleep),
    watchdogTimeoutMs: from.get(eventer.watchdogTimeout),
    maxTimedEventsPerIteration: from.get(eventer.timersPerPass),
    maxEventsPerWait: from.get(eventer.eventsPerWait),
    strict: from.get(eventer.strict),
    debugging: from.get(eventer.debugging),
    showLoopCallbacksThreshold: slow,
    asyncContext: from.get(eventer.asyncContext),
    sections: from.get(eventer.sections),
    rlimNofiles: from.get(eventer.openFiles),
  } as { [K in keyof EventerOptions]: EventerOptions[K] | undefined })
}

function poolsOf(from: Generation, { pool }: CoreSlots): Record<string, PoolOptions> {
  return byName(from, 'Pool', (name) => {
    const of = query('Pool', name)
    const module = from.get(pool.module, of)
    return given<PoolOptions>({
      kind: from.get(pool.kind, of),
      concurrency: from.get(pool.concurrency, of),
      watchdogTimeout: from.get(pool.watchdogTimeout, of),
      module: module && handlerTarget(module, from.folder(pool.module, of)).module,
      onWorkerDeath: from.get(pool.onWorkerDeath, of),
    } as { [K in keyof PoolOptions]: PoolOptions[K] | undefined })
  })
}

function threadPoolOf(
  from: Generation,
  { threadPool }: CoreSlots,
  name: string,
  stanza: Stanza,
): ThreadsSettings<ThreadPoolOptions> {
  const of = query('ThreadPool', name)
  const spot = spotOf(stanza.place, `ThreadPool "${name}"`)
  const kind = from.get(threadPool.kind, of)
  const predefined = [...PREDEFINED].find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1]
  if (predefined !== undefined && kind === 'native')
    throw bad(spot.place, 'a pool that is always there runs exports of modules: its Kind is worker')
  const options = given<ThreadPoolOptions>({
    concurrency: from.get(threadPool.concurrency, of) ?? predefined?.concurrency,
    maxQueue: from.get(threadPool.backlog, of),
    stackSize: from.get(threadPool.stackSize, of),
    kind,
  })
  return checked({ name, ...spot, options }, () => {
    checkPoolName(name)
    poolSpec(options)
  })
}

function jobqOf(
  from: Generation,
  { jobq }: CoreSlots,
  name: string,
  stanza: Stanza,
): ThreadsSettings<JobQueueOptions> {
  const of = query('Jobq', name)
  const [min, max, floor] = [from.get(jobq.min, of), from.get(jobq.max, of), from.get(jobq.floor, of)]
  const concurrency = from.get(jobq.concurrency, of) ?? Math.max(1, min)
  const options = {
    concurrency,
    min,
    max,
    floor,
    kind: from.get(jobq.kind, of),
    maxBacklog: from.get(jobq.backlog, of),
    lifo: from.get(jobq.lifo, of),
    memorySafety: from.get(jobq.safety, of),
    stackSize: from.get(jobq.stackSize, of),
  }
  return checked({ name, ...spotOf(stanza.place, `Jobq "${name}"`), options }, () => {
    checkQueueName(name)
    initialLimits(concurrency, min, max, floor)
  })
}

/** What is wrong with it says where it stands. */
function checked<T extends { readonly place: string }>(settings: T, check: () => void): T {
  try {
    check()
  } catch (error) {
    throw placed(settings.place, error)
  }
  return settings
}

type EndpointSlots = CoreSlots['listener'] | CoreSlots['httpListener']

/** Where it listens: a path, else an address and a port, which must be said. */
function whereOf(from: Generation, slots: EndpointSlots, of: ConfigQuery, place: string) {
  const path = from.get(slots.path, of)
  const port = from.get(slots.port, of)
  const accept = {
    backlog: from.get(slots.backlog, of),
    reusePort: from.get(slots.reusePort, of),
    acceptsPerPass: from.get(slots.acceptsPerPass, of),
  }
  if (path !== undefined) {
    if (port !== undefined) throw bad(place, 'a listener has a path or a port, not both')
    return { ...accept, path: resolve(from.folder(slots.path, of), path) }
  }
  if (port === undefined) throw bad(place, 'a listener needs a port, or the path of a socket')
  return { ...accept, address: from.get(slots.address, of), port, ipv6Only: from.get(slots.ipv6Only, of) }
}

function poolNameOf(
  from: Generation,
  slots: EndpointSlots,
  of: ConfigQuery,
  place: string,
  pools: Readonly<Record<string, PoolOptions>>,
): string | undefined {
  const pool = from.get(slots.pool, of)
  if (pool === undefined || pool === 'default' || Object.hasOwn(pools, pool)) return pool
  throw bad(place, `there is no Pool "${pool}"`)
}

function httpOf(
  from: Generation,
  slots: CoreSlots,
  name: string,
  { place: line }: Stanza,
  pools: Readonly<Record<string, PoolOptions>>,
): HttpSettings | undefined {
  const own = slots.httpListener
  const of = query('HTTP_Listener', name)
  const spot = spotOf(line, `HTTP_Listener "${name}"`)
  const { place } = spot
  if (!from.get(own.enabled, of)) return undefined
  const pool = poolNameOf(from, own, of, place, pools)
  const routes = routesOf(from, slots, name)
  const handler = targetOf(from, own.handler, of, place)
  if (handler === undefined && routes.length === 0)
    throw bad(place, 'nothing is served: it has neither Handler nor Route')
  return {
    kind: 'http',
    name,
    ...spot,
    pool,
    inWorkers: pool !== undefined && pools[pool]?.kind === 'worker',
    where: whereOf(from, own, of, place),
    limits: {
      maxHeadBytes: from.get(own.maxHead, of),
      maxHeaders: from.get(own.maxHeaders, of),
      maxBodyBytes: from.get(own.maxBody, of),
      headTimeout: from.get(own.headTimeout, of),
      requestTimeout: from.get(own.requestTimeout, of),
      keepAliveTimeout: from.get(own.keepAliveTimeout, of),
      writeTimeout: from.get(own.writeTimeout, of),
      responseTimeout: from.get(own.responseTimeout, of),
      maxRequestsPerConnection: from.get(own.maxRequests, of),
      maxPipelined: from.get(own.maxPipelined, of),
      maxConnections: from.get(own.maxConnections, of),
      highWaterBytes: from.get(own.highWater, of),
    },
    handler,
    routes,
  }
}

const ROUTE = /^([A-Za-z]+(?:,[A-Za-z]+)*) +(\/\S*|\*)$/

function routesOf(from: Generation, slots: CoreSlots, listener: string): RouteSpec[] {
  const within = { type: 'HTTP_Listener', instance: listener }
  // What stands last counts, as everywhere.
  const places = new Map(from.stanzas('Route', within).map(({ instance = '', place }) => [instance, place]))
  return [...places]
    .map(([instance, line]) => from.attempt(line, () => routeOf(from, slots, listener, instance, line)))
    .filter((one) => one !== undefined)
}

function routeOf(
  from: Generation,
  { route }: CoreSlots,
  listener: string,
  instance: string,
  line: string,
): RouteSpec {
  const place = `${line}: Route "${instance}"`
  const [, methods, path] = ROUTE.exec(instance) ?? []
  if (methods === undefined || path === undefined)
    throw bad(
      place,
      'a route is named by methods and a path, for example "GET /users/:id" or "GET,POST /form"',
    )
  const of = { scopes: { HTTP_Listener: listener, Route: instance } }
  const handler = targetOf(from, route.handler, of, place)
  if (handler === undefined) throw bad(place, 'a route needs a Handler')
  const names = methods.split(',').map((method) => method.toUpperCase())
  return { methods: names, path, handler, aco: from.get(route.aco, of), place }
}

function tcpOf(
  from: Generation,
  { listener: own }: CoreSlots,
  name: string,
  { place: line }: Stanza,
  pools: Readonly<Record<string, PoolOptions>>,
): TcpSettings | undefined {
  const of = query('Listener', name)
  const spot = spotOf(line, `Listener "${name}"`)
  const { place } = spot
  if (!from.get(own.enabled, of)) return undefined
  const pool = poolNameOf(from, own, of, place, pools)
  const handler = targetOf(from, own.handler, of, place)
  if (handler === undefined) throw bad(place, 'a listener needs a Handler')
  const inWorkers = pool !== undefined && pools[pool]?.kind === 'worker'
  const aco = from.get(own.aco, of)
  if (aco && inWorkers)
    throw bad(place, 'coroutines of listeners run on loops of this isolate, not in a pool of workers')
  const stream = given<Pick<TcpSettings['where'], 'lowWaterBytes'>>({
    lowWaterBytes: from.get(own.lowWater, of),
  })
  return {
    kind: 'tcp',
    name,
    ...spot,
    pool,
    inWorkers,
    handler,
    aco,
    where: {
      ...whereOf(from, own, of, place),
      ...stream,
      noDelay: from.get(own.noDelay, of),
      idleTimeout: from.get(own.idleTimeout, of),
      maxConnections: from.get(own.maxConnections, of),
      highWaterBytes: from.get(own.highWater, of),
      maxWriteBufferBytes: from.get(own.maxWriteBuffer, of),
      readBufferBytes: from.get(own.readBuffer, of),
      allowHalfOpen: from.get(own.allowHalfOpen, of),
    },
  }
}

/** In a folder of its own, which is made for its owner alone where it does not exist. */
export const SOCKET = 'run/heddle.sock'

function controlOf(from: Generation, { control }: CoreSlots): ControlSettings | undefined {
  const stanza = from.stanzas('Control').at(-1)
  if (stanza === undefined) return undefined
  const place = `${stanza.place}: Control`
  const port = from.get(control.port)
  const path = from.get(control.path)
  const token = from.get(control.token)
  if (port === undefined)
    return { where: { path: resolve(from.folder(control.path), path ?? SOCKET) }, place }
  if (path !== undefined) throw bad(place, 'the console has a path or a port, not both')
  // Every user of the machine can connect to it.
  if (token === undefined) throw bad(place, 'a console with a port needs a Token')
  return { where: { port, token }, place }
}

function targetOf(
  from: Generation,
  slot: CoreSlot<string | undefined>,
  of: ConfigQuery,
  place: string,
): LocatedTarget | undefined {
  const name = from.get(slot, of)
  if (name === undefined) return undefined
  try {
    return handlerTarget(name, from.folder(slot, of))
  } catch (error) {
    throw placed(place, error)
  }
}

function bad(place: string, reason: string): HeddleError {
  return new HeddleError('ERR_CONFIG_VALUE', `${place}: ${reason}`)
}
