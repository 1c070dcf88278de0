import { HeddleError } from '../errors'
import { ByteQueue } from '../io/byte-queue'
import type { CommandResult } from '../control'

/**
 * What goes over a control socket: a request is one line of UTF-8, an answer `ok <bytes>` or `error <bytes>`, a line feed and so
 * many bytes of UTF-8. Answers come in the order of the requests.
 */
export function encodeAnswer({ ok, text }: CommandResult): Buffer {
  const body = Buffer.from(text)
  return Buffer.concat([Buffer.from(`${ok ? 'ok' : 'error'} ${body.length}\n`), body])
}

/** `error ` and the digits of the largest safe integer, with the line feed. */
const MAX_HEAD_BYTES = 23
const HEAD = /^(ok|error) (0|[1-9]\d{0,14})\n$/
const LINE_FEED = Buffer.from('\n')

/** Makes answers of the bytes that a server sends. */
export class AnswerReader {
  readonly #limit: number
  readonly #bytes = new ByteQueue()
  #head: { readonly ok: boolean; readonly length: number } | undefined

  /** @param limit bytes of text that an answer may have. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes of an answer that is not complete are here. */
  get isAmid(): boolean {
    return this.#head !== undefined || this.#bytes.size > 0
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk)
  }

  /** The next complete answer. EPROTO: that is none; ERR_READ_LIMIT: it is larger than the limit. Nothing can be read after those. */
  next(): CommandResult | undefined {
    this.#head ??= this.#readHead()
    if (this.#head === undefined || this.#bytes.size < this.#head.length) return undefined
    const { ok, length } = this.#head
    this.#head = undefined
    return { ok, text: this.#bytes.take(length).toString() }
  }

  #readHead(): { ok: boolean; length: number } | undefined {
    const end = this.#bytes.indexOf(LINE_FEED, 0) + 1
    if (end > MAX_HEAD_BYTES || (end === 0 && this.#bytes.size >= MAX_HEAD_BYTES)) throw noAnswer()
    if (end === 0) return undefined
    const found = HEAD.exec(this.#bytes.take(end).toString('latin1'))
    if (found === null) throw noAnswer()
    const length = Number(found[2])
    if (length > this.#limit)
      throw new HeddleError('ERR_READ_LIMIT', `an answer of ${length} bytes is more than ${this.#limit}`)
    return { ok: found[1] === 'ok', length }
  }
}

function noAnswer(): HeddleError {
  return new HeddleError('EPROTO', 'what came is no answer of a control socket')
}
