/**
 * Writes the records and bytes of one batch. A record that does not fit stays with its source until the next
 * pass.
 */
export class Inbox {
  readonly words32: Int32Array
  readonly recv: Uint8Array
  /** Words and bytes used by the batch in the making. */
  words = 0
  bytes = 0

  constructor(words32: Int32Array, recv: Uint8Array) {
    this.words32 = words32
    this.recv = recv
  }

  reset(): void {
    this.words = 0
    this.bytes = 0
  }

  get freeBytes(): number {
    return this.recv.length - this.bytes
  }

  hasRoom(words: number, bytes = 0): boolean {
    return this.words + words <= this.words32.length && bytes <= this.freeBytes
  }

  /** Appends word 0 and returns its position. The caller has asked `hasRoom`. */
  begin(kind: number, words: number): number {
    const at = this.words
    this.words = at + words
    this.words32[at] = kind | (words << 8)
    return at
  }

  push1(kind: number, a: number): boolean {
    if (!this.hasRoom(2)) return false
    const at = this.begin(kind, 2)
    this.words32[at + 1] = a
    return true
  }

  push2(kind: number, a: number, b: number): boolean {
    if (!this.hasRoom(3)) return false
    const at = this.begin(kind, 3)
    this.words32[at + 1] = a
    this.words32[at + 2] = b
    return true
  }

  push3(kind: number, a: number, b: number, c: number): boolean {
    if (!this.hasRoom(4)) return false
    const at = this.begin(kind, 4)
    this.words32[at + 1] = a
    this.words32[at + 2] = b
    this.words32[at + 3] = c
    return true
  }

  /** Writes a record from its kind and words. */
  write(record: readonly number[]): boolean {
    if (!this.hasRoom(record.length)) return false
    const at = this.begin(record[0] as number, record.length)
    for (let n = 1; n < record.length; n++) this.words32[at + n] = record[n] as number
    return true
  }

  /** Copies bytes into the receive slab and returns their offset. The caller has asked `hasRoom`. */
  put(bytes: Uint8Array): number {
    const offset = this.bytes
    this.recv.set(bytes, offset)
    this.bytes = offset + bytes.length
    return offset
  }
}
