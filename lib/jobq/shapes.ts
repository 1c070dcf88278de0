/**
 * Flat objects of one shape repeat: jobs of one kind have arguments with the same members. The writer of a shape keeps its
 * bytes, the reader what they mean, so that neither touches the text of the names again.
 *
 * Bytes of a shape: the number of members (1), the bytes of the names that follow (2, little endian), then each name: its
 * length in bytes (1) and so many bytes of UTF-8.
 */

/** Shapes that one end remembers; the oldest goes. */
const KEPT = 8
export const MAX_MEMBERS = 32
const MAX_NAME_BYTES = 255
const FIXED = 3

export class Shape {
  readonly names: readonly string[]
  readonly bytes: Uint8Array
  /** An object of the shape whose members are undefined, to be copied. */
  readonly template: Record<string, unknown>

  constructor(names: readonly string[], bytes: Uint8Array) {
    this.names = names
    this.bytes = bytes
    this.template = {}
    // Defined, since a name such as __proto__ is nothing that can be assigned.
    const member = { value: undefined, writable: true, enumerable: true, configurable: true }
    for (const name of names) Object.defineProperty(this.template, name, member)
  }
}

/** The shapes one end has seen of late. */
export class Shapes {
  readonly #kept: Shape[] = []
  #next = 0

  /** The shape with these names in this order; undefined if its names are too many or too long. */
  ofNames(names: readonly string[]): Shape | undefined {
    for (const shape of this.#kept) if (isSame(shape.names, names)) return shape
    const bytes = written(names)
    return bytes === undefined ? undefined : this.#keep(new Shape(names, bytes))
  }

  /** The shape whose bytes begin at `at`; undefined if they are none. */
  read(bytes: Buffer, at: number, end: number): Shape | undefined {
    for (const shape of this.#kept) if (beginsWith(bytes, at, end, shape.bytes)) return shape
    const names = namesAt(bytes, at, end)
    if (names === undefined) return undefined
    const length = FIXED + bytes.readUInt16LE(at + 1)
    return this.#keep(new Shape(names, new Uint8Array(bytes.subarray(at, at + length))))
  }

  #keep(shape: Shape): Shape {
    this.#kept[this.#next] = shape
    this.#next = (this.#next + 1) % KEPT
    return shape
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

function beginsWith(bytes: Uint8Array, at: number, end: number, wanted: Uint8Array): boolean {
  if (at + wanted.length > end) return false
  for (let n = 0; n < wanted.length; n++) if (bytes[at + n] !== wanted[n]) return false
  return true
}

function written(names: readonly string[]): Uint8Array | undefined {
  if (names.length > MAX_MEMBERS) return undefined
  const parts: Buffer[] = []
  for (const name of names) {
    const text = Buffer.from(name)
    // A lone surrogate has no UTF-8 of its own.
    if (text.length > MAX_NAME_BYTES || text.toString() !== name) return undefined
    parts.push(Buffer.of(text.length), text)
  }
  const body = Buffer.concat(parts)
  const head = Buffer.of(names.length, body.length & 0xff, body.length >>> 8)
  return new Uint8Array(Buffer.concat([head, body]))
}

function namesAt(bytes: Buffer, at: number, end: number): string[] | undefined {
  if (at + FIXED > end) return undefined
  const count = bytes[at] as number
  const stop = at + FIXED + bytes.readUInt16LE(at + 1)
  if (count > MAX_MEMBERS || stop > end) return undefined
  const names: string[] = []
  let from = at + FIXED
  while (names.length < count && from < stop) {
    const to = from + 1 + (bytes[from] as number)
    if (to > stop) return undefined
    names.push(bytes.toString('utf8', from + 1, to))
    from = to
  }
  const isWhole = names.length === count && from === stop && new Set(names).size === count
  return isWhole ? names : undefined
}
