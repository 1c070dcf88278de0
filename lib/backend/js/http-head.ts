import { KNOWN_HEADERS, METHODS } from '../protocol'
import { isBlank, isHost, isHostAndPort, isToken, isValue } from './http-chars'

const CR = 13
const LF = 10
const SP = 32
const COLON = 58

/** Two empty lines before a request are passed over. */
const MAX_SKIPPED = 4
/** A name's length has 8 bits in the record. */
const MAX_NAME = 255
const VERSION = /^HTTP\/[0-9]\.[0-9]$/
/** What an incomplete line may begin its version with, by length. */
const VERSION_PREFIX = 'HTTP/0.0'

const METHOD_IDS = new Map<string, number>(METHODS.map((name, id) => [name, id]))
METHOD_IDS.delete('OTHER')
const CONNECT = METHODS.indexOf('CONNECT')
const OPTIONS = METHODS.indexOf('OPTIONS')
const HEADER_IDS = new Map<string, number>(KNOWN_HEADERS.map((name, index) => [name, index + 1]))

export interface HeadLimits {
  readonly maxHeadBytes: number
  readonly maxHeaders: number
}

/** A parsed head. Offsets count from its request line. */
export interface RequestHead {
  /** Bytes of empty lines in front of it. */
  readonly skipped: number
  /** With the empty line at its end. */
  readonly headBytes: number
  readonly method: number
  readonly targetAt: number
  readonly targetLength: number
  /** Two words a header, as HTTP_REQUEST carries them. */
  readonly headerWords: readonly number[]
  readonly isHttp10: boolean
  readonly keepAlive: boolean
  /** -1 without Content-Length. */
  readonly contentLength: number
  readonly isChunked: boolean
  readonly expectContinue: boolean
}

/** Why a request is refused: the status to answer. */
export class Refused {
  readonly status: number
  constructor(status: number) {
    this.status = status
  }
}

/**
 * Parses one request head, strict to RFC 9112: what two parsers could read differently is refused. Undefined
 * asks for more bytes. The verdict does not depend on how the bytes arrive.
 */
export function parseHead(data: Buffer, limits: HeadLimits): RequestHead | Refused | undefined {
  let skipped = 0
  while (skipped < MAX_SKIPPED && data[skipped] === (skipped % 2 === 0 ? CR : LF)) skipped++
  if (skipped % 2 === 1 && skipped < data.length) return new Refused(400)
  const end = Math.min(data.length, skipped + limits.maxHeadBytes)
  const parser = new HeadParser(data, skipped, end, limits.maxHeaders)
  const verdict = parser.run()
  if (verdict !== undefined || end < skipped + limits.maxHeadBytes) return verdict
  return new Refused(parser.isInRequestLine ? 414 : 431)
}

/** True if bytes that arrived since `scanned` can change the verdict; keeps a byte-by-byte client linear. */
export function isWorthParsing(data: Buffer, scanned: number, limits: HeadLimits): boolean {
  if (scanned === 0 || data.length >= limits.maxHeadBytes) return true
  if (data[scanned - 1] === CR || Math.clz32(scanned) !== Math.clz32(data.length)) return true
  for (let at = scanned; at < data.length; at++) if (!isValue(data[at] as number)) return true
  return false
}

class HeadParser {
  readonly #data: Buffer
  readonly #begin: number
  readonly #end: number
  readonly #maxHeaders: number
  /** Start of the line being parsed. */
  #line: number
  #method = 0
  #targetAt = 0
  #targetLength = 0
  #isHttp10 = false
  #words: number[] = []
  #hasHost = false
  #contentLength = -1
  #isChunked = false
  #hasTransferEncoding = false
  #hasOtherCoding = false
  #hasExpect = false
  #hasOtherExpectation = false
  #wantsClose = false
  #wantsKeepAlive = false

