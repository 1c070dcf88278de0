import type { ListeningSocket } from '../net/listening-socket'

const POLL_MS = 5

export interface Draining {
  /** Close idle connections at once and busy ones after their answers. */
  readonly drain: boolean
  /** Milliseconds until the connections that are left are destroyed; 0: never. */
  readonly timeout: number
  /** Gives up the requests under way, before that. */
  readonly giveUp: () => void
}

/**
 * Resolves when the last connection of an HTTP listener is gone. The backend has no record for that, so its count is
 * looked at now and then; the timers keep no process alive unless somebody drains.
 */
export async function drainListener(socket: ListeningSocket, draining: Draining): Promise<void> {
  const engine = socket.port.engine
  const until = draining.timeout > 0 ? performance.now() + draining.timeout : Infinity
  if (draining.drain) engine.listenerDrain(socket.handle)
  let destroyed = false
  while (engine.listenerConnections(socket.handle) > 0) {
    await pause(draining.drain)
    if (destroyed || performance.now() < until) continue
    destroyed = true
    draining.giveUp()
    // Also those without a request: half a head, output that nobody takes.
    engine.listenerDestroy(socket.handle)
  }
}

function pause(keepAlive: boolean): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, POLL_MS)
    if (!keepAlive) timer.unref()
  })
}
