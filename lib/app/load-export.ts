import { HeddleError } from '../errors'
import { importExport } from '../eventer/pools/target'
import type { LocatedTarget } from '../jobq/targets'

/** As long as a module may take to be set up. */
const LOAD_MS = 30_000

/**
 * What a configuration names. A module that does not come to an end while it is loaded must not keep reloads, and the end of the
 * application, from theirs: ETIME. ERR_INVALID_ARGUMENT: no such export; else what the module fails with.
 */
export async function loadExport(target: LocatedTarget, timeout = LOAD_MS): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HeddleError('ETIME', `${target.module} was not loaded within ${timeout} ms`))
    }, timeout)
  })
  try {
    return await Promise.race([importExport(target), late])
  } finally {
    clearTimeout(timer)
  }
}

/** The same, where it must be a function. ERR_INVALID_ARGUMENT. */
export async function loadFunction<F>(target: LocatedTarget): Promise<F> {
  const found = await loadExport(target)
  if (typeof found === 'function') return found as F
  throw new HeddleError('ERR_INVALID_ARGUMENT', `${target.export} of ${target.module} is no function`)
}
