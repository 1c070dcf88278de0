import { expect } from 'vitest'
import type { HeddleError } from '../lib'

/** The code of what a call throws. */
export function codeOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return (error as HeddleError).code
  }
  return expect.fail('nothing was thrown')
}

/** What a promise rejects with. */
export function failureOf(promise: Promise<unknown>): Promise<HeddleError> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error: HeddleError) => error,
  )
}
