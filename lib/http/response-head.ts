import { HeddleError } from '../errors'
import { checkLines, type HeaderValue } from './header-rules'
import type { HeaderSet } from './header-set'
import { ResponseState } from './response-state'
import { checkStatus } from './status'

const { HEAD_SENT, FINISHED, GONE, ABANDONED } = ResponseState

/** The first half of a response: what is said before the body. Fails with ERR_HEADERS_SENT once it was sent. */
export abstract class ResponseHead {
  /** @internal See ResponseState. */
  protected state = 0
  /** @internal */
  protected code = 200
  /** @internal */
  protected headers: HeaderSet

  /** @internal */
  constructor(headers: HeaderSet) {
    this.headers = headers
  }

  /** 200 unless set. From 200 to 599, or ERR_INVALID_ARGUMENT. */
  get status(): number {
    return this.code
  }

  set status(status: number) {
    this.checkHead()
    this.code = checkStatus(status)
  }

  get headersSent(): boolean {
    return (this.state & HEAD_SENT) !== 0
  }

  /** Whether `end` was called. */
  get finished(): boolean {
    return (this.state & FINISHED) !== 0
  }

  /** Whether the client went away, or the server gave up on the handler, before the response was complete. */
  get aborted(): boolean {
    return (this.state & (GONE | ABANDONED)) !== 0
  }

  /**
   * Replaces a header. An array makes several lines. Throws ERR_INVALID_HEADER, which leaves everything as it was,
   * or ERR_HEADERS_SENT.
   */
  setHeader(name: string, value: HeaderValue): this {
    this.checkHead()
    if (typeof value === 'string') this.headers = this.headers.set(name, value)
    else if (typeof value === 'number') this.headers = this.headers.set(name, String(value))
    else {
      let headers = this.headers.remove(name)
      for (const line of checkLines(name, value)) headers = headers.append(name, line)
      this.headers = headers
    }
    return this
  }

  /** Adds a line to those of the same name. */
  appendHeader(name: string, value: string): this {
    this.checkHead()
    this.headers = this.headers.append(name, value)
    return this
  }

  removeHeader(name: string): this {
    this.checkHead()
    this.headers = this.headers.remove(name)
    return this
  }

  /** The value, several joined by a comma; undefined if the header is not set. Names in any case. */
  getHeader(name: string): string | undefined {
    return this.headers.get(name)
  }

  hasHeader(name: string): boolean {
    return this.headers.has(name)
  }

  /** Name and value of each line set so far. */
  headerEntries(): [string, string][] {
    return this.headers.entries()
  }

  /** Status and headers in one call. They are sent with the first byte of the body, or by `flushHeaders`. */
  writeHead(status: number, headers?: Readonly<Record<string, HeaderValue>>): this {
    this.status = status
    if (headers !== undefined) for (const name in headers) this.setHeader(name, headers[name] as HeaderValue)
    return this
  }

  /** @internal Forgets everything that was set, for an answer of the server's own. */
  reset(headers: HeaderSet): this {
    this.headers = headers
    this.code = 200
    return this
  }

  /** @internal */
  protected checkHead(): void {
    if ((this.state & (HEAD_SENT | FINISHED)) === 0 || (this.state & ABANDONED) !== 0) return
    throw new HeddleError('ERR_HEADERS_SENT')
  }
}
