import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import type * as valueCaller from './value-caller'
import type * as voidCaller from './void-caller'

/** The files that are loaded afresh, and what they export. */
export interface CallerFiles {
  readonly 'void-caller': typeof voidCaller
  readonly 'value-caller': typeof valueCaller
}

/**
 * A copy of a compiled file that nobody else has: the file is loaded again, past the cache of `require`, which is left as it was.
 * Undefined where that is not possible: bundled into another file, run from TypeScript, without access to the file.
 */
export function freshCopy<F extends keyof CallerFiles>(file: F): CallerFiles[F] | undefined {
  try {
    if (basename(__filename) !== 'fresh-caller.js') return undefined
    // One of its own each time: the loader remembers with it what it has loaded.
    const load = createRequire(__filename)
    const path = join(__dirname, `${file}.js`)
    const cached = load.cache[path]
    delete load.cache[path]
    try {
      return load(path) as CallerFiles[F]
    } finally {
      if (cached === undefined) delete load.cache[path]
      else load.cache[path] = cached
    }
  } catch {
    return undefined
  }
}
