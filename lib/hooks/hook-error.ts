import { HeddleError } from '../errors'
import type { Entry } from './provider'

/**
 * A provider failed: `code` is ERR_HOOK_PROVIDER, `cause` what it threw. A call of a hook that returns something throws it;
 * for a void hook it is reported, and the next provider runs. (HK-20)
 */
export class HookError extends HeddleError {
  /** `scope.name`. */
  readonly hook: string
  /** The name of the function, `(anonymous)` without one. */
  readonly provider: string
  /** Who registered it; undefined is the program itself. */
  readonly module: string | undefined

  constructor(hook: string, entry: Pick<Entry, 'name' | 'module'>, cause: unknown) {
    const by = entry.module === undefined ? '' : ` of module ${entry.module}`
    super('ERR_HOOK_PROVIDER', `hook ${hook}: provider ${entry.name}${by}: ${reason(cause)}`, { cause })
    this.hook = hook
    this.provider = entry.name
    this.module = entry.module
  }
}

/** The message of whatever was thrown; it may not want to be read. */
function reason(cause: unknown): string {
  try {
    return cause instanceof Error ? `${cause.message}` : String(cause)
  } catch {
    return 'it threw what cannot be read'
  }
}
