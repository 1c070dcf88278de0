import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, link, lstat, open, readdir, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { invalid } from '../arguments'
import { errnoName, HeddleError } from '../errors'
import { isWellFormed } from './syntax/characters'
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
  readonly beforeRename?: () => void | Promise<void>
}

/** A file that is replaced, and with what. */
export interface NewFile extends ReplaceOptions {
  readonly path: string
  readonly text: string
}

/** A new text beside its file. */
interface Prepared {
  readonly path: string
  readonly target: string
  readonly temporary: string
  readonly isNew: boolean
}

const CHUNK_BYTES = 64 * 1024
const PERMISSIONS = 0o7777
const UNSYNCED: ReadonlySet<string | undefined> = new Set(['EACCES', 'EINVAL', 'ENOTSUP', 'EPERM'])

/**
 * What is at a path. ERR_CONFIG_LIMIT for more bytes than the limit, ERR_CONFIG_FILE for what is neither file nor
 * directory, ERR_CONFIG_ENCODING for what is not UTF-8. Never waits for a pipe's other end.
 */
export async function readPath(path: string, maxBytes: number): Promise<ReadFile | ReadDirectory> {
  return await aboutFile(path, async () => {
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
  })
}

/**
 * Puts a text into a file in one step: it is written beside it, forced to the disk, and takes its name. Whoever
 * reads sees the old or the new text, also after a crash at any moment, which at most leaves a hidden file
 * `.heddle-….tmp`. A symbolic link stays and its file is replaced; permissions and owner are kept; hard links,
 * access lists and attributes are not. ERR_CONFIG_STALE if the text is not the expected one; a change of somebody
 * else's between that look and the last step is lost. (CF-31, CX-15)
 */
export async function replaceFile(path: string, text: string, options: ReplaceOptions = {}): Promise<void> {
  await replaceFiles([{ ...options, path, text }])
}

/**
 * Replaces several files. All new texts are on the disk before the first of them takes its place, so that want of
 * room or permission changes nothing; a crash, or a renaming that fails, between the first and the last leaves some
 * old and some new.
 */
export async function replaceFiles(files: readonly NewFile[]): Promise<void> {
  const prepared: Prepared[] = []
  const folders = new Map<string, FileHandle | undefined>()
  try {
    for (const file of files) prepared.push(await aboutFile(file.path, () => prepare(file)))
    // While nothing has changed yet: what fails behind the renaming cannot be told as a failure.
    for (const folder of new Set(prepared.map(({ target }) => dirname(target))))
      folders.set(folder, await aboutFile(folder, () => openFolder(folder)))
    for (const { path, beforeRename } of files) await aboutFile(path, async () => beforeRename?.())
    for (const file of prepared) await aboutFile(file.path, () => putInPlace(file))
    for (const [folder, handle] of folders) await syncFolder(folder, handle)
  } finally {
    for (const { temporary } of prepared) await unlink(temporary).catch(() => {})
    for (const handle of folders.values()) await handle?.close().catch(() => {})
  }
}

/** Writes the new text beside its file. */
async function prepare({ path, text, expected, mode = 0o600 }: NewFile): Promise<Prepared> {
  if (!isWellFormed(text)) throw invalid('the text of a file', 'has whole characters', text.slice(0, 40))
  const target = await targetOf(path)
  const old = await statsOf(target)
  await checkExpected(path, target, old, expected)
  if (old !== undefined) await checkWritable(target)
  const temporary = join(dirname(target), `.heddle-${randomUUID()}.tmp`)
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(text, 'utf8')
    if (old !== undefined) await takeOver(handle, old)
    else await handle.chmod(mode)
    await handle.sync()
    return { path, target, temporary, isNew: expected === null }
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  } finally {
    await handle.close()
  }
}

/** A new file takes its name only if nobody else has in the meantime. */
async function putInPlace({ path, target, temporary, isNew }: Prepared): Promise<void> {
  if (!isNew) return await rename(temporary, target)
  try {
    await link(temporary, target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw stale(path)
    // Not every file system has links.
    if (code !== 'EPERM' && code !== 'ENOTSUP') throw error
    await rename(temporary, target)
  }
}

/** A name can be taken from a file that must not be written: so it is asked. `access` would ask for the real user. */
async function checkWritable(target: string): Promise<void> {
  const handle = await open(target, constants.O_WRONLY | constants.O_NONBLOCK)
  await handle.close()
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
  const found = old === undefined ? null : await textOf(target, old).catch(unlessUnreadable)
  if (found !== expected) throw stale(path)
}

function stale(path: string): ConfigError {
  return new ConfigError(
    'ERR_CONFIG_STALE',
    'this file has changed since it was read',
    { file: path },
    { path },
  )
}

/** What is no text of that length now is not what was read. */
function unlessUnreadable(error: unknown): undefined {
  const { code } = error as HeddleError
  if (code !== 'ERR_CONFIG_ENCODING' && code !== 'ERR_CONFIG_LIMIT') throw error
}

/** Undefined where it cannot be the expected text. */
async function textOf(target: string, { size }: Stats): Promise<string | undefined> {
  const read = await readPath(target, size + 1)
  return read.kind === 'file' ? read.text : undefined
}

/** Undefined where not everybody may. */
async function openFolder(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY)
  } catch (error) {
    if (UNSYNCED.has((error as NodeJS.ErrnoException).code)) return undefined
    throw error
  }
}

/** Without this the new names may be gone after a loss of power. Not every file system can. */
async function syncFolder(path: string, handle: FileHandle | undefined): Promise<void> {
  try {
    await handle?.sync()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (UNSYNCED.has(code)) return
    process.emitWarning(`${path} was written, but may not outlast a loss of power: ${message}`, {
      type: 'HeddleWarning',
      code: 'HEDDLE_CONFIG_UNSYNCED',
    })
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

/** Runs it; what the system refuses becomes an error that names the file. */
async function aboutFile<T>(path: string, run: () => Promise<T>): Promise<T> {
  if (typeof path !== 'string') throw invalid('a path', 'is text', path)
  if (path.includes('\0'))
    throw new ConfigError('ERR_CONFIG_FILE', 'a path has no NUL in it', { file: path }, { path })
  try {
    return await run()
  } catch (error) {
    if (error instanceof HeddleError) throw error
    const { errno, syscall, message } = error as NodeJS.ErrnoException
    if (typeof errno !== 'number') throw error
    const options = { errno, path, cause: error, ...(syscall === undefined ? {} : { syscall }) }
    throw new ConfigError(errnoName(errno), message.replace(/, .*$/s, ''), { file: path }, options)
  }
}
