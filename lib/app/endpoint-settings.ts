import { resolve } from 'node:path'
import type { ConfigQuery } from '../config'
import { Router } from '../http/router'
import type { CoreSlots } from './core-options'
import type { Generation, Stanza } from './generation'
import type { HttpSettings } from './http-service'
import { placed, spotOf } from './place'
import type { RouteSpec } from './route-table'
import { bad, given, query, targetOf } from './stanzas'
import type { TcpSettings } from './tcp-service'

/** The pools that listeners can be on, with their kinds. */
export type PoolKinds = ReadonlyMap<string, string | undefined>

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
  pools: PoolKinds,
): string | undefined {
  const pool = from.get(slots.pool, of)
  if (pool === undefined || pool === 'default' || pools.has(pool)) return pool
  const isNew = from.stanzas('Pool').some(({ instance }) => instance === pool)
  throw bad(place, isNew ? `Pool "${pool}" is made at the next start` : `there is no Pool "${pool}"`)
}

export function httpOf(
  from: Generation,
  slots: CoreSlots,
  name: string,
  { place: line }: Stanza,
  pools: PoolKinds,
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
    inWorkers: pool !== undefined && pools.get(pool) === 'worker',
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
  const router = new Router()
  const routes = [...places].map(([instance, line]) =>
    from.attempt(line, () => {
      const route = routeOf(from, slots, listener, instance, line)
      checkRoute(router, route)
      return route
    }),
  )
  return routes.filter((one) => one !== undefined)
}

/** Whether it can be one, and is no other's as well. */
function checkRoute(router: Router, { methods, path, place }: RouteSpec): void {
  try {
    for (const method of methods) router.add(method, path, nothing)
  } catch (error) {
    throw placed(place, error)
  }
}

function nothing(): void {}

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

export function tcpOf(
  from: Generation,
  { listener: own }: CoreSlots,
  name: string,
  { place: line }: Stanza,
  pools: PoolKinds,
): TcpSettings | undefined {
  const of = query('Listener', name)
  const spot = spotOf(line, `Listener "${name}"`)
  const { place } = spot
  if (!from.get(own.enabled, of)) return undefined
  const pool = poolNameOf(from, own, of, place, pools)
  const handler = targetOf(from, own.handler, of, place)
  if (handler === undefined) throw bad(place, 'a listener needs a Handler')
  const inWorkers = pool !== undefined && pools.get(pool) === 'worker'
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
