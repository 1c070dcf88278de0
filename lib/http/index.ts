import { placementOf } from '../net/placement'
import type { HttpServerOptions } from './options'
import { HttpServer } from './server'
import type { HttpHandler } from './router'

export { HttpError } from './http-error'
export type { HttpLimits, HttpServerOptions, Refusal } from './options'
export { HttpRequest } from './request'
export type { RequestHeaders } from './request-headers'
export type { BodyCallback } from './request-body'
export type { HeaderValue } from './header-rules'
export { HttpResponse } from './response'
export type { HttpHandler } from './router'
export type { HttpCloseOptions } from './options'
export { type HttpListenOptions, type HttpRouteOptions, HttpServer } from './server'

/** An HTTP/1.1 server; `listen` starts it. Without a handler it serves its routes. */
export function createServer(handler: HttpHandler): HttpServer
export function createServer(options: HttpServerOptions, handler?: HttpHandler): HttpServer
export function createServer(first: HttpServerOptions | HttpHandler, second?: HttpHandler): HttpServer {
  const options = typeof first === 'function' ? {} : first
  const handler = typeof first === 'function' ? first : second
  return new HttpServer(placementOf(options), options, handler)
}
