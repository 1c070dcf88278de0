import { readdirSync } from 'node:fs'

/** Everything that must return to its baseline when clients have gone. */
export function counters(eventer, connections) {
  globalThis.gc?.()
  const { connections: all, listeners, timers, watches, bufferedBytes } = eventer.loops[0].port.engine.stats()
  return {
    events: eventer.allocations().current,
    engine: { connections: all, listeners, timers, watches, bufferedBytes },
    connections,
    descriptors: readdirSync('/proc/self/fd').length,
    rss: process.memoryUsage.rss(),
    arrayBuffers: process.memoryUsage().arrayBuffers,
    cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
  }
}
