import { flag, invalid } from '../arguments'
import type { NativeResult } from './job-desk'
import { JobQueue } from './job-queue'
import { failureOf } from './native-failure'
import {
  type AnswerLimit,
  addressesOf,
  checked,
  crc32cRequest,
  type DeflateFormatName,
  deflateRequest,
  digestRequest,
  type FileStatus,
  type HostAddress,
  inflateRequest,
  lookupRequest,
  type NativeRequest,
  type ReadPart,
  readRequest,
  statRequest,
  statusOf,
  type WriteManner,
  writeRequest,
} from './native-requests'
import type { JobRunOptions } from './run-options'

/**
 * How a built-in native job is run. Aborting its `signal`, or the end of its `runTimeout`, also stops it between two pieces of
 * its work; a lookup of a host cannot be stopped, and only what waits behind it notices.
 */
export interface NativeJobOptions
  extends Pick<JobRunOptions, 'signal' | 'deadline' | 'runTimeout' | 'subqueue' | 'priority' | 'overflow'> {
  /** A native queue; default `jobqs.native`. */
  readonly queue?: JobQueue | undefined
}

/** Options of `readFile`. */
export interface ReadFileOptions extends NativeJobOptions, ReadPart {}
/** Options of `writeFile`. */
export interface WriteFileOptions extends NativeJobOptions, WriteManner {}

/** Options of `stat`. */
export interface StatOptions extends NativeJobOptions {
  /** False: the status of a symbolic link itself. Default true. */
  readonly followLink?: boolean | undefined
}

/** Options of `lookup`. */
export interface LookupOptions extends NativeJobOptions {
  /** 4 or 6; 0, the default, is both. */
  readonly family?: 0 | 4 | 6 | undefined
}

/** Options of `crc32c`. */
export interface Crc32cOptions extends NativeJobOptions {
  /** What came out for the bytes before these. Default 0. */
  readonly crc?: number | undefined
}

/** Options of `gzip`, `deflate` and `deflateRaw`. */
export interface DeflateOptions extends NativeJobOptions {
  /** 0 (not at all) to 9 (smallest); -1, the default, is zlib's own choice. */
  readonly level?: number | undefined
}

/** Options of `gunzip`, `inflate` and `inflateRaw`. */
export interface InflateOptions extends NativeJobOptions, AnswerLimit {}

const RUN = ['queue', 'signal', 'deadline', 'runTimeout', 'subqueue', 'priority', 'overflow'] as const
const RUN_ONLY: ReadonlySet<string> = new Set(RUN)
const READ: ReadonlySet<string> = new Set(['offset', 'length', 'maxBytes', ...RUN])
const WRITE: ReadonlySet<string> = new Set(['append', 'exclusive', 'atomic', 'sync', 'mode', ...RUN])
const STAT: ReadonlySet<string> = new Set(['followLink', ...RUN])
const LOOKUP: ReadonlySet<string> = new Set(['family', ...RUN])
const CRC32C: ReadonlySet<string> = new Set(['crc', ...RUN])
const DEFLATE: ReadonlySet<string> = new Set(['level', ...RUN])
const INFLATE: ReadonlySet<string> = new Set(['maxBytes', ...RUN])

/**
 * Blocking work that every server has, done by native functions on the threads of a native queue: files, names of hosts,
 * checksums, digests, compression. Without native code Node's own asynchronous functions do it, with the same results.
 *
 * Bytes are copied when a job is submitted; those of an answer are the caller's. Any of these rejects with what `JobQueue.run`
 * does, with ERR_INVALID_ARGUMENT, ENOMEM, ECANCELED, and with the errors that it names itself; those of the system carry
 * `errno`, `syscall` (the name of the method) and, for files, `path`.
 *
 * Thread rule: the isolate of the eventer whose `jobqs.nativeJobs` it is.
 */
export class NativeJobs {
  readonly #queues: { readonly native: JobQueue }

  /** @internal See `jobqs.nativeJobs`. */
  constructor(queues: { readonly native: JobQueue }) {
    this.#queues = queues
  }

