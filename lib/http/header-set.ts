import { RespondFlag } from '../backend/protocol'
import { putLatin1 } from '../net/slab'
import { checkHeader, invalid, parseLength } from './header-rules'

/** Bits of `HeaderSet.flags`. Those of the protocol keep their values there. */
export const HeaderFlag = {
  CLOSE: RespondFlag.CLOSE,
  DATE: RespondFlag.HAS_DATE,
  CONTENT_TYPE: 0x100,
} as const

/** All lines together. A backend takes 32 KiB and leaves a response with more unanswered; some are the server's own. */
const MAX_LINES_BYTES = 32000
const CHILDREN = 32
/** Different values of one header that are remembered beside each other; more than that is a value of its own kind. */
const VALUES_PER_NAME = 4

/** How many sets a server may remember. */
export interface HeaderBudget {
  left: number
}

/**
 * An immutable list of response headers. Adding a header leads to another set, and a set remembers where the usual
 * additions led: the same headers in the same order end at the same set, whose lines are encoded once. Sets of
 * values that keep changing are not remembered.
 */
export class HeaderSet {
  /** See HeaderFlag. */
  readonly flags: number
  /** What a Content-Length of the user announces, or -1. It is not among the lines. */
  readonly contentLength: number
  readonly #parent: HeaderSet | undefined
  readonly #name: string
  readonly #spelled: string
  readonly #value: string
  /** Every line, each ended by CR LF. */
  readonly #lines: string
  readonly #budget: HeaderBudget | undefined
  #bytes: Uint8Array | undefined = undefined
  #children: HeaderSet[] | undefined = undefined
  #last: HeaderSet | undefined = undefined

  private constructor(
    parent: HeaderSet | undefined,
    spelled: string,
    value: string,
    budget: HeaderBudget | undefined,
  ) {
    const name = spelled.toLowerCase()
    this.#parent = parent
    this.#spelled = spelled
    this.#name = name
    this.#value = value
    this.#budget = budget
    this.flags = (parent?.flags ?? 0) | flagOf(name, value)
    this.contentLength = name === 'content-length' ? parseLength(value) : (parent?.contentLength ?? -1)
    const lines = parent === undefined ? '' : parent.#lines
    const hidden = parent === undefined || name === 'content-length' || name === 'connection'
    this.#lines = hidden ? lines : `${lines}${spelled}: ${value}\r\n`
    if (this.#lines.length > MAX_LINES_BYTES) throw invalid(`the headers exceed ${MAX_LINES_BYTES} bytes`)
  }

  /** The set without headers, from which all others of a server grow. */
  static root(budget: HeaderBudget): HeaderSet {
    return new HeaderSet(undefined, '', '', budget)
  }

  /** Bytes that `put` writes. */
  get length(): number {
    return this.#lines.length
  }

  /** This set with the header `name` being `value` alone. */
  set(name: string, value: string): HeaderSet {
    const last = this.#last
    if (last !== undefined && last.#spelled === name && last.#value === value) return last
    return this.#remembered(name, value) ?? this.#derive(name, value)
  }

  /** This set with one more line. */
  append(name: string, value: string): HeaderSet {
    checkHeader(name, value)
    const lower = name.toLowerCase()
    if (lower === 'content-length' || lower === 'connection' || lower === 'date') return this.set(name, value)
    return new HeaderSet(this, name, value, undefined)
  }

  remove(name: string): HeaderSet {
    const lower = name.toLowerCase()
    return this.has(lower) ? this.#without(lower) : this
  }

  /** The value, several joined by a comma; undefined if the header is not set. */
  get(name: string): string | undefined {
    const lower = name.toLowerCase()
    let found: string | undefined
    for (let at: HeaderSet = this; at.#parent !== undefined; at = at.#parent) {
      if (at.#name === lower) found = found === undefined ? at.#value : `${at.#value}, ${found}`
    }
    return found
  }

  has(name: string): boolean {
    const lower = name.toLowerCase()
    for (let at: HeaderSet = this; at.#parent !== undefined; at = at.#parent)
      if (at.#name === lower) return true
    return false
  }

  /** Name (as it was spelled) and value of each line, in order. */
  entries(): [string, string][] {
    const entries: [string, string][] = []
    for (let at: HeaderSet = this; at.#parent !== undefined; at = at.#parent) {
      entries.push([at.#spelled, at.#value])
    }
    return entries.reverse()
  }

  /** Writes the lines at `at`, where `length` bytes fit. */
  put(slab: Buffer, at: number): void {
    const lines = this.#lines
    if (lines.length === 0) return
    if (this.#budget === undefined) {
      putLatin1(slab, at, lines)
      return
    }
    this.#bytes ??= Buffer.from(lines, 'latin1')
    slab.set(this.#bytes, at)
  }

  #remembered(name: string, value: string): HeaderSet | undefined {
    const children = this.#children
    if (children === undefined) return undefined
    for (let i = 0; i < children.length; i++) {
      const child = children[i] as HeaderSet
      if (child.#spelled !== name || child.#value !== value) continue
      this.#last = child
      return child
    }
    return undefined
  }

  #derive(name: string, value: string): HeaderSet {
    checkHeader(name, value)
    const lower = name.toLowerCase()
    // A header that is replaced moves to the end; such a set is not remembered here.
    if (this.has(lower)) return this.#without(lower).set(name, value)
    const budget = this.#mayRemember(name) ? this.#budget : undefined
    const child = new HeaderSet(this, name, value, budget)
    if (budget !== undefined) {
      budget.left--
      this.#children ??= []
      this.#children.push(child)
      this.#last = child
    }
    return child
  }

  #mayRemember(name: string): boolean {
    const budget = this.#budget
    if (budget === undefined || budget.left <= 0) return false
    const children = this.#children
    if (children === undefined) return true
    if (children.length >= CHILDREN) return false
    let same = 0
    for (const child of children) if (child.#spelled === name) same++
    return same < VALUES_PER_NAME
  }

  #without(lower: string): HeaderSet {
    const parent = this.#parent
    if (parent === undefined) return this
    const rest = parent.#without(lower)
    if (this.#name === lower) return rest
    if (rest === parent) return this
    return rest.has(this.#name)
      ? rest.append(this.#spelled, this.#value)
      : rest.set(this.#spelled, this.#value)
  }
}

function flagOf(name: string, value: string): number {
  switch (name) {
    case 'date':
      return HeaderFlag.DATE
    case 'content-type':
      return HeaderFlag.CONTENT_TYPE
    case 'transfer-encoding':
    case 'trailer':
      throw invalid(`${name} is the server's to set`)
    case 'connection':
      return connectionFlag(value.toLowerCase())
  }
  return 0
}

function connectionFlag(value: string): number {
  if (value === 'close') return HeaderFlag.CLOSE
  if (value === 'keep-alive') return 0
  throw invalid(`connection: ${value} is not supported`)
}
