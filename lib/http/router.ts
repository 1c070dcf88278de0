import createTable, { type HTTPMethod, type HTTPVersion, type Instance } from 'find-my-way'
import { METHODS as METHOD_NAMES } from '../backend/protocol'
import { invalid } from '../arguments'
import { HeddleError } from '../errors'
import type { HttpRequest } from './request'
import type { HttpResponse } from './response'

/** May answer at once or later, and may be async. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => unknown

/** The handlers of a path without parameters, by method number. */
type StaticRoutes = (HttpHandler | undefined)[]

const GET = METHOD_NAMES.indexOf('GET')
const HEAD = METHOD_NAMES.indexOf('HEAD')
const ignore = (): void => {}

/**
 * Routes of a server. Paths follow find-my-way: `/users/:id`, `/files/*`. HEAD is served by GET, OPTIONS answered
 * with the methods of the path, a path without the method gives 405.
 */
export class Router {
  readonly #table: Instance<HTTPVersion.V1>
  /** A plain path is found here first, in one look-up. */
  readonly #static = new Map<string, StaticRoutes>()
  readonly #methods = new Set<string>()

  constructor() {
    this.#table = createTable({ ignoreTrailingSlash: false, caseSensitive: true }) as Instance<HTTPVersion.V1>
  }

  get empty(): boolean {
    return this.#methods.size === 0
  }

  /** ERR_INVALID_ARGUMENT for a bad path or method, or a route that is there already. */
  add(method: string, path: string, handler: HttpHandler): void {
    if (typeof handler !== 'function')
      throw invalid(`the handler of ${method} ${path}`, 'is a function', handler)
    try {
      this.#table.on(method as HTTPMethod, path, ignore, handler)
    } catch (error) {
      throw new HeddleError('ERR_INVALID_ARGUMENT', `route ${method} ${path}: ${(error as Error).message}`, {
        cause: error,
      })
    }
    this.#methods.add(method)
    const id = (METHOD_NAMES as readonly string[]).indexOf(method)
    if (id <= 0 || /[:*%(]/.test(path)) return
    const routes =
      this.#static.get(path) ?? new Array<HttpHandler | undefined>(METHOD_NAMES.length).fill(undefined)
    routes[id] = handler
    this.#static.set(path, routes)
  }

  /** Runs the handler of the request, `otherwise` if no route has its path, or answers 404, 405 or OPTIONS. */
  dispatch(request: HttpRequest, response: HttpResponse, otherwise: HttpHandler | undefined): unknown {
    const path = request.path
    const routes = this.#static.get(path)
    if (routes !== undefined) {
      const id = request.methodId
      const handler = routes[id] ?? (id === HEAD ? routes[GET] : undefined)
      if (handler !== undefined) return handler(request, response)
    }
    return this.#search(path, request, response, otherwise)
  }

  #search(
    path: string,
    request: HttpRequest,
    response: HttpResponse,
    otherwise: HttpHandler | undefined,
  ): unknown {
    const method = request.method
    const found = this.#find(method, path) ?? (method === 'HEAD' ? this.#find('GET', path) : null)
    if (found !== null) {
      request.setParams(found.params)
      return (found.store as HttpHandler)(request, response)
    }
    const allowed = this.#allowed(path)
    if (allowed.length === 0) {
      if (otherwise !== undefined) return otherwise(request, response)
      return plain(response, 404, 'Not Found\n')
    }
    response.setHeader('Allow', allowed.join(', '))
    if (method === 'OPTIONS') return response.writeHead(204).end()
    return plain(response, 405, 'Method Not Allowed\n')
  }

  #find(method: string, path: string) {
    return this.#table.find(method as HTTPMethod, path)
  }

  #allowed(path: string): string[] {
    const methods = [...this.#methods].filter((method) => path === '*' || this.#find(method, path) !== null)
    if (methods.length === 0) return []
    if (methods.includes('GET')) methods.push('HEAD')
    methods.push('OPTIONS')
    return [...new Set(methods)].sort()
  }
}

function plain(response: HttpResponse, status: number, text: string): HttpResponse {
  response.status = status
  return response.setHeader('Content-Type', 'text/plain; charset=utf-8').end(text)
}
