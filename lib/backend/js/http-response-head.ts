import { STATUS_CODES } from 'node:http'

export interface ResponseParts {
  readonly status: number
  readonly framing: 'length' | 'chunked' | 'none'
  readonly length: number
  readonly close: boolean
  /** An HTTP/1.0 client has to be told that the connection stays. */
  readonly keepAliveLine: boolean
  /** The caller's lines contain a Date. */
  readonly hasDate: boolean
}

/** A response with this status has no body and no Content-Length (RFC 9110 section 6.4.1). */
export function isBodyless(status: number): boolean {
  return status < 200 || status === 204 || status === 304
}

let dateLine = ''
let dateSecond = -1

function date(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateLine = `Date: ${new Date(second * 1000).toUTCString()}\r\n`
  }
  return dateLine
}

/** The lines of a head that are ours, with a place at the end for the caller's and the empty line. */
export function ownLines(parts: ResponseParts): Buffer {
  let text = `HTTP/1.1 ${parts.status} ${STATUS_CODES[parts.status] ?? 'Unknown'}\r\n`
  if (!parts.hasDate) text += date()
  if (parts.framing === 'length') text += `Content-Length: ${parts.length}\r\n`
  else if (parts.framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  if (parts.close) text += 'Connection: close\r\n'
  else if (parts.keepAliveLine) text += 'Connection: keep-alive\r\n'
  return Buffer.from(text, 'latin1')
}
