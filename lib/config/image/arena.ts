/**
 * Room for images in one buffer that grows. Only the owner allocates, so what is used is known here and not in shared memory.
 * First fit: images are few and of like size.
 */
const FIRST_BYTES = 64 * 1024
const ALIGN = 64

interface Block {
  readonly offset: number
  readonly bytes: number
}

export class Arena {
  readonly buffer: SharedArrayBuffer
  readonly maxBytes: number
  /** In the order of their offsets. */
  readonly #used: Block[] = []

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
    const options = { maxByteLength: maxBytes }
    // The option is newer than the types.
    this.buffer = new (SharedArrayBuffer as GrowableConstructor)(Math.min(FIRST_BYTES, maxBytes), options)
  }

  /** Offset of so many bytes, undefined if there is no room. Images that were handed out stay where they are. */
  allocate(wanted: number): number | undefined {
    const bytes = Math.ceil(wanted / ALIGN) * ALIGN
    let offset = 0
    let at = 0
    for (; at < this.#used.length; at++) {
      const block = this.#used[at] as Block
      if (block.offset - offset >= bytes) break
      offset = block.offset + block.bytes
    }
    if (!this.#reach(offset + bytes)) return undefined
    this.#used.splice(at, 0, { offset, bytes })
    return offset
  }

  free(offset: number): void {
    const at = this.#used.findIndex((block) => block.offset === offset)
    if (at >= 0) this.#used.splice(at, 1)
  }

  get usedBytes(): number {
    return this.#used.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  #reach(end: number): boolean {
    const buffer = this.buffer as Growable
    if (end <= buffer.byteLength) return true
    if (end > buffer.maxByteLength) return false
    try {
      // Twice as much, so that a growing configuration does not grow the buffer each time.
      buffer.grow(Math.min(buffer.maxByteLength, Math.max(end, buffer.byteLength * 2)))
      return true
    } catch {
      return false
    }
  }
}

type Growable = SharedArrayBuffer & { readonly maxByteLength: number; grow(bytes: number): void }
type GrowableConstructor = new (bytes: number, options: { maxByteLength: number }) => SharedArrayBuffer
