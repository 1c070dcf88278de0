import type { PhaseResult } from './module-def'
import { messageOf, ModuleError, type ModulePhase } from './module-error'

/** One call into a module's own code. */
export interface PhaseCall {
  readonly module: string
  readonly phase: ModulePhase
  /** Milliseconds until a promise that does not settle is a failure. */
  readonly timeout: number
  readonly run: () => PhaseResult
  /** Told when a call that was given up settles after all, by failing. */
  readonly late: (error: ModuleError) => void
}

/**
 * Calls a module and waits for it. ERR_MODULE_FAILED with the module, the phase and the cause, if it throws, rejects or
 * returns anything but 0 or nothing; ETIME if its promise does not settle in time. Code that never returns cannot be
 * stopped.
 */
export async function runPhase(call: PhaseCall): Promise<void> {
  let result: PhaseResult
  try {
    result = call.run()
  } catch (error) {
    throw failure(call, messageOf(error), error)
  }
  // A plain result is judged at once: a call without promises costs no turn.
  checkResult(call, isObject(result) ? await settled(call, result) : result)
}

async function settled(call: PhaseCall, result: unknown): Promise<unknown> {
  const settlement = Promise.resolve(result)
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // Its outcome comes too late to be anybody's, but a failure is not swallowed.
      settlement.catch((error: unknown) => call.late(failure(call, `too late: ${messageOf(error)}`, error)))
      reject(timedOut(call))
    }, call.timeout)
  })
  try {
    return await Promise.race([settlement, overdue])
  } catch (error) {
    throw error instanceof ModuleError && error.code === 'ETIME'
      ? error
      : failure(call, messageOf(error), error)
  } finally {
    clearTimeout(timer)
  }
}

function checkResult(call: PhaseCall, result: unknown): void {
  if (result === undefined || result === 0) return
  throw failure(call, `it returned ${isObject(result) ? 'an object' : String(result)}`)
}

function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function failure({ module, phase }: PhaseCall, reason: string, cause?: unknown): ModuleError {
  return new ModuleError('ERR_MODULE_FAILED', `module ${module}: ${phase}: ${reason}`, {
    module,
    phase,
    cause,
  })
}

function timedOut({ module, phase, timeout }: PhaseCall): ModuleError {
  return new ModuleError('ETIME', `module ${module}: ${phase} did not end within ${timeout} ms`, {
    module,
    phase,
  })
}
