import type { Core } from './core'
import type { Event } from './event'
import { Mask, maskText } from './mask'
import { UNNAMED } from './names'
import type { Time } from './time'
import type { TimeoutCallback } from './timeouts'

/** Calls the callback with its contexts in place, and logs it when it took longer than the threshold. (EV-19) */
export function runInstrumented(event: Event, mask: number, closure: unknown, now: Time): unknown {
  const { core, callback } = event
  return measured(core, callback, event.kind, mask, () => {
    if (core.contexts === undefined) return callback(event, mask, closure, now)
    return core.contexts.run(event, () => callback(event, mask, closure, now))
  })
}

/** The same for a timeout, which carries no contexts but those bound to its callback. */
export function runInstrumentedTimeout(core: Core, callback: TimeoutCallback, arg: unknown, now: Time): void {
  measured(core, callback, 'timeout', Mask.TIMER, () => callback(arg, now))
}

function measured(core: Core, callback: object, kind: string, mask: number, call: () => unknown): unknown {
  const outer = core.callbackStarted
  const started = performance.now()
  core.callbackStarted = started
  try {
    return call()
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