  /**
   * A file, or part of it. EFBIG: there is more than `maxBytes`. Pipes and sockets are refused with ESPIPE, and a device that
   * has nothing now ends with EAGAIN: nobody is waited for. ENOENT, EACCES, EISDIR and others of the system.
   */
  async readFile(path: string | URL, options?: ReadFileOptions): Promise<Uint8Array> {
    const how = checked('readFile', options, READ)
    return (await this.#run(readRequest(path, how), how)).bytes
  }

  /** Writes a file; resolves with how many bytes it were. Pipes and sockets as for `readFile`. ENOSPC, EEXIST and others. */
  async writeFile(
    path: string | URL,
    data: Uint8Array | string,
    options?: WriteFileOptions,
  ): Promise<number> {
    const how = checked('writeFile', options, WRITE)
    return (await this.#run(writeRequest(path, data, how), how)).number
  }

  /** The status of a file. ENOENT, EACCES and others of the system. */
  async stat(path: string | URL, options?: StatOptions): Promise<FileStatus> {
    const how = checked('stat', options, STAT)
    const request = statRequest(path, flag('followLink', how.followLink, true))
    return statusOf((await this.#run(request, how)).bytes)
  }

  /**
   * All addresses of a host, in the order of the system's resolver, which may ask the network. ENOTFOUND: there is none;
   * EAI_AGAIN: the name servers did not answer; EAI_FAIL.
   */
  async lookup(host: string, options?: LookupOptions): Promise<HostAddress[]> {
    const how = checked('lookup', options, LOOKUP)
    return addressesOf((await this.#run(lookupRequest(host, how.family ?? 0), how)).bytes)
  }

  /** CRC-32C (Castagnoli) of the bytes, with the processor's instructions where it has them. */
  async crc32c(data: Uint8Array | string, options?: Crc32cOptions): Promise<number> {
    const how = checked('crc32c', options, CRC32C)
    return (await this.#run(crc32cRequest(data, how.crc ?? 0), how)).number
  }

  /** The digest by OpenSSL's name, as `crypto.createHash` knows it. EINVAL: it has none of fixed length; ENOTSUP: no OpenSSL. */
  async digest(name: string, data: Uint8Array | string, options?: NativeJobOptions): Promise<Uint8Array> {
    const how = checked('digest', options, RUN_ONLY)
    return (await this.#run(digestRequest(name, data), how)).bytes
  }

  /** ENOTSUP: the program has no zlib that we know; so for the five that follow. */
  gzip(data: Uint8Array | string, options?: DeflateOptions): Promise<Uint8Array> {
    return this.#deflate('gzip', data, options)
  }

  /** All members. EBADMSG: this is not gzip's format, or not all of it; EFBIG: it would be larger than `maxBytes`. */
  gunzip(data: Uint8Array, options?: InflateOptions): Promise<Uint8Array> {
    return this.#inflate('gzip', data, options)
  }

  /** In zlib's format. */
  deflate(data: Uint8Array | string, options?: DeflateOptions): Promise<Uint8Array> {
    return this.#deflate('zlib', data, options)
  }

  /** From zlib's format. EBADMSG, EFBIG. */
  inflate(data: Uint8Array, options?: InflateOptions): Promise<Uint8Array> {
    return this.#inflate('zlib', data, options)
  }

  /** Without head and tail. */
  deflateRaw(data: Uint8Array | string, options?: DeflateOptions): Promise<Uint8Array> {
    return this.#deflate('raw', data, options)
  }

  /** Of what has neither head nor tail. EBADMSG, EFBIG. */
  inflateRaw(data: Uint8Array, options?: InflateOptions): Promise<Uint8Array> {
    return this.#inflate('raw', data, options)
  }

  async #deflate(
    format: DeflateFormatName,
    data: Uint8Array | string,
    options: DeflateOptions | undefined,
  ): Promise<Uint8Array> {
    const how = checked('deflate', options, DEFLATE)
    return (await this.#run(deflateRequest(format, data, how.level ?? -1), how)).bytes
  }

  async #inflate(
    format: DeflateFormatName,
    data: Uint8Array,
    options: InflateOptions | undefined,
  ): Promise<Uint8Array> {
    const how = checked('inflate', options, INFLATE)
    return (await this.#run(inflateRequest(format, data, how), how)).bytes
  }

  async #run(request: NativeRequest, options: NativeJobOptions): Promise<NativeResult> {
    const { queue = this.#queues.native } = options
    if (!(queue instanceof JobQueue)) throw invalid('queue', 'is a queue of eventer.jobqs', queue)
    try {
      return await queue.run<NativeResult>({ native: request.native }, request.input, runOptions(options))
    } catch (error) {
      throw failureOf(error, request)
    }
  }
}

/** undefined: none of them, which is the short way. */
function runOptions(options: NativeJobOptions): JobRunOptions | undefined {
  const { signal, deadline, runTimeout, subqueue, priority, overflow } = options
  const stops = signal !== undefined || runTimeout !== undefined
  const given = { signal, deadline, runTimeout, subqueue, priority, overflow }
  if (Object.values(given).every((value) => value === undefined)) return undefined
  return stops ? { ...given, cancel: 'signal' } : given
}
