import type { HookError } from './hook-error'

/** Takes the errors of providers that no caller hears of: those of void hooks. */
export type HookErrorHandler = (error: HookError) => void

/** Tells the handler, or Node where there is none; a handler that throws is reported beside the error. Never throws. */
export function report(error: HookError, handler: HookErrorHandler | undefined): void {
  if (handler === undefined) {
    uncaught(error)
    return
  }
  try {
    handler(error)
  } catch (thrown) {
    uncaught(error)
    if (thrown !== error) uncaught(thrown)
  }
}

/** Thrown out of a turn of its own, thus reported as Node reports any uncaught exception; who calls goes on. */
function uncaught(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
