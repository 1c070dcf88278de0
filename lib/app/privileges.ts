import { HeddleError } from '../errors'
import { placed } from './place'

/** Whom the process becomes when its listeners are open. Names or numbers. */
export interface Identity {
  readonly user: string | undefined
  readonly group: string | undefined
}

/** Not everywhere, and not in worker threads. */
type Changing = typeof process & {
  readonly initgroups?: (user: string | number, group: string | number) => void
}

/**
 * Becomes that user and group, for good, with the groups of that user and no others; nothing where neither is named. Of the main
 * thread. EPERM of who may not; ERR_CONFIG_VALUE: a user without a group; ERR_NOT_SUPPORTED: the system knows no users, or
 * this is a worker thread.
 */
export function becomeUser({ user, group }: Identity, place: string): void {
  if (user === undefined && group === undefined) return
  if (group === undefined)
    throw new HeddleError('ERR_CONFIG_VALUE', `${place}: User "${String(user)}" needs a Group as well`)
  const { setuid, setgid, initgroups, setgroups } = process as Changing
  if (setuid === undefined || setgid === undefined || initgroups === undefined || setgroups === undefined)
    throw new HeddleError('ERR_NOT_SUPPORTED', `${place}: users cannot be changed here`)
  try {
    // Groups first: afterwards nobody may.
    if (user === undefined) setgroups([idOf(group)])
    else initgroups(idOf(user), idOf(group))
    setgid(idOf(group))
    if (user !== undefined) setuid(idOf(user))
  } catch (error) {
    throw placed(`${place}: User "${user ?? ''}", Group "${group}"`, error)
  }
}

function idOf(name: string): string | number {
  return /^\d+$/.test(name) ? Number(name) : name
}
