/**
 * The native jobs that are there from the beginning: their names, and what a request to one looks like. Both backends read the
 * same bytes; natively `native/job/builtin_*.cc` and `native/job/request.h`, else `lib/backend/js/jobs/builtin.ts`.
 *
 * A request is fields one after the other and then bytes: numbers of 32 bits, large numbers (doubles that are whole and not
 * negative), texts (length with the NUL at the end, then UTF-8). Little-endian, unaligned.
 */
export const NativeJob = {
  /** — does nothing, for measuring. Answers 0. */
  NOTHING: 'heddle:nothing',
  /** text path, large offset, large length (ALL), large maxBytes — answers the bytes. */
  FILE_READ: 'heddle:file.read',
  /** text path, number start (WriteStart), number flags (WriteFlag), number mode, bytes — answers how many. */
  FILE_WRITE: 'heddle:file.write',
  /** text path, number followLink — answers the doubles of FILE_STATUS. */
  FILE_STAT: 'heddle:file.stat',
  /** text host, number family (0, 4, 6) — answers for each address a byte for the family, one for the length, and text. */
  DNS_LOOKUP: 'heddle:dns.lookup',
  /** number crc (of the bytes before these, 0), bytes — answers the number. */
  CRC32C: 'heddle:crc32c',
  /** text name, bytes — answers the digest. */
  DIGEST: 'heddle:digest',
  /** number format (DeflateFormat), number level (-1 … 9), bytes — answers bytes. */
  DEFLATE: 'heddle:deflate',
  /** number format, large maxBytes, bytes — answers bytes. */
  INFLATE: 'heddle:inflate',
} as const

export const WriteStart = { REPLACE: 0, APPEND: 1, EXCLUSIVE: 2 } as const
export const WriteFlag = { ATOMIC: 1, SYNC: 2, MODE_GIVEN: 4 } as const
export const DeflateFormat = { GZIP: 0, ZLIB: 1, RAW: 2 } as const

/** A length: whatever there is. */
export const ALL = Number.MAX_SAFE_INTEGER
/** No answer is larger, whatever the request allows. */
export const MAX_ANSWER_BYTES = 2 ** 30

/** What FILE_STAT answers, a double each. */
export const FILE_STATUS = [
  'dev',
  'mode',
  'nlink',
  'uid',
  'gid',
  'rdev',
  'blksize',
  'ino',
  'size',
  'blocks',
  'atimeMs',
  'mtimeMs',
  'ctimeMs',
  'birthtimeMs',
] as const

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Puts a request together. */
export class RequestWriter {
  readonly #parts: Uint8Array[] = []
  #bytes = 0

  number(value: number): this {
    const part = new Uint8Array(4)
    new DataView(part.buffer).setInt32(0, value, true)
    return this.rest(part)
  }

  large(value: number): this {
    const part = new Uint8Array(8)
    new DataView(part.buffer).setFloat64(0, value, true)
    return this.rest(part)
  }

  text(value: string): this {
    const part = encoder.encode(`${value}\0`)
    return this.number(part.length).rest(part)
  }

  /** Bytes of the caller's, which are copied when the request is taken. */
  rest(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    this.#bytes += bytes.length
    return this
  }

  take(): Uint8Array {
    const request = new Uint8Array(this.#bytes)
    let at = 0
    for (const part of this.#parts) {
      request.set(part, at)
      at += part.length
    }
    return request
  }
}

/** Reads one. Nothing of it is trusted: after a field that is not there, or not what it should be, `ok` is false. */
export class RequestReader {
  ok = true
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  number(): number {
    const at = this.#take(4)
    return this.ok ? this.#view.getUint32(at, true) : 0
  }

  large(): number {
    const at = this.#take(8)
    const value = this.ok ? this.#view.getFloat64(at, true) : 0
    if (!Number.isSafeInteger(value) || value < 0) this.ok = false
    return this.ok ? value : 0
  }

  text(): string {
    const size = this.number()
    const at = this.#take(size)
    const bytes = this.ok ? this.#bytes.subarray(at, at + size) : this.#bytes.subarray(0, 0)
    if (this.ok && bytes.indexOf(0) !== size - 1) this.ok = false
    if (size === 0) this.ok = false
    return this.ok ? decoder.decode(bytes.subarray(0, -1)) : ''
  }

  rest(): Uint8Array {
    return this.ok ? this.#bytes.subarray(this.#at) : this.#bytes.subarray(0, 0)
  }

  #take(bytes: number): number {
    const at = this.#at
    if (bytes > this.#bytes.length - at) this.ok = false
    if (this.ok) this.#at += bytes
    return at
  }
}
