import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { access, type FileHandle, lstat, open, readdir, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoName, HeddleError } from '../errors'
import { ConfigError } from './syntax/config-error'

/**
 * The files of a configuration: read whole with a limit, replaced whole or not at all. Nothing here keeps state.
 * What the system refuses is an error with its POSIX name, `syscall` and `path`.
 */

/** A file with its text. */
export interface ReadFile {
  readonly kind: 'file'
  /** Absolute, without symbolic links. */
  readonly realPath: string
  readonly text: string
}

/** A directory with the files that are included with it, in the order of their names. */
export interface ReadDirectory {
  readonly kind: 'directory'
  readonly realPath: string
  readonly names: readonly string[]
}

/** What a file that is replaced should be. */
export interface ReplaceOptions {
  /** The text it must still have, so that nobody's change is undone; undefined: any. `null`: it must not exist. */
  readonly expected?: string | null | undefined
  /** Permissions of a file that does not exist yet. Default: 0o600. */
  readonly mode?: number
  /** Called when the new text lies on the disk beside the old one, which is still in its place. */
  readonly beforeRename?: (temporary: string) => void | Promise<void>
}

const CHUNK_BYTES = 64 * 1024
const PERMISSIONS = 0o7777

/**
 * What is at a path. ERR_CONFIG_LIMIT for more bytes than the limit, ERR_CONFIG_FILE for what is neither file nor
 * directory, ERR_CONFIG_ENCODING for what is not UTF-8. Never waits for a pipe's other end.
 */
export async function readPath(path: string, maxBytes: number): Promise<ReadFile | ReadDirectory> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const realPath = await realpath(path)
      const stats = await handle.stat()
      if (stats.isDirectory()) return { kind: 'directory', realPath, names: await namesIn(path) }
      checkIsFile(path, stats)
      return { kind: 'file', realPath, text: decode(path, await readAll(path, handle, stats, maxBytes)) }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw fileError(error, path)
  }
}

/**
 * Puts a text into a file in one step: it is written beside it, forced to the disk, and takes its name. Whoever
 * reads sees the old or the new text, also after a crash at any moment, which at most leaves a hidden file
 * `.heddle-….tmp`. A symbolic link stays and its file is replaced; permissions and owner are kept; hard links,
 * access lists and attributes are not. ERR_CONFIG_STALE if the text is not the expected one; a change of somebody
 * else's between that look and the last step is lost. (CF-31, CX-15)
 */
export async function replaceFile(path: string, text: string, options: ReplaceOptions = {}): Promise<void> {
  try {
    const target = await targetOf(path)
    const old = await statsOf(target)
    await checkExpected(path, target, old, options.expected)
    if (old !== undefined) await access(target, constants.W_OK)
    await writeBeside(target, text, old, options)
    await syncDirectory(dirname(target))
  } catch (error) {
    throw fileError(error, path)
  }
}

async function writeBeside(
  target: string,
  text: string,
  old: Stats | undefined,
  { mode = 0o600, beforeRename }: ReplaceOptions,
): Promise<void> {
  const temporary = join(dirname(target), `.heddle-${randomUUID()}.tmp`)
  const handle = await open(temporary, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(text, 'utf8')
      if (old !== undefined) await takeOver(handle, old)
      else await handle.chmod(mode)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await beforeRename?.(temporary)
    await rename(temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}

/** Owner first: a change of owner takes the bits for other users' rights away. */
async function takeOver(handle: FileHandle, old: Stats): Promise<void> {
  const stats = await handle.stat()
  if (stats.uid !== old.uid || stats.gid !== old.gid) await handle.chown(old.uid, old.gid)
  await handle.chmod(old.mode & PERMISSIONS)
}

/** The file behind symbolic links; of one that does not exist, where it will be. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || (await isLink(path))) throw error
    return join(await realpath(dirname(path)), basename(path))
  }
}

/** A link to nothing is not replaced by a file. */
async function isLink(path: string): Promise<boolean> {
  return (await statsOf(path)) !== undefined
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function checkExpected(
  path: string,
  target: string,
  old: Stats | undefined,
  expected: string | null | undefined,
): Promise<void> {
  if (old !== undefined) checkIsFile(path, old)
  if (expected === undefined) return
  const found = old === undefined ? null : await textOf(target, old)
  if (found !== expected) throw new HeddleError('ERR_CONFIG_STALE', `${path} has changed since it was read`)
}

/** Undefined where it cannot be the expected text. */
async function textOf(target: string, { size }: Stats): Promise<string | undefined> {
  const read = await readPath(target, size + 1)
  return read.kind === 'file' ? read.text : undefined
}

/** Without this the new name may be gone after a loss of power. Not every file system can. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** Files only, none that begin with a dot, by the numbers of their characters: the same order on every machine. */
async function namesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true })
  const names: string[] = []
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.isDirectory()) continue
    if (entry.isSymbolicLink() && (await isDirectory(join(path, entry.name)))) continue
    names.push(entry.name)
  }
  return names.sort()
}

async function isDirectory(path: string): Promise<boolean> {
  const stats = await statsOf(await realpath(path).catch(() => path))
  return stats?.isDirectory() === true
}

function checkIsFile(path: string, stats: Stats): void {
  if (stats.isFile()) return
  if (stats.isDirectory()) throw new ConfigError('EISDIR', 'this is a directory', { file: path }, { path })
  throw new ConfigError('ERR_CONFIG_FILE', 'this is no regular file', { file: path }, { path })
}

/** Not by the size alone: the file may grow, and some have no size. */
async function readAll(path: string, handle: FileHandle, { size }: Stats, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let total = 0
  for (let more = size <= maxBytes; more; ) {
    const chunk = Buffer.allocUnsafe(
      Math.min(maxBytes - total + 1, total < size ? size - total : CHUNK_BYTES),
    )
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null)
    chunks.push(chunk.subarray(0, bytesRead))
    total += bytesRead
    more = bytesRead > 0 && total <= maxBytes
  }
  if (size <= maxBytes && total <= maxBytes) return Buffer.concat(chunks)
  throw new ConfigError('ERR_CONFIG_LIMIT', `more than ${maxBytes} bytes`, { file: path }, { path })
}

function decode(path: string, bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  let line = 1
  for (let from = 0; ; line++) {
    const newline = bytes.indexOf(10, from)
    const end = newline < 0 ? bytes.length : newline
    const part = bytes.subarray(from, end)
    if (!isUtf8(part)) {
      const place = { file: path, line, column: validPart(part).length + 1 }
      throw new ConfigError('ERR_CONFIG_ENCODING', 'these bytes are not UTF-8', place, { path })
    }
    from = end + 1
  }
}

/** The beginning that is UTF-8: as far as decoding and encoding again gives the same bytes. */
function validPart(bytes: Buffer): string {
  const encoded = Buffer.from(bytes.toString('utf8'))
  let at = 0
  while (at < bytes.length && bytes[at] === encoded[at]) at++
  // The mark that stands for bad bytes may begin as they do.
  while (((encoded[at] ?? 0) & 0xc0) === 0x80) at--
  return bytes.toString('utf8', 0, at)
}

/** Errors of the system with the file's name in front; ours as they are. */
function fileError(error: unknown, path: string): unknown {
  if (error instanceof HeddleError) return error
  const { errno, syscall, message } = error as NodeJS.ErrnoException
  if (typeof errno !== 'number') return error
  const code = errnoName(errno)
  const options = { errno, path, cause: error, ...(syscall === undefined ? {} : { syscall }) }
  return new ConfigError(code, message.replace(/, .*$/s, ''), { file: path }, options)
}
