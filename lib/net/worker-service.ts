import { HandlerSet } from './handlers'
import { loadHandlers } from './listener'
import { LoopListener } from './loop-listener'
import { type Site, type SiteMessage, service } from './served'
import type { SocketOptions } from './spread'
import { deadlineOf } from './wait'
import { systemError } from '../errors'
import type { ExportTarget } from '../eventer'

// What a listener has each worker of a pool do. Called by a `WorkerSite` in the isolate that made the pool.

const listeners = service(async ({ target, options }, { loop }, tell) => {
  const handlers = new HandlerSet(await loadHandlers(target as ExportTarget))
  const owner = {
    accepted: () => {},
    failed: (errno: number) =>
      tell({ kind: 'acceptError', error: systemError(errno, 'accept') } as SiteMessage),
  }
  const parts = new Set<LoopListener>()
  const site: Site = {
    get connections() {
      return [...parts].reduce((sum, part) => sum + part.connections, 0)
    },
    async listen(where: SocketOptions) {
      const part = await LoopListener.open(loop, where, options, handlers, owner)
      parts.add(part)
      return { address: part.address, close: () => part.close() }
    },
    async close(how) {
      const deadline = deadlineOf(how)
      await Promise.all([...parts].map((part) => part.close()))
      if (how.drain) await Promise.all([...parts].map((part) => part.drain(deadline)))
      for (const part of parts) if (part.connections === 0) parts.delete(part)
    },
  }
  return site
})

export const listen = listeners.listen
export const unlisten = listeners.unlisten
export const close = listeners.close
