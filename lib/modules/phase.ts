import type { PhaseResult } from './module-def'
import { messageOf, ModuleError, type ModulePhase } from './module-error'

/** One call into a module's own code. */
export interface PhaseCall<R = PhaseResult> {
  readonly module: string
  readonly phase: ModulePhase
  /** Milliseconds until a promise that does not settle is a failure. */
  readonly timeout: number
  readonly run: () => R
  /** Told when a call that was given up settles after all, by failing. */
  readonly late: (error: ModuleError) => void
}

/** With what of its results is no failure. */
export interface JudgedCall extends PhaseCall {
  /** Default: 0 and nothing. */
  readonly isSuccess?: (result: unknown) => boolean
}

/**
 * Calls a module and waits for it. ERR_MODULE_FAILED with the module, the phase and the cause, if it throws, rejects or
 * returns anything but 0 or nothing; ETIME if its promise does not settle in time. Code that never returns cannot be
 * stopped.
 */
export async function runPhase(call: JudgedCall): Promise<void> {
  const result = start(call)
  // A plain result is judged at once: a call without promises costs no turn.
  const value = isObject(result) ? await settled(call, result) : result
  const isSuccess = call.isSuccess ?? isZeroOrNothing
  if (!isSuccess(value)) throw failure(call, `it returned ${isObject(value) ? 'an object' : String(value)}`)
}

/** The same for a call whose result somebody else judges: what it comes to. */
export async function settledPhase(call: PhaseCall<unknown>): Promise<unknown> {
  return await settled(call, start(call))
}

function start<R>(call: PhaseCall<R>): R {
  try {
    return call.run()
  } catch (error) {
    throw failure(call, messageOf(error), error)
  }
}

async function settled(call: PhaseCall<unknown>, result: unknown): Promise<unknown> {
  let overdue: ModuleError | undefined
  const expired = (): ModuleError => {
    overdue = timedOut(call)
    return overdue
  }
  const late = (error: unknown): void => call.late(failure(call, `too late: ${messageOf(error)}`, error))
  try {
    return await inTime(Promise.resolve(result), { timeout: call.timeout, expired, late })
  } catch (error) {
    throw error === overdue ? error : failure(call, messageOf(error), error)
  }
}

/** For how long a promise is waited for, and what becomes of it then. */
export interface TimeLimit {
  /** Milliseconds. */
  readonly timeout: number
  /** What is thrown when they are over. */
  readonly expired: () => Error
  /** Told when it rejects after all: the outcome comes too late to be anybody's, but a failure is not swallowed. */
  readonly late: (error: unknown) => void
}

/** What a promise comes to, if it does so in time. */
export async function inTime<T>(settlement: Promise<T>, { timeout, expired, late }: TimeLimit): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      settlement.catch(late)
      reject(expired())
    }, timeout)
  })
  try {
    return await Promise.race([settlement, overdue])
  } finally {
    clearTimeout(timer)
  }
}

function isZeroOrNothing(result: unknown): boolean {
  return result === undefined || result === 0
}

function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function failure({ module, phase }: PhaseCall<unknown>, reason: string, cause?: unknown): ModuleError {
  return new ModuleError('ERR_MODULE_FAILED', `module ${module}: ${phase}: ${reason}`, {
    module,
    phase,
    cause,
  })
}

function timedOut({ module, phase, timeout }: PhaseCall<unknown>): ModuleError {
  return new ModuleError('ETIME', `module ${module}: ${phase} did not end within ${timeout} ms`, {
    module,
    phase,
  })
}

/** Waits, but not for ever: whether the promise was settled in time. */
export async function settlesWithin(promise: Promise<unknown>, timeout: number): Promise<boolean> {
  const overdue = new Error('overdue')
  try {
    await inTime(promise, { timeout, expired: () => overdue, late: () => {} })
    return true
  } catch (error) {
    return error !== overdue
  }
}
