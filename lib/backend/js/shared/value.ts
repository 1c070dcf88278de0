import { type PlainValue, SCRATCH_BYTES } from '../../shared'
import { lengthOf, writeBytes } from './bytes'
import { Block, ENTRY_HEAD_BYTES, KEY_BYTES_SHIFT, Stored, VALUE_KIND_MASK, VALUE_KIND_SHIFT } from './layout'
import type { SharedMemory } from './memory'
import { readText, unitsOf, writeText } from './text'

/** The value of the operation under way: how it is stored, and how it compares with a stored one. */
export class Value {
  #value: PlainValue | Uint8Array = undefined
  kind = 0
  byteLength = 0

  /** `kind`: a `ValueKind`, or 0 for a plain value. */
  take(kind: number, value: PlainValue | Uint8Array): void {
    this.#value = value
    if (kind !== 0) this.#is(kind, lengthOf(value as Uint8Array))
    else if (typeof value === 'number') this.#is(Stored.NUMBER, 8)
    else if (typeof value === 'string') this.#takeText(value)
    else this.#is(constantKind(value as boolean | null | undefined), 0)
  }

  /** Keeps nothing of the user's alive between operations. */
  forget(): void {
    this.#value = undefined
  }

  write(memory: SharedMemory, at: number): void {
    const value = this.#value
    if (typeof value === 'number') memory.doubles[at / 8] = value
    else if (typeof value === 'string') writeText(memory, at, value, this.kind === Stored.LATIN1)
    else if (this.byteLength > 0) writeBytes(memory, at, value as Uint8Array, this.byteLength)
  }

  /** Whether the entry of this address has the same value: kind and content. */
  isStoredAt(memory: SharedMemory, address: number): boolean {
    if (storedKind(memory, address) !== this.kind) return false
    const { words } = memory
    if (words[address + Block.VALUE_BYTES] !== this.byteLength) return false
    const at = valueStart(memory, address)
    const value = this.#value
    if (typeof value === 'number') return Object.is(memory.doubles[at / 8], value)
    if (typeof value === 'string')
      return readText(memory, at, this.byteLength, this.kind === Stored.LATIN1) === value
    const own = value as Uint8Array
    for (let i = 0; i < this.byteLength; i++) if (memory.bytes[at + i] !== own[i]) return false
    return true
  }

  #takeText(text: string): void {
    const isLatin1 = unitsOf(text) < 256
    this.#is(isLatin1 ? Stored.LATIN1 : Stored.UTF16, isLatin1 ? text.length : text.length * 2)
  }

  #is(kind: number, byteLength: number): void {
    this.kind = kind
    this.byteLength = byteLength
  }
}

export function storedKind(memory: SharedMemory, address: number): number {
  return ((memory.words[address + Block.META] as number) >>> VALUE_KIND_SHIFT) & VALUE_KIND_MASK
}

/** First byte of the value: behind the key, where a double may begin. All of the value is in view then. */
export function valueStart(memory: SharedMemory, address: number): number {
  const { words } = memory
  const keyBytes = (words[address + Block.META] as number) >>> KEY_BYTES_SHIFT
  const start = address * 4 + valueOffset(keyBytes)
  memory.reach(start + (words[address + Block.VALUE_BYTES] as number))
  return start
}

export function valueOffset(keyBytes: number): number {
  return ENTRY_HEAD_BYTES + ((keyBytes + 7) & -8)
}

/** The value of an entry if it is plain; bytes otherwise, in `scratch` or, if they are many, of their own. */
export function readValue(
  memory: SharedMemory,
  address: number,
  control: Int32Array,
  scratch: Uint8Array,
): PlainValue | Uint8Array | ArrayBuffer {
  const kind = storedKind(memory, address)
  if (kind > Stored.CLONE) return readPlain(memory, address, kind)
  const at = valueStart(memory, address)
  const length = memory.words[address + Block.VALUE_BYTES] as number
  control[0] = length
  control[1] = kind
  if (length > SCRATCH_BYTES) return memory.bytes.slice(at, at + length).buffer as ArrayBuffer
  copy(memory.bytes, at, scratch, length)
  return scratch
}

export function readPlain(memory: SharedMemory, address: number, kind: number): PlainValue {
  switch (kind) {
    case Stored.NUMBER:
      return readNumber(memory, address)
    case Stored.LATIN1:
    case Stored.UTF16: {
      const length = memory.words[address + Block.VALUE_BYTES] as number
      return readText(memory, valueStart(memory, address), length, kind === Stored.LATIN1)
    }
    case Stored.TRUE:
      return true
    case Stored.FALSE:
      return false
    case Stored.NULL:
      return null
    default:
      return undefined
  }
}

/** The value of an entry that is a number. */
export function readNumber(memory: SharedMemory, address: number): number {
  const at = valueStart(memory, address)
  return memory.doubles[at / 8] as number
}

function constantKind(value: boolean | null | undefined): number {
  if (value === null) return Stored.NULL
  if (value === undefined) return Stored.UNDEFINED
  return value ? Stored.TRUE : Stored.FALSE
}

/** Few bytes are copied faster by hand than by making a view of them. */
function copy(from: Uint8Array, at: number, to: Uint8Array, length: number): void {
  if (length > 64) {
    to.set(from.subarray(at, at + length))
    return
  }
  for (let i = 0; i < length; i++) to[i] = from[at + i] as number
}
