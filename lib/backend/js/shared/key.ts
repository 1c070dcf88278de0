import type { SharedKey } from '../../shared'
import { lengthOf, writeBytes } from './bytes'
import { Block, ENTRY_HEAD_BYTES, Head, KEY_BYTES_SHIFT, KEY_KIND_MASK, KeyKind } from './layout'
import { KeyedHash } from './keyed-hash'
import type { SharedMemory } from './memory'
import { readText, writeText } from './text'

/** Keep bytes apart from text of the same words. */
const TEXT_TAG = 0xff
const BYTES_TAG = 0x5a

/**
 * The key of the operation under way: its hash, its canonical form, and how it compares with a stored one. One for
 * each hold, used again by each operation, so that looking up allocates nothing.
 *
 * Text is hashed by its units, two to a word, whether they are stored in a byte or two.
 */
export class Key {
  readonly #memory: SharedMemory
  readonly #hash: KeyedHash
  #text = ''
  #bytes: Uint8Array | undefined
  kind = 0
  /** Of the canonical form. */
  byteLength = 0
  hash = 0

  constructor(memory: SharedMemory) {
    this.#memory = memory
    this.#hash = new KeyedHash(memory.words[Head.SEED] as number, memory.words[Head.SEED + 1] as number)
  }

  take(key: SharedKey): void {
    if (typeof key === 'string') this.#takeText(key)
    else this.#takeBytes(key)
  }

  /** Whether the entry of this address has this key. */
  matches(address: number): boolean {
    const { words } = this.#memory
    const meta = words[address + Block.META] as number
    if ((meta & KEY_KIND_MASK) !== this.kind || meta >>> KEY_BYTES_SHIFT !== this.byteLength) return false
    const at = address * 4 + ENTRY_HEAD_BYTES
    this.#memory.reach(at + this.byteLength)
    switch (this.kind) {
      case KeyKind.LATIN1:
        return this.#matchesLatin1(at)
      case KeyKind.UTF16:
        return this.#matchesUtf16(at)
      default:
        return this.#matchesBytes(at)
    }
  }

  /** Writes the canonical form to these bytes of the memory. */
  write(at: number): void {
    if (this.#bytes === undefined) writeText(this.#memory, at, this.#text, this.kind === KeyKind.LATIN1)
    else writeBytes(this.#memory, at, this.#bytes, this.byteLength)
  }

  #takeText(text: string): void {
    const { length } = text
    this.#text = text
    this.#bytes = undefined
    const hash = this.#hash
    let all = 0
    hash.begin()
    for (let i = 1; i < length; i += 2) {
      const first = text.charCodeAt(i - 1)
      const second = text.charCodeAt(i)
      all |= first | second
      hash.add(first | (second << 16))
    }
    // The last word holds the unit that has no partner, and tells the length.
    const odd = (length & 1) === 0 ? 0 : text.charCodeAt(length - 1)
    all |= odd
    hash.add(odd | (length << 24))
    this.hash = hash.end(TEXT_TAG)
    this.kind = all < 256 ? KeyKind.LATIN1 : KeyKind.UTF16
    this.byteLength = all < 256 ? length : length * 2
  }

  #takeBytes(bytes: Uint8Array): void {
    const length = lengthOf(bytes)
    this.#bytes = bytes
    const hash = this.#hash
    hash.begin()
    let i = 0
    for (; i + 3 < length; i += 4) hash.add(wordAt(bytes, i))
    hash.add((wordAt(bytes, i) & 0xffffff) | (length << 24))
    this.hash = hash.end(BYTES_TAG)
    this.kind = KeyKind.BYTES
    this.byteLength = length
  }

  #matchesLatin1(at: number): boolean {
    const { bytes } = this.#memory
    const text = this.#text
    for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
    return true
  }

  #matchesUtf16(at: number): boolean {
    const { bytes } = this.#memory
    const text = this.#text
    for (let i = 0; i < text.length; i++) {
      const unit = (bytes[at + 2 * i] as number) | ((bytes[at + 2 * i + 1] as number) << 8)
      if (unit !== text.charCodeAt(i)) return false
    }
    return true
  }

  #matchesBytes(at: number): boolean {
    const { bytes } = this.#memory
    const own = this.#bytes as Uint8Array
    for (let i = 0; i < this.byteLength; i++) if (bytes[at + i] !== own[i]) return false
    return true
  }
}

/** Whether two entries have the same key. */
export function haveSameKey(memory: SharedMemory, a: number, b: number): boolean {
  const { words } = memory
  const meta = words[a + Block.META] as number
  const other = words[b + Block.META] as number
  const length = meta >>> KEY_BYTES_SHIFT
  memory.reach(Math.max(a, b) * 4 + ENTRY_HEAD_BYTES + length)
  const { bytes } = memory
  if ((meta & KEY_KIND_MASK) !== (other & KEY_KIND_MASK) || length !== other >>> KEY_BYTES_SHIFT) return false
  for (let i = 0; i < length; i++) {
    if (bytes[a * 4 + ENTRY_HEAD_BYTES + i] !== bytes[b * 4 + ENTRY_HEAD_BYTES + i]) return false
  }
  return true
}

/** The key of an entry, as it was given. */
export function readKey(memory: SharedMemory, address: number): SharedKey {
  const meta = memory.words[address + Block.META] as number
  const at = address * 4 + ENTRY_HEAD_BYTES
  const length = meta >>> KEY_BYTES_SHIFT
  const kind = meta & KEY_KIND_MASK
  memory.reach(at + length)
  if (kind === KeyKind.BYTES) return memory.bytes.slice(at, at + length)
  return readText(memory, at, length, kind === KeyKind.LATIN1)
}

/** Four bytes from there on, 0 for those that are not there. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  )
}
