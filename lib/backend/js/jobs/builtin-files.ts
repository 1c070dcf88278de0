import type { Stats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, realpath, rename, stat, unlink } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { FILE_STATUS, MAX_ANSWER_BYTES, RequestReader, WriteFlag, WriteStart } from '../../builtin-jobs'
import { answerOf, asFailure, checkStopped, failure, type NativeAnswer, PIECE_BYTES } from './builtin-twin'

/** Files whole or in part; what may wait for somebody else is refused, as natively (native/job/builtin_file.cc). */

/** Nothing waits: neither for the other end of a pipe nor for a device that has nothing. */
const NO_WAIT = constants.O_NONBLOCK | constants.O_NOCTTY
const WRITE = constants.O_WRONLY | constants.O_CREAT | NO_WAIT

interface Part {
  readonly offset: number
  readonly length: number
  readonly maxBytes: number
}

interface Writing {
  readonly path: string
  readonly start: number
  readonly flags: number
  readonly mode: number
  readonly bytes: Uint8Array
}

type Stopped = () => boolean

export async function readFile(input: Uint8Array, stopped: Stopped): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  const path = request.text()
  const part = { offset: request.large(), length: request.large(), maxBytes: request.large() }
  if (!request.ok || part.maxBytes > MAX_ANSWER_BYTES) throw failure('EINVAL')
  return answerOf(
    await withFile(path, constants.O_RDONLY | NO_WAIT, 0, (file) => readPart(file, part, stopped)),
  )
}

export async function writeFile(input: Uint8Array, stopped: Stopped): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  const what: Writing = {
    path: request.text(),
    start: request.number(),
    flags: request.number(),
    mode: request.number(),
    bytes: request.rest(),
  }
  if (!request.ok || what.start > WriteStart.EXCLUSIVE) throw failure('EINVAL')
  const atomic = (what.flags & WriteFlag.ATOMIC) !== 0
  if (atomic && what.start === WriteStart.APPEND) throw failure('EINVAL')
  try {
    await (atomic ? writeAtomically(what, stopped) : writeInPlace(what, stopped))
  } catch (error) {
    throw asFailure(error)
  }
  return { number: what.bytes.length, bytes: undefined }
}

export async function statFile(input: Uint8Array): Promise<NativeAnswer> {
  const request = new RequestReader(input)
  const path = request.text()
  const follow = request.number()
  if (!request.ok) throw failure('EINVAL')
  try {
    const status = await (follow === 0 ? lstat(path) : stat(path))
    const fields = Float64Array.from(FILE_STATUS, (name) => status[name])
    return answerOf(new Uint8Array(fields.buffer))
  } catch (error) {
    throw asFailure(error)
  }
}

async function withFile<T>(
  path: string,
  flags: number,
  mode: number,
  use: (file: FileHandle) => Promise<T>,
): Promise<T> {
  try {
    const file = await open(path, flags, mode & 0o7777)
    try {
      return await use(file)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw asFailure(error)
  }
}

function refuse(status: Stats): void {
  if (status.isDirectory()) throw failure('EISDIR')
  if (status.isFIFO() || status.isSocket()) throw failure('ESPIPE')
}

/**
 * Room for the first reading where nobody can know how much there is. There are files that answer one only, from their
 * beginning, and are at their end behind it: many of /proc and /sys.
 */
const UNKNOWN_BYTES = 65536

async function readPart(file: FileHandle, part: Part, stopped: Stopped): Promise<Uint8Array> {
  const status = await file.stat()
  refuse(status)
  const { offset, length, maxBytes } = part
  const known = status.isFile() ? Math.min(Math.max(status.size - offset, 0), length) : 0
  if (known > maxBytes) throw failure('EFBIG')
  let bytes = new Uint8Array(known === 0 ? UNKNOWN_BYTES : known + 1)
  let size = 0
  while (size < length) {
    checkStopped(stopped)
    if (size === bytes.length) bytes = grown(bytes)
    const wanted = Math.min(bytes.length - size, Math.min(length, maxBytes + 1) - size, PIECE_BYTES)
    const position = offset === 0 ? null : offset + size
    const { bytesRead } = await file.read(bytes, size, wanted, position)
    if (bytesRead === 0) break
    size += bytesRead
    if (size > maxBytes) throw failure('EFBIG')
  }
  return bytes.slice(0, size)
}

function grown(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(bytes.length * 2, 4096))
  larger.set(bytes)
  return larger
}

async function writeAll(file: FileHandle, what: Writing, stopped: Stopped): Promise<void> {
  let done = 0
  while (done < what.bytes.length) {
    checkStopped(stopped)
    const piece = Math.min(what.bytes.length - done, PIECE_BYTES)
    const { bytesWritten } = await file.write(what.bytes, done, piece)
    if (bytesWritten === 0) throw failure('EIO')
    done += bytesWritten
  }
  if ((what.flags & WriteFlag.SYNC) !== 0) await file.sync()
}

async function writeInPlace(what: Writing, stopped: Stopped): Promise<void> {
  let flags = WRITE
  if (what.start === WriteStart.REPLACE) flags |= constants.O_TRUNC
  if (what.start === WriteStart.APPEND) flags |= constants.O_APPEND
  if (what.start === WriteStart.EXCLUSIVE) flags |= constants.O_EXCL
  await withFile(what.path, flags, what.mode, async (file) => {
    refuse(await file.stat())
    await writeAll(file, what, stopped)
  })
}

/** Another file in the same folder first, which then takes the place. */
async function writeAtomically(what: Writing, stopped: Stopped): Promise<void> {
  const target = await targetOf(what)
  const permissions = await permissionsToKeep(what, target)
  const folder = target.slice(0, target.lastIndexOf('/') + 1)
  const fresh = `${folder}.heddle-${randomBytes(8).toString('hex')}`
  try {
    await withFile(fresh, WRITE | constants.O_EXCL, what.mode, async (file) => {
      if (permissions !== undefined) await file.chmod(permissions)
      await writeAll(file, what, stopped)
    })
    await publish(what, fresh, target)
  } catch (error) {
    await unlink(fresh).catch(() => undefined)
    throw error
  }
  if ((what.flags & WriteFlag.SYNC) !== 0) await syncFolder(folder)
}

/** A link stays one: where it leads is replaced. */
async function targetOf(what: Writing): Promise<string> {
  if (what.start === WriteStart.EXCLUSIVE) return what.path
  try {
    return await realpath(what.path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return what.path
    throw error
  }
}

async function permissionsToKeep(what: Writing, target: string): Promise<number | undefined> {
  if (what.start === WriteStart.EXCLUSIVE) return undefined
  const status = await stat(target).catch(() => undefined)
  if (status === undefined) return undefined
  refuse(status)
  if (!status.isFile()) throw failure('EINVAL')
  return (what.flags & WriteFlag.MODE_GIVEN) === 0 ? status.mode & 0o7777 : undefined
}

async function publish(what: Writing, fresh: string, target: string): Promise<void> {
  if (what.start !== WriteStart.EXCLUSIVE) return rename(fresh, target)
  await link(fresh, target)
  await unlink(fresh)
}

async function syncFolder(folder: string): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY
  await withFile(folder === '' ? '.' : folder, flags, 0, async (file) => {
    // Some file systems refuse it for folders; then there is nothing to be done.
    await file.sync().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EINVAL' && error.code !== 'EROFS') throw error
    })
  })
}
