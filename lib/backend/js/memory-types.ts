import { BlockKind, type TypeInfo, UsageCell } from '../memory'
import { errno } from './errno'

const MAX_TYPES = 512
const MAX_ALIGN = 4096
const MAX_DESCRIPTION_BYTES = 63

/** A memtype with what it has used. */
export interface CountedType extends TypeInfo {
  live: number
  peak: number
  total: number
  bytes: number
  peakBytes: number
}

/** Memtypes of Heddle itself, as the native core registers them. (MT-18) */
const BUILTIN: readonly [description: string, kind: number, size: number][] = [
  ['core:event', BlockKind.VSIZE, 0],
  ['core:message-body', BlockKind.VSIZE, 0],
  ['core:async-job', BlockKind.VSIZE, 0],
]

/** The registered memtypes of this isolate, and their accounts. */
export class MemoryTypes {
  readonly #types: CountedType[] = []
  #limit = MAX_TYPES

  constructor() {
    for (const [description, kind, size] of BUILTIN) this.register(description, kind, size, 16, -1)
  }

  get count(): number {
    return this.#types.length
  }

  of(id: number): CountedType | undefined {
    return this.#types[id - 1]
  }

  [Symbol.iterator](): Iterator<CountedType> {
    return this.#types.values()
  }

  find(description: string): number {
    return this.#types.findIndex((type) => type.description === description) + 1
  }

  setLimit(limit: number): number {
    if (limit > MAX_TYPES || limit < this.#types.length) return -errno.EINVAL
    this.#limit = limit
    return 0
  }

  register(description: string, kind: number, size: number, align: number, fill: number): number {
    if (Buffer.byteLength(description) > MAX_DESCRIPTION_BYTES || align > MAX_ALIGN) return -errno.EINVAL
    const known = this.find(description)
    if (known > 0) {
      const type = this.#types[known - 1] as CountedType
      const isSame = type.kind === kind && type.size === size && type.align === align && type.fill === fill
      return isSame ? known : -errno.EINVAL
    }
    if (this.#types.length >= this.#limit) return -errno.ENOSPC
    this.#types.push({
      description,
      kind,
      size,
      align,
      fill,
      live: 0,
      peak: 0,
      total: 0,
      bytes: 0,
      peakBytes: 0,
    })
    return this.#types.length
  }

  /** A block has come (`blocks` 1), gone (-1) or changed its size (0). */
  account(id: number, blocks: number, bytes: number): void {
    const type = this.#types[id - 1] as CountedType
    type.live += blocks
    type.bytes += bytes
    if (blocks > 0) type.total += blocks
    type.peak = Math.max(type.peak, type.live)
    type.peakBytes = Math.max(type.peakBytes, type.bytes)
  }

  usage(id: number, into: Float64Array): void {
    into.fill(0)
    const type = this.of(id)
    if (type === undefined) return
    into[UsageCell.LIVE] = type.live
    into[UsageCell.PEAK] = type.peak
    into[UsageCell.TOTAL] = type.total
    into[UsageCell.BYTES] = type.bytes
    into[UsageCell.PEAK_BYTES] = type.peakBytes
  }
}
