import type { Case } from './cases'
import { judge } from './grammar'

/** The same numbers for the same seed, everywhere. */
class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 … bound - 1. */
  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * bound)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }
}

const NAMES = [
  'X-A',
  'Accept',
  'cookie',
  'USER-AGENT',
  'If-None-Match',
  'x-forwarded-proto',
  'Te',
  'x_y',
  'Via',
]
const VALUES = ['', 'a', 'a b', '*/*', 'a=b; c=d', '"q"', 'x'.repeat(70), '\xe4\xff', 'gzip, br;q=0.5', ':']
const BLANKS = ['', ' ', '  ', '\t', ' \t']
const TARGETS = ['/', '/a', '/a/b.html?c=d', `/${'p'.repeat(60)}`, '/%20', '/?', '//']
/** Bytes that parsers have stumbled over. */
const EDGES = [...'\0\x01\b\t\n\x0b\r\x1f !"(),/:;<=>?@[\\]{}\x7f\x80\xa0\xff']

function head(random: Random): string {
  const fields = Array.from({ length: random.below(6) }, () => {
    return `${random.pick(NAMES)}:${random.pick(BLANKS)}${random.pick(VALUES)}${random.pick(BLANKS)}\r\n`
  })
  fields.splice(random.below(fields.length + 1), 0, `Host:${random.pick(BLANKS)}a.example:80\r\n`)
  const method = random.pick(['GET', 'HEAD', 'DELETE', 'OPTIONS'])
  return `${method} ${random.pick(TARGETS)} HTTP/1.1\r\n${fields.join('')}\r\n`
}

/** Changes, removes or inserts one byte. */
function mutate(text: string, random: Random): string {
  const at = random.below(text.length)
  const edge = random.pick(EDGES)
  const rest = text.slice(at + 1)
  return text.slice(0, at) + random.pick([edge + rest, rest, edge + text.slice(at)])
}

function chunks(body: string, random: Random): string {
  let text = ''
  for (let at = 0; at < body.length; ) {
    const size = 1 + random.below(40)
    const data = body.slice(at, at + size)
    text += `${data.length.toString(16)}${random.pick(['', ';a', ';a=b'])}\r\n${data}\r\n`
    at += size
  }
  return `${text}0\r\n${random.pick(['', 'T: u\r\n'])}\r\n`
}

function withBody(random: Random): string {
  const body = Array.from({ length: random.below(200) }, () => String.fromCharCode(random.below(256))).join(
    '',
  )
  const framing = random.below(2) === 0
  const line = framing ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked'
  return `POST /b HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n${framing ? body : chunks(body, random)}`
}

function repeat(count: number, make: (index: number) => Case): Case[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

/** One head judged by the grammar. */
function judged(name: string, bytes: string): Case {
  const verdict = judge(bytes)
  return { name, bytes, verdict, requests: verdict === 'accept' ? 1 : 0 }
}

/** Every byte in the middle of a field name and of a value. */
export function everyByte(): Case[] {
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
  return bytes.flatMap((byte, code) => [
    judged(`byte ${code} in a name`, `GET / HTTP/1.1\r\nHost: a\r\nX${byte}Y: v\r\n\r\n`),
    judged(`byte ${code} in a value`, `GET / HTTP/1.1\r\nHost: a\r\nX: v${byte}w\r\n\r\n`),
    judged(`byte ${code} in the target`, `GET /a${byte}b HTTP/1.1\r\nHost: a\r\n\r\n`),
  ])
}

export function generated(seed: number, count: number): Case[] {
  const random = new Random(seed)
  return [
    ...repeat(count, (index) => judged(`head ${index}`, head(random))),
    ...repeat(count * 3, (index) => judged(`changed head ${index}`, mutate(head(random), random))),
    ...repeat(count, (index) => {
      const parts = Array.from({ length: 1 + random.below(4) }, () => withBody(random))
      return { name: `bodies ${index}`, bytes: parts.join(''), verdict: 'accept', requests: parts.length }
    }),
  ]
}
