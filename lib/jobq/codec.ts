/**
 * How arguments and results lie in bytes. Written directly: undefined, null, booleans, numbers, bigints of 64 bits, strings,
 * bytes, flat objects, and short arrays of all these; any other value as V8 writes it. What the reader gets is what
 * `structuredClone` would make, except that a Buffer stays a Buffer.
 *
 * Values are a user's: reading them may run getters and traps of theirs, which may throw, lie, or submit further jobs. So
 * nothing is written to memory that others write as well: the writer has bytes of its own, and is asked for a second one
 * while the first is busy.
 */
import { types } from 'node:util'
import { HeddleError } from '../errors'
import { clone, NEEDS_PORT, restore } from './clone'
import { MAX_MEMBERS, Shapes } from './shapes'

const Tag = {
  UNDEFINED: 0,
  NULL: 1,
  TRUE: 2,
  FALSE: 3,
  /** Four bytes. */
  INT: 4,
  /** Eight bytes, as for BIGINT. */
  DOUBLE: 5,
  BIGINT: 6,
  /** Length (4), then bytes: one a character. The same for the five that follow. */
  LATIN1: 7,
  UTF8: 8,
  UTF16: 9,
  BYTES: 10,
  BUFFER: 11,
  /** As V8 writes values. */
  CLONE: 12,
  /** A shape, then the values. */
  OBJECT: 13,
  /** Number of values (1), then these. */
  ARRAY: 14,
  /** Two numbers (4 each): of a value that goes over a MessagePort. Stands alone. */
  POSTED: 15,
  /** As BYTES: an ArrayBuffer. */
  MEMORY: 16,
} as const

const FIRST_BYTES = 4096
/** Bytes kept for the next value. */
const MOST_KEPT = 1 << 17
/** Text up to this length is looked at here, character by character; the system's own way is slower for it. */
const SHORT_TEXT = 24
const MAX_ITEMS = 64
/** Objects within objects, and all objects of a value, that are written directly. */
const MAX_DEPTH = 4
const MAX_OBJECTS = 32

const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed()

/** A value that goes over a MessagePort, and under which numbers. An argument has worker 0. */
export class Posted {
  readonly worker: number
  readonly number: number

  constructor(worker: number, number: number) {
    this.worker = worker
    this.number = number
  }
}

/** Writes one value at a time. */
export class Encoder {
  /** Where the value lies, from 0 to what `encode` returned, until the next one. */
  bytes: Buffer = Buffer.from(new ArrayBuffer(FIRST_BYTES))
  #view = new DataView(this.bytes.buffer)
  #at = 0
  #busy = false
  readonly #shapes = new Shapes()
  /** Objects of the value under way: each may be met once. */
  readonly #met: object[] = []

  /** It is writing: a getter of the value has come here again. */
  get isBusy(): boolean {
    return this.#busy
  }

  /**
   * The length of the value's bytes, or -1: it holds what only a MessagePort can carry. Throws a DataCloneError, or what a
   * getter of the value throws.
   */
  encode(value: unknown): number {
    this.#at = 0
    if (this.#primitive(value)) return this.#at
    if (this.bytes.length > MOST_KEPT) this.#grow(FIRST_BYTES, 0)
    this.#busy = true
    try {
      if (!this.#direct(value as object, 0)) {
        this.#at = 0
        this.#bytesOf(Tag.CLONE, clone(value))
      }
      return this.#at
    } catch (error) {
      if (error === NEEDS_PORT) return -1
      throw error
    } finally {
      this.#busy = false
      this.#met.length = 0
    }
  }

  /** Stands for a value that goes another way. */
  posted({ worker, number }: Posted): number {
    this.#at = 0
    this.#tag(Tag.POSTED, 8)
    this.#int(worker)
    this.#int(number)
    return this.#at
  }

  #primitive(value: unknown): boolean {
    switch (typeof value) {
      case 'undefined':
        this.#tag(Tag.UNDEFINED, 0)
        return true
      case 'boolean':
        this.#tag(value ? Tag.TRUE : Tag.FALSE, 0)
        return true
      case 'number':
        this.#number(value)
        return true
      case 'string':
        this.#text(value)
        return true
      case 'bigint':
        return this.#bigint(value)
      case 'object':
        if (value !== null) return false
        this.#tag(Tag.NULL, 0)
        return true
      default:
        return false
    }
  }

