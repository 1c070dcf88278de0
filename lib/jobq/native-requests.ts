import { fileURLToPath, domainToASCII } from 'node:url'
import { checkOptions, flag, invalid } from '../arguments'
import {
  ALL,
  DeflateFormat,
  FILE_STATUS,
  MAX_ANSWER_BYTES,
  NativeJob,
  RequestWriter,
  WriteFlag,
  WriteStart,
} from '../backend/builtin-jobs'
import { HeddleError } from '../errors'

/**
 * Requests to the native jobs that are there from the beginning, and what their answers mean. Pure: arguments are checked here
 * (ERR_INVALID_ARGUMENT), errors of the system come from the job.
 */

/** What a job is to be asked, and how its failure is called. */
export interface NativeRequest {
  readonly native: string
  readonly input: Uint8Array
  /** In errors: the operation, and the file or host that it is about. */
  readonly operation: string
  readonly subject?: string
}

/** Limits of an answer: larger ones fail with `EFBIG`. */
export interface AnswerLimit {
  /** Bytes, up to 1 GiB. Default 64 MiB. */
  readonly maxBytes?: number | undefined
}

/** Which part of a file is read. */
export interface ReadPart extends AnswerLimit {
  /** Byte to begin at; default 0. */
  readonly offset?: number | undefined
  /** Bytes at most; what lies before the end of the file if there are fewer. Default: all. Raises the default of `maxBytes`. */
  readonly length?: number | undefined
}

/** How a file is written. */
export interface WriteManner {
  /** To the end of what is there. */
  readonly append?: boolean | undefined
  /** A new file only; `EEXIST` where the path exists. */
  readonly exclusive?: boolean | undefined
  /**
   * All or nothing: written beside, then put in its place by one rename. What is replaced keeps its permissions, a link stays a
   * link. Not with `append`.
   */
  readonly atomic?: boolean | undefined
  /** The content (and with `atomic` the name) has reached the disk when the job is done. */
  readonly sync?: boolean | undefined
  /** Permissions of a new file, lessened by the process's umask; default 0o666. */
  readonly mode?: number | undefined
}

/** What `stat` tells of a file: the numbers of Node's `fs.Stats`, times in milliseconds since 1970. */
export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'link' | 'device' | 'pipe' | 'socket' | 'other'
  readonly dev: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly blksize: number
  readonly ino: number
  readonly size: number
  readonly blocks: number
  readonly atimeMs: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number
}

/** One address of a host. */
export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** Compressed formats: with the head and tail of gzip, of zlib, or with none. */
export type DeflateFormatName = 'gzip' | 'zlib' | 'raw'

const DEFAULT_MAX_BYTES = 64 << 20
const DEFAULT_MODE = 0o666
const LARGEST_MODE = 0o7777

const FORMATS: Readonly<Record<DeflateFormatName, number>> = {
  gzip: DeflateFormat.GZIP,
  zlib: DeflateFormat.ZLIB,
  raw: DeflateFormat.RAW,
}

/** By the type bits of a mode. */
const KINDS: Readonly<Record<number, FileStatus['kind']>> = {
  1: 'pipe',
  2: 'device',
  4: 'folder',
  6: 'device',
  8: 'file',
  10: 'link',
  12: 'socket',
}

export function readRequest(path: string | URL, part: ReadPart): NativeRequest {
  const { offset, length } = part
  const subject = pathOf(path)
  const start = whole('offset', offset, 0, ALL)
  const most = whole('length', length, ALL, ALL)
  const fallback = length === undefined ? DEFAULT_MAX_BYTES : Math.max(DEFAULT_MAX_BYTES, most)
  const input = new RequestWriter()
    .text(subject)
    .large(start)
    .large(most)
    .large(limitOf(part, fallback))
    .take()
  return { native: NativeJob.FILE_READ, input, operation: 'readFile', subject }
}

export function writeRequest(
  path: string | URL,
  data: Uint8Array | string,
  manner: WriteManner,
): NativeRequest {
  const subject = pathOf(path)
  const append = flag('append', manner.append, false)
  const exclusive = flag('exclusive', manner.exclusive, false)
  const atomic = flag('atomic', manner.atomic, false)
  if (append && (exclusive || atomic)) {
    const other = exclusive ? 'exclusive' : 'atomic'
    throw new HeddleError('ERR_INVALID_ARGUMENT', `append and ${other} exclude each other`)
  }
  const mode = whole('mode', manner.mode, DEFAULT_MODE, LARGEST_MODE)
  let flags = manner.mode === undefined ? 0 : WriteFlag.MODE_GIVEN
  if (atomic) flags |= WriteFlag.ATOMIC
  if (flag('sync', manner.sync, false)) flags |= WriteFlag.SYNC
  let start: number = WriteStart.REPLACE
  if (append) start = WriteStart.APPEND
  if (exclusive) start = WriteStart.EXCLUSIVE
  const head = new RequestWriter().text(subject).number(start).number(flags).number(mode)
  return {
    native: NativeJob.FILE_WRITE,
    input: head.rest(bytesOf(data)).take(),
    operation: 'writeFile',
    subject,
  }
}

