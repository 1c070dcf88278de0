import { HEADER_WORDS, KNOWN_HEADERS } from '../backend/protocol'
import { latin1Text } from '../net/slab'
import type { HttpContext } from './context'

/** Words of an HTTP_REQUEST record. */
export const Word = {
  LISTENER: 1,
  CONNECTION: 2,
  BITS: 3,
  HEAD_OFFSET: 4,
  HEAD_LENGTH: 5,
  TARGET_OFFSET: 6,
  TARGET_LENGTH: 7,
  HEADER_COUNT: 8,
  BODY_OFFSET: 9,
  BODY_LENGTH: 10,
  HEADERS: 11,
} as const

const KNOWN_IDS = new Map<string, number>(KNOWN_HEADERS.map((name, index) => [name, index + 1]))

/** Headers of which only the first line counts; lines of others are joined. */
const SINGLE = new Set([
  'authorization',
  'content-length',
  'content-type',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'user-agent',
])

/** Headers by lower-case name, lines of the same name joined. Has no prototype. */
export type HeaderRecord = Record<string, string>

/** The value of `name` (any case) in the record at `at`, while its bytes are in the receive slab. */
export function liveHeader(context: HttpContext, at: number, name: string): string | undefined {
  const id = KNOWN_IDS.get(name)
  if (id !== undefined) return knownHeader(context, at, name, id)
  const lower = name.toLowerCase()
  const knownId = KNOWN_IDS.get(lower)
  return knownId === undefined ? otherHeader(context, at, lower) : knownHeader(context, at, lower, knownId)
}

function knownHeader(context: HttpContext, at: number, name: string, id: number): string | undefined {
  const inbox = context.port.inbox
  const head = inbox[at + Word.HEAD_OFFSET] as number
  const first = at + Word.HEADERS
  const end = first + HEADER_WORDS * (inbox[at + Word.HEADER_COUNT] as number)
  let found: string | undefined
  for (let word = first; word < end; word += HEADER_WORDS) {
    if ((inbox[word] as number) >>> 24 !== id) continue
    const value = inbox[word + 1] as number
    if (found !== undefined) {
      if (SINGLE.has(name)) return found
      const more = latin1Text(
        context.port.recv,
        head + (value & 0xffff),
        head + (value & 0xffff) + (value >>> 16),
      )
      found = join(name, found, more)
      continue
    }
    found = context.values.text(id, head + (value & 0xffff), value >>> 16)
  }
  return found
}

function otherHeader(context: HttpContext, at: number, lower: string): string | undefined {
  const { inbox, recv } = context.port
  const head = inbox[at + Word.HEAD_OFFSET] as number
  const first = at + Word.HEADERS
  const end = first + HEADER_WORDS * (inbox[at + Word.HEADER_COUNT] as number)
  let found: string | undefined
  for (let word = first; word < end; word += HEADER_WORDS) {
    const name = inbox[word] as number
    if (((name >>> 16) & 0xff) !== (lower.length & 0xff) || name >>> 24 !== 0) continue
    if (!isNamed(recv, head + (name & 0xffff), lower)) continue
    const value = inbox[word + 1] as number
    const start = head + (value & 0xffff)
    const text = latin1Text(recv, start, start + (value >>> 16))
    if (found !== undefined && SINGLE.has(lower)) return found
    found = found === undefined ? text : join(lower, found, text)
  }
  return found
}

/** Compares in place, ASCII case aside: of the characters of a token only letters differ by bit 5 alone. */
function isNamed(slab: Buffer, start: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    let code = slab[start + i] as number
    if (code >= 65 && code <= 90) code |= 32
    if (code !== lower.charCodeAt(i)) return false
  }
  return true
}

function join(name: string, first: string, next: string): string {
  return name === 'cookie' ? `${first}; ${next}` : `${first}, ${next}`
}

/** The head of a request as a copy that outlives the dispatch. */
export class KeptHead {
  readonly target: string
  readonly #text: string
  readonly #words: number[]
  #record: HeaderRecord | undefined = undefined

  constructor(context: HttpContext, at: number) {
    const { inbox, recv } = context.port
    const head = inbox[at + Word.HEAD_OFFSET] as number
    this.#text = latin1Text(recv, head, head + (inbox[at + Word.HEAD_LENGTH] as number))
    const count = HEADER_WORDS * (inbox[at + Word.HEADER_COUNT] as number)
    const words: number[] = []
    for (let i = 0; i < count; i++) words.push(inbox[at + Word.HEADERS + i] as number)
    this.#words = words
    this.target = context.targets.hashed(
      inbox[at + Word.TARGET_OFFSET] as number,
      inbox[at + Word.TARGET_LENGTH] as number,
    )
  }

  /** Every header. */
  get record(): HeaderRecord {
    this.#record ??= this.#parse()
    return this.#record
  }

  #parse(): HeaderRecord {
    const text = this.#text
    const words = this.#words
    const record = Object.create(null) as HeaderRecord
    for (let i = 0; i < words.length; i += HEADER_WORDS) {
      const nameWord = words[i] as number
      const id = nameWord >>> 24
      const nameStart = nameWord & 0xffff
      const name =
        id === 0
          ? text.slice(nameStart, nameStart + ((nameWord >>> 16) & 0xff)).toLowerCase()
          : (KNOWN_HEADERS[id - 1] as string)
      const valueWord = words[i + 1] as number
      const value = text.slice(valueWord & 0xffff, (valueWord & 0xffff) + (valueWord >>> 16))
      const before = record[name]
      if (before === undefined) record[name] = value
      else if (!SINGLE.has(name)) record[name] = join(name, before, value)
    }
    return record
  }
}