  #value(value: unknown, depth: number): boolean {
    return this.#primitive(value) || (typeof value === 'object' && this.#direct(value as object, depth))
  }

  #direct(value: object, depth: number): boolean {
    if (depth > MAX_DEPTH || this.#met.length >= MAX_OBJECTS || this.#met.includes(value)) return false
    this.#met.push(value)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype) return this.#object(value as Record<string, unknown>, depth)
    if (prototype === Array.prototype) return Array.isArray(value) && this.#array(value, depth)
    if (prototype === Uint8Array.prototype) return this.#view8(Tag.BYTES, value)
    if (prototype === Buffer.prototype) return this.#view8(Tag.BUFFER, value)
    if (prototype === ArrayBuffer.prototype) return this.#memory(value as ArrayBuffer)
    return false
  }

  #object(value: Record<string, unknown>, depth: number): boolean {
    const names = Object.keys(value)
    if (names.length > MAX_MEMBERS) return false
    const shape = this.#shapes.ofNames(names)
    if (shape === undefined) return false
    const { bytes } = shape
    this.#tag(Tag.OBJECT, bytes.length)
    for (let n = 0; n < bytes.length; n++) this.bytes[this.#at + n] = bytes[n] as number
    this.#at += bytes.length
    for (let n = 0; n < names.length; n++)
      if (!this.#value(value[names[n] as string], depth + 1)) return false
    return true
  }

  #array(value: unknown[], depth: number): boolean {
    const { length } = value
    // Holes and further members are left to V8.
    if (length > MAX_ITEMS || Object.keys(value).length !== length) return false
    this.#tag(Tag.ARRAY, 1)
    this.bytes[this.#at++] = length
    for (let n = 0; n < length; n++) if (!this.#value(value[n], depth + 1)) return false
    return true
  }

  #view8(tag: number, value: object): boolean {
    if (!ArrayBuffer.isView(value) || !(value.buffer instanceof ArrayBuffer)) return false
    this.#bytesOf(tag, value as Uint8Array)
    return true
  }

  #memory(value: ArrayBuffer): boolean {
    if (!types.isArrayBuffer(value) || isResizable(value)) return false
    this.#bytesOf(Tag.MEMORY, new Uint8Array(value))
    return true
  }

  #bytesOf(tag: number, bytes: Uint8Array): void {
    this.#length(tag, bytes.length, bytes.length)
    this.bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #number(value: number): void {
    if ((value | 0) === value && !Object.is(value, -0)) {
      this.#tag(Tag.INT, 4)
      this.#int(value)
      return
    }
    this.#tag(Tag.DOUBLE, 8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  #bigint(value: bigint): boolean {
    if (BigInt.asIntN(64, value) !== value) return false
    this.#tag(Tag.BIGINT, 8)
    this.#view.setBigInt64(this.#at, value, true)
    this.#at += 8
    return true
  }

  #text(text: string): void {
    const { length } = text
    if (length <= SHORT_TEXT && this.#latin1(text)) return
    if (!isWellFormed(text)) {
      this.#length(Tag.UTF16, 2 * length, 2 * length)
      this.#at += this.bytes.write(text, this.#at, 2 * length, 'utf16le')
      return
    }
    const bytes = Buffer.byteLength(text)
    this.#length(Tag.UTF8, bytes, bytes)
    this.#at += this.bytes.write(text, this.#at, bytes, 'utf8')
  }

  #latin1(text: string): boolean {
    const before = this.#at
    this.#length(Tag.LATIN1, text.length, text.length)
    const { bytes } = this
    let at = this.#at
    for (let n = 0; n < text.length; n++) {
      const code = text.charCodeAt(n)
      if (code > 0xff) {
        this.#at = before
        return false
      }
      bytes[at++] = code
    }
    this.#at = at
    return true
  }

  #length(tag: number, length: number, room: number): void {
    this.#tag(tag, 4 + room)
    this.#int(length)
  }

  /** Writes a tag and makes sure of room for what follows it. */
  #tag(tag: number, room: number): void {
    const needed = this.#at + 1 + room
    if (needed > this.bytes.length) this.#grow(Math.max(needed, 2 * this.bytes.length), this.#at)
    this.bytes[this.#at++] = tag
  }

  #int(value: number): void {
    this.#view.setInt32(this.#at, value, true)
    this.#at += 4
  }

  #grow(size: number, kept: number): void {
    const bytes = Buffer.from(new ArrayBuffer(size))
    bytes.set(this.bytes.subarray(0, kept))
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
}

/** What `toString` calls in the end: a sixth less for a short text. */
type Latin1 = Buffer & { latin1Slice(from: number, to: number): string }

