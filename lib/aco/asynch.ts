import { invalid } from '../arguments'
import type { AsynchPlace, PreparedCall } from './asynch-call'
import type { Coroutine } from './coroutine'
import { Gate } from './gate'
import { type AcoWaitOptions, WaitPoint } from './wait-point'

/** Where an asynchronous call runs, and how its end is waited for. (AC-23) */
export interface AcoAsynchOptions extends AsynchPlace, AcoWaitOptions {
  /** The call becomes one of the gate's, for which `gate.wait` waits; time-out and signal are those of that wait. */
  readonly gate?: Gate | undefined
}

/** Submits a call and waits for its end, or gives it to a gate. */
export function waitFor(co: Coroutine, prepared: PreparedCall, options: AcoAsynchOptions): Promise<unknown> {
  const { gate, timeout, signal } = options
  if (gate !== undefined && !(gate instanceof Gate)) throw invalid('gate', 'is a gate of aco.gate', gate)
  if (gate !== undefined) return gate.add(prepared)
  let forget: (() => void) | undefined
  const wait = new WaitPoint<unknown>(() => forget?.())
  const result = wait.begin(co, 'asynch', timeout, signal)
  if (!wait.busy) return result
  try {
    forget = prepared.submit(
      (value) => wait.resolve(value),
      (error) => wait.reject(error),
    )
    if (forget === undefined) wait.resolve(false)
  } catch (error) {
    wait.reject(error)
  }
  return result
}
