import { accessSync, constants } from 'node:fs'
import { cpus } from 'node:os'
import { delimiter, join } from 'node:path'

/** The contestants' core and the core of the load. */
export const SERVER_CORE = 0
export const LOAD_CORE = 1

export function isInstalled(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const canPin = cpus().length > 1 && isInstalled('taskset')

/** The command bound to one core, or the command itself where that cannot be done. */
export function pinned(core, command, args) {
  return canPin ? ['taskset', ['-c', String(core), command, ...args]] : [command, args]
}