/** Reads values where they lie. What it makes has no view of the bytes, unless these are `owned`. */
export class Decoder {
  readonly #shapes = new Shapes()
  #bytes: Buffer
  #view: DataView
  #at = 0
  #end = 0
  #owned = false

  /** `slab`: where most values lie. */
  constructor(slab: Buffer) {
    this.#bytes = slab
    this.#view = viewOf(slab)
  }

  /** A value of the slab, or a `Posted`. EBADMSG. */
  decode(offset: number, length: number): unknown {
    this.#owned = false
    return this.#whole(offset, offset + length)
  }

  /** A value that has memory of its own, of which it may keep views. EBADMSG. */
  decodeOwned(memory: ArrayBuffer): unknown {
    const slab = this.#bytes
    const view = this.#view
    this.#bytes = Buffer.from(memory)
    this.#view = new DataView(memory)
    this.#owned = true
    try {
      return this.#whole(0, memory.byteLength)
    } finally {
      this.#bytes = slab
      this.#view = view
    }
  }

  #whole(at: number, end: number): unknown {
    this.#at = at
    this.#end = end
    const value = this.#value(0)
    if (this.#at !== end) throw malformed()
    return value
  }

  #value(depth: number): unknown {
    switch (this.#bytes[this.#take(1)]) {
      case Tag.UNDEFINED:
        return undefined
      case Tag.NULL:
        return null
      case Tag.TRUE:
        return true
      case Tag.FALSE:
        return false
      case Tag.INT:
        return this.#int()
      case Tag.DOUBLE:
        return this.#view.getFloat64(this.#take(8), true)
      case Tag.BIGINT:
        return this.#view.getBigInt64(this.#take(8), true)
      case Tag.LATIN1:
        return this.#latin1()
      case Tag.UTF8:
        return this.#run((from, to) => this.#bytes.toString('utf8', from, to))
      case Tag.UTF16:
        return this.#run((from, to) => this.#bytes.toString('utf16le', from, to))
      case Tag.BYTES:
        return this.#run((from, to) => this.#ownBytes(from, to))
      case Tag.BUFFER:
        return this.#run((from, to) => asBuffer(this.#ownBytes(from, to)))
      case Tag.CLONE:
        return this.#run((from, to) => restore(this.#ownBytes(from, to)))
      case Tag.OBJECT:
        return this.#object(depth)
      case Tag.ARRAY:
        return this.#array(depth)
      case Tag.POSTED:
        if (depth > 0) throw malformed()
        return new Posted(this.#int(), this.#int())
      case Tag.MEMORY:
        return this.#run((from, to) =>
          this.#bytes.buffer.slice(this.#bytes.byteOffset + from, this.#bytes.byteOffset + to),
        )
      default:
        throw malformed()
    }
  }

  #latin1(): string {
    const length = this.#int()
    const from = this.#take(length)
    return (this.#bytes as Latin1).latin1Slice(from, from + length)
  }

  #run<T>(make: (from: number, to: number) => T): T {
    const length = this.#int()
    const from = this.#take(length)
    return make(from, from + length)
  }

  #ownBytes(from: number, to: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes
    const there = new Uint8Array(buffer, byteOffset + from, to - from)
    return this.#owned ? there : new Uint8Array(there)
  }

  #object(depth: number): Record<string, unknown> {
    const shape = this.#shapes.read(this.#bytes, this.#at, this.#end)
    if (shape === undefined || depth > MAX_DEPTH) throw malformed()
    this.#at += shape.bytes.length
    const object = { ...shape.template }
    const { names } = shape
    for (let n = 0; n < names.length; n++) object[names[n] as string] = this.#value(depth + 1)
    return object
  }

  #array(depth: number): unknown[] {
    const length = this.#bytes[this.#take(1)] as number
    if (length > MAX_ITEMS || depth > MAX_DEPTH) throw malformed()
    const array: unknown[] = []
    for (let n = 0; n < length; n++) array.push(this.#value(depth + 1))
    return array
  }

  #int(): number {
    return this.#view.getInt32(this.#take(4), true)
  }

  /** The position of so many bytes, which are there. */
  #take(count: number): number {
    const at = this.#at
    if (count < 0 || at + count > this.#end) throw malformed()
    this.#at = at + count
    return at
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}

function isResizable(memory: ArrayBuffer): boolean {
  return (memory as ArrayBuffer & { readonly resizable?: boolean }).resizable === true
}

function malformed(): HeddleError {
  return new HeddleError('EBADMSG', 'these bytes are no value')
}
