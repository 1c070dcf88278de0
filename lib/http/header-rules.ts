import { HeddleError } from '../errors'

/** Value of a response header; an array makes several lines. */
export type HeaderValue = string | number | readonly string[]

const NOT_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
// Controls other than tab, and whatever is not one byte.
const NOT_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/** Header names and values of responses that could break the framing are refused: ERR_INVALID_HEADER. */
export function checkHeader(name: string, value: string): void {
  if (typeof name !== 'string' || name.length === 0 || NOT_TOKEN.test(name))
    throw invalid(`${JSON.stringify(name)} is no header name`)
  if (typeof value !== 'string') throw invalid(`the value of ${name} is no text`)
  if (NOT_VALUE.test(value)) throw invalid(`the value of ${name} contains a character that is not allowed`)
}

/** The lines of a header that is neither a string nor a number. */
export function checkLines(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value as string[]
  throw invalid(`the value of ${name} is no string, number or array of strings`)
}

/** A Content-Length as a number. */
export function parseLength(value: string): number {
  const length = Number(value)
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(length)) throw invalid(`content-length is not ${value}`)
  return length
}

export function invalid(message: string): HeddleError {
  return new HeddleError('ERR_INVALID_HEADER', message)
}
