import { type Site, type SiteMessage, service } from '../net/served'
import { LoopServer } from './loop-server'
import { NamedHandler } from './named-handler'
import type { HttpServerOptions } from './options'
import type { HttpHandler } from './router'

// What an HTTP server has each worker of a pool do. Called by a `WorkerSite` in the isolate that made the pool.

const servers = service(async (spec, { loop }, tell) => {
  const handlers: NamedHandler[] = []
  const callable = (target: typeof spec.target): HttpHandler | undefined => {
    if (target === undefined) return undefined
    const named = new NamedHandler(target)
    handlers.push(named)
    return (request, response) => named.run(request, response)
  }
  const callbacks: Pick<HttpServerOptions, 'onError' | 'onRefused' | 'onAcceptError'> = {
    ...(spec.hears.includes('error') && {
      onError: (error, { method, url }) =>
        tell({ kind: 'error', error, request: { method, url } } as SiteMessage),
    }),
    ...(spec.hears.includes('refused') && { onRefused: (refusal) => tell({ kind: 'refused', refusal }) }),
    ...(spec.hears.includes('acceptError') && {
      onAcceptError: (error) => tell({ kind: 'acceptError', error }),
    }),
  }
  const server = new LoopServer(loop, { ...spec.options, ...callbacks }, callable(spec.target))
  for (const { methods, path, target, aco } of spec.routes ?? [])
    server.route(methods, path, callable(target) as HttpHandler, aco)
  await Promise.all(handlers.map((handler) => handler.load()))
  const site: Site = {
    get connections() {
      return server.connections
    },
    listen: (where) => server.listen(where),
    close: (options) => server.close(options),
  }
  return site
})

export const listen = servers.listen
export const unlisten = servers.unlisten
export const close = servers.close
