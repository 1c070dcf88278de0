import { latin1Text } from '../net/slab'

/**
 * Strings of byte runs that keep coming back: request targets, values of common headers. Comparing the bytes with
 * those of the last string in the slot costs a few nanoseconds where making a string costs sixty and more.
 * Bounded: `slots` strings of at most `room` bytes; longer runs are not kept. The runs contain no NUL.
 */
export class TextCache {
  readonly #slab: Buffer
  readonly #bytes: DataView
  readonly #kept: DataView
  readonly #lengths: Int32Array
  readonly #texts: string[]
  readonly #room: number

  constructor(slab: Buffer, slots: number, room: number) {
    this.#slab = slab
    this.#bytes = new DataView(slab.buffer, slab.byteOffset, slab.length)
    this.#kept = new DataView(new ArrayBuffer(slots * room))
    this.#lengths = new Int32Array(slots).fill(-1)
    this.#texts = new Array(slots).fill('')
    this.#room = room
  }

  /** The Latin-1 string of `length` bytes of the slab at `start`, looked for in `slot`. */
  text(slot: number, start: number, length: number): string {
    if (this.#lengths[slot] === length && this.#same(slot * this.#room, start, length)) {
      return this.#texts[slot] as string
    }
    return this.#fill(slot, start, length)
  }

  /** The same with a slot computed from the bytes; `slots` must be a power of two. */
  hashed(start: number, length: number): string {
    if (length === 0 || length > this.#room) return latin1Text(this.#slab, start, start + length)
    const bytes = this.#bytes
    const last = bytes.getUint8(start + length - 1)
    const middle = bytes.getUint8(start + (length >>> 1))
    const slot = (length * 131 + last * 31 + middle * 7) & (this.#texts.length - 1)
    return this.text(slot, start, length)
  }

  /**
   * From the end on, where runs of equal length tend to differ, the first and the last step overlapping. Doubles are
   * the widest loads that cost no allocation. Two of them are equal exactly when their bytes are, but for NaNs, which
   * lead to a miss, and for zeros, which would have NULs.
   */
  #same(kept: number, start: number, length: number): boolean {
    if (length < 8) return this.#sameShort(kept, start, length)
    const bytes = this.#bytes
    const copy = this.#kept
    for (let i = length - 8; i > 0; i -= 8) {
      if (bytes.getFloat64(start + i, true) !== copy.getFloat64(kept + i, true)) return false
    }
    return bytes.getFloat64(start, true) === copy.getFloat64(kept, true)
  }

  #sameShort(kept: number, start: number, length: number): boolean {
    for (let i = 0; i < length; i++) {
      if (this.#bytes.getUint8(start + i) !== this.#kept.getUint8(kept + i)) return false
    }
    return true
  }

  #fill(slot: number, start: number, length: number): string {
    const text = latin1Text(this.#slab, start, start + length)
    if (length > this.#room) return text
    const bytes = this.#bytes
    const copy = this.#kept
    const kept = slot * this.#room
    let i = 0
    for (; i + 4 <= length; i += 4) copy.setInt32(kept + i, bytes.getInt32(start + i, true), true)
    for (; i < length; i++) copy.setUint8(kept + i, bytes.getUint8(start + i))
    this.#lengths[slot] = length
    this.#texts[slot] = text
    return text
  }
}