  constructor(data: Buffer, begin: number, end: number, maxHeaders: number) {
    this.#data = data
    this.#begin = begin
    this.#end = end
    this.#maxHeaders = maxHeaders
    this.#line = begin
  }

  #text(from: number, to: number): string {
    return this.#data.toString('latin1', from, to)
  }

  get isInRequestLine(): boolean {
    return this.#line === this.#begin
  }

  run(): RequestHead | Refused | undefined {
    const data = this.#data
    for (;;) {
      const at = this.#lineEnd()
      if (at + 1 >= this.#end || data[at] !== CR || data[at + 1] !== LF) return this.#stopped(at)
      if (at === this.#line && !this.isInRequestLine) break
      const status = this.isInRequestLine ? this.#requestLine(at, true) : this.#fieldLine(at)
      if (status !== 0) return new Refused(status)
      this.#line = at + 2
    }
    const status = this.#framing()
    return status === 0 ? this.#head() : new Refused(status)
  }

  /** The next byte that no line contains, or the end of the data. */
  #lineEnd(): number {
    let at = this.#line
    while (at < this.#end && isValue(this.#data[at] as number)) at++
    return at
  }

  /** No line ends at `at`: an error, unless more bytes can mend it. */
  #stopped(at: number): Refused | undefined {
    const status = this.#partialLine(at)
    if (status !== 0) return new Refused(status)
    if (at === this.#end || (this.#data[at] === CR && at + 1 === this.#end)) return undefined
    return new Refused(400)
  }

  #partialLine(at: number): number {
    if (this.isInRequestLine) return this.#requestLine(at, false)
    if (this.#line === at) return 0
    if (this.#headerCount === this.#maxHeaders) return 431
    return this.#nameChars(this.#colon(at))
  }

  get #headerCount(): number {
    return this.#words.length >> 1
  }

  #requestLine(lineEnd: number, isComplete: boolean): number {
    const data = this.#data
    let at = this.#begin
    while (at < lineEnd && isToken(data[at] as number)) if (at++ - this.#begin === MAX_NAME) return 501
    if (at === lineEnd) return isComplete ? 400 : 0
    if (data[at] !== SP || at === this.#begin) return 400
    this.#method = METHOD_IDS.get(this.#text(this.#begin, at)) ?? 0
    const target = at + 1
    at = target
    while (at < lineEnd && !isBlank(data[at] as number)) at++
    if (at === lineEnd) return isComplete ? 400 : 0
    if (data[at] !== SP || at === target) return 400
    const status = this.#version(this.#text(at + 1, lineEnd), isComplete)
    if (status !== 0 || !isComplete) return status
    this.#targetAt = target - this.#begin
    this.#targetLength = at - target
    return this.#target(this.#text(target, at))
  }

  #version(text: string, isComplete: boolean): number {
    if (text === 'HTTP/1.1') return 0
    if (!isComplete && text.length < VERSION_PREFIX.length) {
      return VERSION.test(text + VERSION_PREFIX.slice(text.length)) ? 0 : 400
    }
    if (!VERSION.test(text)) return 400
    if (!isComplete) return 0
    if (text[5] !== '1') return 505
    this.#isHttp10 = text[7] === '0'
    return 0
  }

  /** The four forms of RFC 9112 section 3.2. */
  #target(text: string): number {
    if (this.#method === CONNECT) return isHostAndPort(text) ? 0 : 400
    if (text.startsWith('/')) return 0
    if (text === '*') return this.#method === OPTIONS ? 0 : 400
    const absolute = /^https?:\/\/([^/?]*)/i.exec(text)
    return absolute !== null && isHost(absolute[1] as string) ? 0 : 400
  }

  #colon(lineEnd: number): number {
    const at = this.#data.subarray(this.#line, lineEnd).indexOf(COLON)
    return at < 0 ? lineEnd : this.#line + at
  }

  /** Refuses a blank before the colon and a folded line, too: a blank is no token. */
  #nameChars(nameEnd: number): number {
    for (let at = this.#line; at < nameEnd; at++) {
      if (at - this.#line === MAX_NAME) return 431
      if (!isToken(this.#data[at] as number)) return 400
    }
    return nameEnd === this.#line ? 400 : 0
  }

  #fieldLine(lineEnd: number): number {
    if (this.#headerCount === this.#maxHeaders) return 431
    const data = this.#data
    const colon = this.#colon(lineEnd)
    const status = this.#nameChars(colon)
    if (status !== 0) return status
    if (colon === lineEnd) return 400
    let from = colon + 1
    let to = lineEnd
    while (from < to && isBlank(data[from] as number)) from++
    while (to > from && isBlank(data[to - 1] as number)) to--
    const name = this.#text(this.#line, colon).toLowerCase()
    const id = HEADER_IDS.get(name) ?? 0
    const begin = this.#begin
    this.#words.push(
      (this.#line - begin) | ((colon - this.#line) << 16) | (id << 24),
      (from - begin) | ((to - from) << 16),
    )
    return id === 0 ? 0 : this.#meaning(name, from, to)
  }

  #meaning(name: string, from: number, to: number): number {
    switch (name) {
      case 'host':
        return this.#host(this.#text(from, to))
      case 'connection':
        return this.#connection(this.#text(from, to))
      case 'content-length':
        return this.#length(this.#text(from, to))
      case 'transfer-encoding':
        return this.#transferEncoding(this.#text(from, to))
      case 'expect':
        this.#hasExpect = true
        if (this.#text(from, to).toLowerCase() !== '100-continue') this.#hasOtherExpectation = true
        return 0
      default:
        return 0
    }
  }

  #host(value: string): number {
    if (this.#hasHost) return 400
    this.#hasHost = true
    return value === '' || isHost(value) ? 0 : 400
  }

  #connection(value: string): number {
    for (const option of elements(value)) {
      if (option === 'keep-alive') this.#wantsKeepAlive = true
      if (option === 'close') this.#wantsClose = true
    }
    return 0
  }

  /** Even equal repetitions are refused: another parser may take the first or the last. */
  #length(value: string): number {
    if (this.#contentLength >= 0 || !/^[0-9]+$/.test(value)) return 400
    const length = Number(value)
    if (!Number.isSafeInteger(length)) return 400
    this.#contentLength = length
    return 0
  }

  #transferEncoding(value: string): number {
    this.#hasTransferEncoding = true
    for (const coding of elements(value)) {
      // Chunked must be the last, and it must be there once.
      if (coding === '' || this.#isChunked) return 400
      if (coding === 'chunked') this.#isChunked = true
      else this.#hasOtherCoding = true
    }
    return 0
  }

  /** What only the whole head can tell. RFC 9112 sections 3.2, 6.1 and 6.3. */
  #framing(): number {
    if (!this.#hasHost && !this.#isHttp10) return 400
    if (this.#hasTransferEncoding) {
      if (this.#isHttp10 || this.#contentLength >= 0 || !this.#isChunked) return 400
      if (this.#hasOtherCoding) return 501
    }
    return this.#hasOtherExpectation ? 417 : 0
  }

  #head(): RequestHead {
    const hasBody = this.#isChunked || this.#contentLength > 0
    return {
      skipped: this.#begin,
      headBytes: this.#line + 2 - this.#begin,
      method: this.#method,
      targetAt: this.#targetAt,
      targetLength: this.#targetLength,
      headerWords: this.#words,
      isHttp10: this.#isHttp10,
      keepAlive: !this.#wantsClose && (this.#wantsKeepAlive || !this.#isHttp10),
      contentLength: this.#contentLength,
      isChunked: this.#isChunked,
      expectContinue: this.#hasExpect && hasBody && !this.#isHttp10,
    }
  }
}

/** The elements of a comma-separated list, trimmed, lower case, perhaps empty. */
function elements(value: string): string[] {
  return value.split(',').map((element) => element.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
}
