import type { HeddleError } from '../../lib'
import { ThreadPools } from '../../lib'
import { type Bench, withEventer } from './eventer-harness'

/** Runs a case with the thread pools of an eventer that runs; they are shut down at its end. */
export function withPools(
  body: (bench: Bench, pools: ThreadPools) => void | Promise<void>,
  options: Parameters<typeof withEventer>[0] = {},
): Promise<void> {
  return withEventer(options, async (bench) => {
    bench.eventer.start()
    const pools = ThreadPools.of(bench.eventer)
    await body(bench, pools)
    await pools.shutdown()
  })
}

/** What a promise rejects with, which it must. */
export async function failure(promise: PromiseLike<unknown>): Promise<HeddleError> {
  try {
    await promise
  } catch (error) {
    return error as HeddleError
  }
  throw new Error('it did not fail')
}
