import type { Event } from './event'
import { maskText } from './mask'
import { UNNAMED } from './names'
import type { Time } from './time'

/** Calls the callback with its contexts in place, and logs it when it took longer than the threshold. (EV-19) */
export function runInstrumented(event: Event, mask: number, closure: unknown, now: Time): unknown {
  const core = event.core
  const { callback, kind } = event
  const outer = core.callbackStarted
  const started = performance.now()
  core.callbackStarted = started
  try {
    if (core.contexts === undefined) return callback(event, mask, closure, now)
    return core.contexts.run(event, () => callback(event, mask, closure, now))
  } finally {
    core.callbackStarted = outer
    const tookMs = performance.now() - started
    const slow = core.slowMs === 0 || (core.slowMs > 0 && tookMs > core.slowMs)
    if (slow) core.log(slowLine(core.names.name(callback) ?? UNNAMED, kind, mask, tookMs))
  }
}

function slowLine(name: string, kind: string, mask: number, tookMs: number): string {
  return `callback ${name} took ${tookMs.toFixed(3)} ms in ${kind} (${maskText(mask)})`
}
