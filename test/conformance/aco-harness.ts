import { expect } from 'vitest'
import { aco } from '../../lib/aco'
import type { EventerOptions } from '../../lib/eventer'
import { type Bench, withEventer } from './eventer-harness'

export { type Bench, backend, codeOf, isNative, sys, withEventer } from './eventer-harness'

/** Runs a case on an eventer that runs; at its end no coroutine, timer or event is left. */
export function withAco(
  body: (bench: Bench) => void | Promise<void>,
  options: EventerOptions = {},
): Promise<void> {
  return withEventer(options, async (bench) => {
    bench.eventer.start()
    await body(bench)
    expect(aco.list(), 'coroutines after the case').toEqual([])
    expect([...bench.eventer.timeouts()], 'timeouts after the case').toEqual([])
  })
}

/** The error a promise rejects with, which it must. */
export async function failure(promise: PromiseLike<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

/** The code of what a promise rejects with, which it must. */
export async function failureCode(promise: PromiseLike<unknown>): Promise<string | undefined> {
  return (await failure(promise)).code
}