export function statRequest(path: string | URL, followLink: boolean): NativeRequest {
  const subject = pathOf(path)
  const input = new RequestWriter()
    .text(subject)
    .number(followLink ? 1 : 0)
    .take()
  return { native: NativeJob.FILE_STAT, input, operation: 'stat', subject }
}

export function lookupRequest(host: string, family: 0 | 4 | 6): NativeRequest {
  if (typeof host !== 'string' || host === '' || host.includes('\0')) throw invalid('host', 'is a name', host)
  if (family !== 0 && family !== 4 && family !== 6) throw invalid('family', 'is 4, 6 or 0 for both', family)
  // Names of other scripts as the resolver knows them; what is no such name stays as it is, and is not found.
  const ascii = /[^\0-\x7f]/.test(host) ? domainToASCII(host) || host : host
  const input = new RequestWriter().text(ascii).number(family).take()
  return { native: NativeJob.DNS_LOOKUP, input, operation: 'lookup', subject: host }
}

export function crc32cRequest(data: Uint8Array | string, crc: number): NativeRequest {
  const input = new RequestWriter()
    .number(whole('crc', crc, 0, 0xffffffff))
    .rest(bytesOf(data))
    .take()
  return { native: NativeJob.CRC32C, input, operation: 'crc32c' }
}

export function digestRequest(name: string, data: Uint8Array | string): NativeRequest {
  if (typeof name !== 'string' || name === '' || name.includes('\0'))
    throw invalid('name', 'is that of a digest', name)
  // Those have no length of their own, and what OpenSSL takes for it changes from version to version.
  if (/shake/i.test(name)) throw new HeddleError('EINVAL', `EINVAL: ${name} has no fixed length, digest`)
  const input = new RequestWriter().text(name).rest(bytesOf(data)).take()
  return { native: NativeJob.DIGEST, input, operation: 'digest', subject: name }
}

export function deflateRequest(
  format: DeflateFormatName,
  data: Uint8Array | string,
  level: number | undefined,
): NativeRequest {
  const chosen = level === -1 ? -1 : whole('level', level, -1, 9)
  const input = new RequestWriter().number(FORMATS[format]).number(chosen).rest(bytesOf(data)).take()
  return { native: NativeJob.DEFLATE, input, operation: `${format} deflate` }
}

export function inflateRequest(
  format: DeflateFormatName,
  data: Uint8Array,
  limit: AnswerLimit,
): NativeRequest {
  const most = limitOf(limit, DEFAULT_MAX_BYTES)
  const input = new RequestWriter().number(FORMATS[format]).large(most).rest(bytesOf(data)).take()
  return { native: NativeJob.INFLATE, input, operation: `${format} inflate` }
}

export function statusOf(bytes: Uint8Array): FileStatus {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const numbers = FILE_STATUS.map((name, index) => [name, view.getFloat64(8 * index, true)] as const)
  const status = Object.fromEntries(numbers) as unknown as Omit<FileStatus, 'kind'>
  return { kind: KINDS[(status.mode >> 12) & 15] ?? 'other', ...status }
}

export function addressesOf(bytes: Uint8Array): HostAddress[] {
  const found: HostAddress[] = []
  for (let at = 0; at < bytes.length; ) {
    const family = bytes[at] === 4 ? 4 : 6
    const end = at + 2 + (bytes[at + 1] as number)
    found.push({ address: Buffer.from(bytes.subarray(at + 2, end)).toString('latin1'), family })
    at = end
  }
  return found
}

/** Options of a call: an object or left out. */
export function checked<T extends object>(
  call: string,
  options: T | undefined,
  known: ReadonlySet<string>,
): T {
  if (options === undefined) return {} as T
  checkOptions(call, options, known, `{ ${[...known][0]} }`)
  return options
}

function pathOf(path: string | URL): string {
  const text = path instanceof URL ? fileUrl(path) : path
  if (typeof text !== 'string' || text === '' || text.includes('\0')) {
    throw invalid('path', 'is a path or a file URL', path)
  }
  return text
}

function fileUrl(url: URL): string {
  if (url.protocol !== 'file:') throw invalid('path', 'is a path or a file URL', url.href)
  return fileURLToPath(url)
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  if (data instanceof Uint8Array) return data
  throw invalid('data', 'is a Uint8Array or text', data)
}

function limitOf({ maxBytes }: AnswerLimit, fallback: number): number {
  return whole('maxBytes', maxBytes, Math.min(fallback, MAX_ANSWER_BYTES), MAX_ANSWER_BYTES)
}

function whole(name: string, value: number | undefined, fallback: number, largest: number): number {
  if (value === undefined) return fallback
  if (Number.isSafeInteger(value) && value >= 0 && value <= largest) return value
  throw invalid(name, `is a whole number of 0 to ${largest}`, value)
}
