import { FIRST_BUCKET_LOG, Head, headBytes, MAX_MEMORY_BYTES, PAGE_BYTES, UNIT_BYTES } from './layout'

/** What Node 20 has and the declarations of es2023 do not. */
interface Growable extends SharedArrayBuffer {
  readonly maxByteLength: number
  grow(bytes: number): void
}

/** Room beside the budget: pages of many size classes, blocks that wait for a reader. */
const SPARE_BYTES = 2 ** 26

/**
 * The memory of a map as one isolate sees it. Views of a fixed length are several times as fast as views that follow
 * the buffer, so each isolate makes new ones when it meets an address beyond its own. An address is published after
 * the buffer has grown, so `refresh` always suffices.
 */
export class SharedMemory {
  readonly buffer: SharedArrayBuffer
  words!: Int32Array
  bytes!: Uint8Array
  doubles!: Float64Array
  /** The same bytes, with Node's conversions of text. */
  text!: Buffer
  /** Words in view. */
  limit = 0

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.refresh()
  }

  refresh(): void {
    const { buffer } = this
    const bytes = buffer.byteLength
    this.words = new Int32Array(buffer, 0, bytes / 4)
    this.bytes = new Uint8Array(buffer, 0, bytes)
    this.doubles = new Float64Array(buffer, 0, bytes / 8)
    this.text = Buffer.from(buffer, 0, bytes)
    this.limit = bytes / 4
  }

  /** The pages of a large block may reach beyond the view that its first word lies in: new views, if they do. */
  reach(byteEnd: number): void {
    if (byteEnd > this.limit * 4) this.refresh()
  }

  get maxBytes(): number {
    return (this.buffer as Growable).maxByteLength
  }

  /** Has the buffer grow to so many bytes at least. False where the system gives no more. */
  growTo(bytes: number): boolean {
    const buffer = this.buffer as Growable
    try {
      if (buffer.byteLength < bytes) buffer.grow(bytes)
    } catch {
      // Another isolate may have grown it further meanwhile, which is as good.
      if (buffer.byteLength < bytes) return false
    }
    this.refresh()
    return true
  }
}

/** The memory of a new map; undefined where the system refuses even the address space. */
export function createMemory(maxBytes: number, seed: readonly [number, number]): SharedMemory | undefined {
  const buffer = reserve(maxBytes === 0 ? MAX_MEMORY_BYTES : 4 * maxBytes + SPARE_BYTES)
  if (buffer === undefined) return undefined
  const memory = new SharedMemory(buffer)
  const { words } = memory
  words[Head.EPOCH] = 1
  words[Head.BUCKET_LOG] = FIRST_BUCKET_LOG
  words[Head.BUDGET] = unitsOf(Math.min(maxBytes, memory.maxBytes))
  words[Head.SEED] = seed[0]
  words[Head.SEED + 1] = seed[1]
  words[Head.SLOTS_USED] = 1
  return memory
}

/** A budget in units: 0 is none at all, so that the least there is holds 1, which is too little for any entry. */
function unitsOf(maxBytes: number): number {
  return maxBytes === 0 ? 0 : Math.max(1, Math.floor(maxBytes / UNIT_BYTES))
}

/** Address space for so much, or for less where the process may not have it. */
function reserve(wanted: number): SharedArrayBuffer | undefined {
  let most = Math.min(MAX_MEMORY_BYTES, Math.ceil(wanted / PAGE_BYTES) * PAGE_BYTES)
  const Constructor = SharedArrayBuffer as unknown as new (
    bytes: number,
    options: object,
  ) => SharedArrayBuffer
  for (;;) {
    try {
      return new Constructor(headBytes(most), { maxByteLength: most })
    } catch {
      most = Math.floor(most / 4 / PAGE_BYTES) * PAGE_BYTES
      if (most < SPARE_BYTES / 4) return undefined
    }
  }
}
