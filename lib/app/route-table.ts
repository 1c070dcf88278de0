import type { Eventer } from '../eventer'
import { inCoroutine } from '../http/aco-handler'
import { type HttpHandler, Router } from '../http/router'
import type { LocatedTarget } from '../jobq/targets'
import { loadFunction } from './load-export'
import { at } from './place'

/** A `Route` of a configuration. Plain data, which crosses to workers. */
export interface RouteSpec {
  readonly methods: readonly string[]
  readonly path: string
  readonly handler: LocatedTarget
  readonly aco: boolean
  /** Where it stands, for messages. */
  readonly place: string
}

/** What an `HTTP_Listener` serves. */
export interface TableSpec {
  readonly handler: LocatedTarget | undefined
  readonly routes: readonly RouteSpec[]
  readonly place: string
}

/**
 * Loads the handlers and puts them into one: routes first, then the handler of the listener, which without any answers 404. In
 * the isolate whose requests it serves. Fails with what the first that fails fails with, and says where that stands.
 */
export async function loadTable(spec: TableSpec, eventer: Eventer): Promise<HttpHandler> {
  const otherwise = spec.handler && (await at(spec.place, loadFunction<HttpHandler>(spec.handler)))
  if (spec.routes.length === 0 && otherwise !== undefined) return otherwise
  const router = new Router()
  for (const route of spec.routes) await at(route.place, addRoute(router, route, eventer))
  return (request, response) => router.dispatch(request, response, otherwise)
}

async function addRoute(router: Router, route: RouteSpec, eventer: Eventer): Promise<void> {
  const handler = await loadFunction<HttpHandler>(route.handler)
  for (const method of route.methods) {
    const name = `${method} ${route.path}`
    router.add(method, route.path, route.aco ? inCoroutines(eventer, name, handler) : handler)
  }
}

/** On whichever loop the request is. */
function inCoroutines(eventer: Eventer, name: string, handler: HttpHandler): HttpHandler {
  return (request, response) =>
    inCoroutine(eventer.currentLoop() ?? eventer.loops[0], name, handler)(request, response)
}
