import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/** What `os.constants` leaves out. */
function numberOf(name: string): number {
  for (const [number, [known]] of getSystemErrorMap()) if (known === name) return -number
  return constants.errno.EIO
}

/**
 * Positive error numbers of this system by POSIX name. Calls return them negated, records carry them as they
 * are.
 */
export const errno = { ...constants.errno, ESHUTDOWN: numberOf('ESHUTDOWN') }

/** Positive errno of an exception of Node; EIO for one that no system call raised. */
export function errnoOf(error: unknown): number {
  const number = (error as NodeJS.ErrnoException | undefined)?.errno
  if (typeof number !== 'number' || number === 0) return errno.EIO
  return Math.abs(number)
}
