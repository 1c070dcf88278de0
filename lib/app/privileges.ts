import { constants } from 'node:os'
import { lchownSync, lstatSync } from 'node:fs'
import { HeddleError, systemError } from '../errors'
import { placed } from './place'
import type { Identity } from './settings'

/** Not everywhere, and not in worker threads. */
interface Changing {
  geteuid(): number
  getegid(): number
  seteuid(id: number | string): void
  setegid(id: number | string): void
  setuid(id: number | string): void
  setgid(id: number | string): void
  setgroups(groups: readonly (number | string)[]): void
  initgroups(user: number | string, group: number | string): void
}

const NAMES = ['seteuid', 'setegid', 'setuid', 'setgid', 'setgroups', 'initgroups'] as const

/**
 * Another user that the process becomes when its listeners are open, known by the numbers of the system. Before, files can be
 * handed to that user; afterwards nothing can be taken back. Of the main thread.
 */
export class OtherUser {
  readonly #identity: Identity
  readonly #process: Changing
  /** Undefined: it stays the same. */
  readonly #uid: number | undefined
  readonly #gid: number

  /** EPERM of who may not; EINVAL, ENOENT: there is no such user; ERR_NOT_SUPPORTED: the system knows none, or this is a worker thread. */
  constructor(identity: Identity) {
    const changing = process as unknown as Changing
    if (NAMES.some((name) => typeof changing[name] !== 'function'))
      throw new HeddleError('ERR_NOT_SUPPORTED', `${identity.place}: users cannot be changed here`)
    this.#identity = identity
    this.#process = changing
    const { user, group } = identity
    this.#gid = this.#tried(() => tryOn(changing.getegid, changing.setegid, idOf(group)))
    this.#uid =
      user === undefined
        ? undefined
        : this.#tried(() => tryOn(changing.geteuid, changing.seteuid, idOf(user)))
  }

  /** From here on a file, or a folder, belongs to that user. A link itself, not what it names. */
  own(path: string): void {
    this.#tried(() => lchownSync(path, this.#uid ?? this.#process.geteuid(), this.#gid))
  }

  /** Takes a folder back that an earlier process has handed over, so that this one may make its files there. Whether it has. */
  takeBack(path: string): boolean {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats?.isDirectory() !== true || stats.uid !== this.#uid) return false
    this.#tried(() => lchownSync(path, this.#process.geteuid(), this.#process.getegid()))
    return true
  }

  /** Becomes it, for good, with the groups of that user and no others. */
  become(): void {
    const { user } = this.#identity
    const { setuid, setgid, initgroups, setgroups } = this.#process
    this.#tried(() => {
      // Groups first: afterwards nobody may.
      if (user === undefined) setgroups([this.#gid])
      else initgroups(idOf(user), this.#gid)
      setgid(this.#gid)
      if (this.#uid !== undefined) setuid(this.#uid)
    })
  }

  #tried<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      const { user, group, place } = this.#identity
      const who = user === undefined ? `Group "${group}"` : `User "${user}", Group "${group}"`
      throw placed(`${place}: ${who}`, error)
    }
  }
}

/** The number behind a name: nobody but the system knows it. At once, so that nothing else runs meanwhile. */
function tryOn(read: () => number, write: (id: number | string) => void, id: number | string): number {
  const before = read()
  write(id)
  const found = read()
  write(before)
  if (read() !== before) throw systemError(constants.errno.EPERM, 'seteuid')
  return found
}

function idOf(name: string): string | number {
  return /^\d+$/.test(name) ? Number(name) : name
}
