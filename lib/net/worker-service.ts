import type { AddressInfo } from '../backend/backend'
import { HandlerSet } from './handlers'
import { loadHandlers } from './listener'
import { LoopListener } from './loop-listener'
import { type Site, type SiteMessage, service, sameAddress } from './served'
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
  const parts: LoopListener[] = []
  const site: Site = {
    get connections() {
      return parts.reduce((sum, part) => sum + part.connections, 0)
    },
    async listen(where: SocketOptions) {
      const part = await LoopListener.open(loop, where, options, handlers, owner)
      parts.push(part)
      return part
    },
    share: (address: AddressInfo) => parts.find((part) => sameAddress(part.address, address))?.share,
    async close(how) {
      const deadline = deadlineOf(how)
      await Promise.all(parts.map((part) => part.close()))
      if (how.drain) await Promise.all(parts.map((part) => part.drain(deadline)))
    },
  }
  return site
})

export const make = listeners.make
export const listen = listeners.listen
export const share = listeners.share
export const close = listeners.close
