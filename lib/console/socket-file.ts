import { chmod, link, mkdir, mkdtemp, rmdir, stat, unlink } from 'node:fs/promises'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { HeddleError, systemError } from '../errors'
import { pathIdentity, preparePath, removePath } from '../net/unix-path'

/** Readable and writable for its owner. */
const SOCKET_MODE = 0o600
const OTHERS_WRITE = 0o022

/**
 * The file of a control socket. It is bound in a folder that nobody else can enter, gets its mode there, and then its name:
 * at no time can another user connect. A name that a dead process has left is taken over.
 */
export class SocketFile {
  readonly path: string
  readonly #identity: bigint

  /**
   * `bind` makes the socket at the path it is given. EADDRINUSE: somebody serves that name; EEXIST: it is another kind of file;
   * EACCES: others may write to its folder. A folder that is missing is made (not those above it: ENOENT), for the owner.
   */
  static async make(path: string, bind: (path: string) => Promise<void>): Promise<SocketFile> {
    const folder = dirname(path)
    await mkdir(folder, { mode: 0o700 }).catch(unlessThere)
    await checkFolder(folder)
    await preparePath(path)
    const hidden = await mkdtemp(join(folder, '.')).catch(failed)
    const bound = join(hidden, 's')
    try {
      await bind(bound)
      await chmod(bound, SOCKET_MODE)
      await link(bound, path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') failed(error)
        throw systemError(constants.errno.EADDRINUSE, 'bind', path)
      })
      return new SocketFile(path, await pathIdentity(path))
    } finally {
      await unlink(bound).catch(ignore)
      await rmdir(hidden).catch(ignore)
    }
  }

  private constructor(path: string, identity: bigint) {
    this.path = path
    this.#identity = identity
  }

  /** Unless it has become somebody else's meanwhile. */
  async remove(): Promise<void> {
    await removePath(this.path, this.#identity)
  }
}

async function checkFolder(folder: string): Promise<void> {
  const { uid, mode } = await stat(folder).catch(failed)
  const owner = process.geteuid?.() ?? uid
  if ((mode & OTHERS_WRITE) === 0 && (uid === owner || uid === 0)) return
  throw new HeddleError(
    'EACCES',
    `a control socket needs a folder that its owner alone can write to, not ${folder}`,
  )
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') failed(error)
}

function failed(error: NodeJS.ErrnoException): never {
  throw systemError(error.errno ?? constants.errno.EIO, error.syscall ?? 'bind', error.path)
}

function ignore(): void {}
