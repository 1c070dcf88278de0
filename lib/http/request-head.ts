import { HEADER_SEARCH, HEADER_WORDS, INDEX_WORDS, KNOWN_HEADERS } from '../backend/protocol'
import { latin1Text } from '../net/slab'
import type { HttpContext } from './context'
import { knownHeaderId } from './known-header'

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
  INDEX: 11,
  HEADERS: 11 + INDEX_WORDS,
} as const

/** Values remembered per header, told apart by their length: clients differ. */
const VALUES_PER_HEADER = 4
/** Slots that `HttpContext.values` must have. */
export const VALUE_SLOTS = VALUES_PER_HEADER * (KNOWN_HEADERS.length + 1)

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
  const id = knownHeaderId(name)
  if (id === 0) return spelledHeader(context, at, name.toLowerCase())
  const place = placeOf(context.port.inbox, at, id)
  if (place === 0) return undefined
  return place === HEADER_SEARCH ? joinedHeader(context, at, id) : valueAt(context, at, id, place - 1)
}

/** A name that is not known as it is written. */
function spelledHeader(context: HttpContext, at: number, lower: string): string | undefined {
  if (knownHeaderId(lower) !== 0) return liveHeader(context, at, lower)
  return placeOf(context.port.inbox, at, 0) === 0 ? undefined : otherHeader(context, at, lower)
}

/** The byte of the record's index for `id`. */
function placeOf(inbox: Int32Array, at: number, id: number): number {
  return ((inbox[at + Word.INDEX + (id >>> 2)] as number) >>> ((id & 3) << 3)) & 0xff
}

/** The value of the header at position `n`, whose name has the id `id`. */
function valueAt(context: HttpContext, at: number, id: number, n: number): string {
  const inbox = context.port.inbox
  const value = inbox[at + Word.HEADERS + HEADER_WORDS * n + 1] as number
  const length = value >>> 16
  const slot = VALUES_PER_HEADER * id + (length & (VALUES_PER_HEADER - 1))
  return context.values.text(slot, (inbox[at + Word.HEAD_OFFSET] as number) + (value & 0xffff), length)
}

/** A known header that may have several lines. */
function joinedHeader(context: HttpContext, at: number, id: number): string | undefined {
  const inbox = context.port.inbox
  const name = KNOWN_HEADERS[id - 1] as string
  const count = inbox[at + Word.HEADER_COUNT] as number
  let found: string | undefined
  for (let n = 0; n < count; n++) {
    if ((inbox[at + Word.HEADERS + HEADER_WORDS * n] as number) >>> 24 !== id) continue
    if (found !== undefined && SINGLE.has(name)) return found
    const text = valueAt(context, at, id, n)
    found = found === undefined ? text : join(name, found, text)
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
    if (found !== undefined && SINGLE.has(lower)) return found
    const text = context.texts.hashed(head + (value & 0xffff), value >>> 16)
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
    this.target = context.texts.hashed(
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
