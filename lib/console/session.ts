import { createHash, timingSafeEqual } from 'node:crypto'
import { type CommandResult, type Control, MAX_LINE_BYTES } from '../control'
import { HeddleError } from '../errors'
import type { Connection } from '../net'
import { encodeAnswer } from './framing'

/** What sessions of one server share. */
export interface SessionRules {
  readonly control: Control
  /** What a client must send before anything else. */
  readonly token: string | undefined
  /** Milliseconds in which a client has to say the token; 0: no limit. */
  readonly authTimeout: number
  /** Milliseconds after which a client that takes nothing of its answer is cut off; 0: never. */
  readonly stallTimeout: number
}

/** With its line feed, and a carriage return that some send. */
const MAX_REQUEST_BYTES = MAX_LINE_BYTES + 2
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** A browser that was made to post to this port. What others have it send comes after this line. */
const HTTP_REQUEST = / HTTP\/\d/

/**
 * One client: reads a line, has it run, sends the answer, and reads the next line only then. So what it may make the process
 * hold is one answer and the buffers of its connection, however much it sends and however little it reads. What it
 * leaves behind when it goes is dropped, if it waits, or told by its signal, if it runs.
 *
 * Thread rule: the isolate of the connection.
 */
export class ControlSession {
  readonly #connection: Connection
  readonly #rules: SessionRules
  readonly #left = new AbortController()
  #isTrusted: boolean
  #isFirst = true
  #isBusy = false
  #isEnding = false

  constructor(connection: Connection, rules: SessionRules) {
    this.#connection = connection
    this.#rules = rules
    this.#isTrusted = rules.token === undefined
  }

  /** Whether it has said the token, where one is needed. */
  get isTrusted(): boolean {
    return this.#isTrusted
  }

  /** Resolves when the client has ended its input, or must not go on. */
  async serve(): Promise<void> {
    for (;;) {
      const request = await this.#request()
      if (request === undefined) return
      this.#isBusy = true
      const result = await this.#answer(request)
      if (result === undefined) return this.#connection.destroy()
      await this.#send(encodeAnswer(result))
      this.#isBusy = false
      if (this.#isEnding) return
    }
  }

  /** The client has gone. */
  gone(): void {
    this.#left.abort(new HeddleError('ECONNRESET', 'the client has left'))
  }

  /** Answers what is under way, and takes no further line. */
  end(): void {
    this.#isEnding = true
    if (!this.#isBusy) void this.#connection.close()
  }

  /** The next line's bytes, an error for one that is too long, undefined at the end of the input, amid a line as well. */
  async #request(): Promise<Buffer | HeddleError | undefined> {
    let tooLong = false
    const timeout = this.#isTrusted ? 0 : this.#rules.authTimeout
    const limits = { max: MAX_REQUEST_BYTES, ...(timeout > 0 && { timeout }) }
    for (;;) {
      try {
        const line = await this.#connection.readUntil('\n', limits)
        if (!tooLong) return line
        return new HeddleError('ERR_READ_LIMIT', `a command has at most ${MAX_LINE_BYTES} bytes`)
      } catch (error) {
        if (!(error instanceof HeddleError) || error.code !== 'ERR_READ_LIMIT' || !this.#isTrusted)
          return undefined
        tooLong = true
        await this.#connection.readExact(MAX_REQUEST_BYTES)
      }
    }
  }

  /** Undefined: this is no client of ours. Whoever begins with what is no line is none either, but is told. */
  async #answer(request: Buffer | HeddleError): Promise<CommandResult | undefined> {
    const isFirst = this.#isFirst
    this.#isFirst = false
    try {
      if (request instanceof HeddleError) throw request
      if (isFirst && HTTP_REQUEST.test(request.toString('latin1'))) return undefined
      const line = decode(request)
      if (!this.#isTrusted) return this.#introduced(line)
      const { signal } = this.#left
      return await this.#rules.control.run(line, { signal, caller: signal })
    } catch (error) {
      if (this.#left.signal.aborted) return undefined
      if (isFirst) this.#isEnding = true
      return { ok: false, text: `${(error as Error).message}\n` }
    }
  }

  /** A wrong word is answered, and ends the connection. */
  #introduced(line: string): CommandResult {
    if (isSame(line, `auth ${this.#rules.token}`)) {
      this.#isTrusted = true
      return { ok: true, text: '' }
    }
    this.#isEnding = true
    return { ok: false, text: 'auth and the token of this console come first\n' }
  }

  async #send(answer: Buffer): Promise<void> {
    const connection = this.#connection
    const timeout = this.#rules.stallTimeout
    if (connection.write(answer)) return
    let before = connection.pending
    for (;;) {
      try {
        return await connection.drained({ timeout })
      } catch (error) {
        if (!(error instanceof HeddleError && error.isTimeout)) throw error
        const now = connection.pending
        if (now >= before) throw error
        before = now
      }
    }
  }
}

function decode(request: Buffer): string {
  const end = request.length >= 2 && request[request.length - 2] === 13 ? -2 : -1
  try {
    return utf8.decode(request.subarray(0, end))
  } catch {
    throw new HeddleError('EILSEQ', 'a command is UTF-8')
  }
}

/** In a time that does not tell how much of it was right. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
