import { lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { systemError } from '../errors'
import { constants } from 'node:os'

/**
 * Makes room for a unix socket: a socket that nobody serves is removed, one in use is EADDRINUSE, anything else
 * at that path is EEXIST and stays. (LS-02)
 */
export async function preparePath(path: string): Promise<void> {
  const found = await lstat(path).catch(unlessMissing)
  if (found === undefined) return
  if (!found.isSocket()) throw systemError(constants.errno.EEXIST, 'bind', path)
  if (await isServed(path)) throw systemError(constants.errno.EADDRINUSE, 'bind', path)
  await unlink(path).catch(unlessMissing)
}

/** Identity of the socket file we made, to remove that one and no other when the listener closes. */
export async function pathIdentity(path: string): Promise<bigint> {
  const found = await lstat(path, { bigint: true }).catch(unlessMissing)
  return found === undefined ? 0n : found.ino
}

export async function removePath(path: string, identity: bigint): Promise<void> {
  if ((await pathIdentity(path)) === identity) await unlink(path).catch(unlessMissing)
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    const answer = (served: boolean): void => {
      probe.destroy()
      resolve(served)
    }
    probe.once('connect', () => answer(true))
    // A full backlog (EAGAIN) means that somebody listens; a file that has gone meanwhile that nobody does.
    const isNobody = ({ code }: NodeJS.ErrnoException) => code === 'ECONNREFUSED' || code === 'ENOENT'
    probe.once('error', (error) => answer(!isNobody(error)))
  })
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw systemError(error.errno ?? constants.errno.EIO, error.syscall ?? 'bind', error.path)
}
