import type { Loop } from '../eventer'
import { inCoroutine } from '../http/aco-handler'
import { type HttpHandler, Router } from '../http/router'
import type { LocatedTarget } from '../jobq/targets'
import type { Loader } from './loader'
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
 * the isolate whose requests it serves; `loopOf` is asked for the loop of a request. Fails with what the first that fails
 * fails with, and says where that stands.
 */
export async function loadTable(spec: TableSpec, loader: Loader, loopOf: () => Loop): Promise<HttpHandler> {
  const otherwise = spec.handler && (await at(spec.place, loader.loadFunction<HttpHandler>(spec.handler)))
  if (spec.routes.length === 0 && otherwise !== undefined) return otherwise
  const router = new Router()
  for (const route of spec.routes) await at(route.place, addRoute(router, route, loader, loopOf))
  return (request, response) => router.dispatch(request, response, otherwise)
}

async function addRoute(router: Router, route: RouteSpec, loader: Loader, loopOf: () => Loop): Promise<void> {
  const handler = await loader.loadFunction<HttpHandler>(route.handler)
  for (const method of route.methods) {
    const name = `${method} ${route.path}`
    router.add(method, route.path, route.aco ? inCoroutines(loopOf, name, handler) : handler)
  }
}

/** On whichever loop the request is. */
function inCoroutines(loopOf: () => Loop, name: string, handler: HttpHandler): HttpHandler {
  return (request, response) => inCoroutine(loopOf(), name, handler)(request, response)
}
