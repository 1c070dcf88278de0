import { BlockKind, type MemoryBackend, type TypeInfo } from '../backend/memory'
import { HeddleError, systemError } from '../errors'
import { invalid, shown } from '../arguments'
import { MemtypeError } from './memory-error'

/** `fixed`: all blocks have one size. `vsize`: each call says how large. */
export type MemtypeKind = 'fixed' | 'vsize'

/** What a memtype is. (MT-02) */
export interface MemtypeDef {
  /** `module:type`, at most 63 bytes; one definition a description. */
  readonly description: string
  readonly kind: MemtypeKind
  /** Bytes of a fixed block; left out, or 0, for vsize. */
  readonly size?: number
  /** A power of two up to 4096. Default 16. */
  readonly align?: number
  /** Fills new memory with this byte (true: 0xa5), so that what nobody initialised shows. Off by default. (MT-09) */
  readonly fillGarbage?: boolean | number
}

const GARBAGE = 0xa5
const DEFAULT_ALIGN = 16

/** A registered memtype. One object per type and isolate; ids are process-wide on the native backend. (MT-01) */
export class Memtype {
  /** 1 and up. */
  readonly id: number
  readonly description: string
  readonly kind: MemtypeKind
  /** Bytes of a fixed block, 0 for vsize. */
  readonly size: number
  readonly align: number
  /** The byte new memory is filled with; undefined: none. */
  readonly fillGarbage: number | undefined

  /** @internal */
  constructor(id: number, info: TypeInfo) {
    this.id = id
    this.description = info.description
    this.kind = info.kind === BlockKind.FIXED ? 'fixed' : 'vsize'
    this.size = info.size
    this.align = info.align
    this.fillGarbage = info.fill < 0 ? undefined : info.fill
  }

  /** The part of the description before the colon. */
  get module(): string {
    return this.description.split(':', 1)[0] as string
  }

  toString(): string {
    return this.description
  }
}

/** The memtypes an isolate knows; other isolates and native code register into the same table behind it. */
export class MemtypeTable {
  readonly #backend: MemoryBackend
  readonly #known = new Map<number, Memtype>()
  #closed = false

  constructor(backend: MemoryBackend) {
    this.#backend = backend
  }

  register(def: MemtypeDef): Memtype {
    if (typeof def !== 'object' || def === null) throw invalid('register takes', 'a definition', def)
    const { kind, size, align, fill } = checked(def)
    if (this.#closed && this.#backend.find(def.description) === 0) {
      throw new HeddleError('ERR_PHASE', `memtype '${def.description}' comes after registration was closed`)
    }
    const id = this.#backend.register(def.description, kind, size, align, fill)
    if (id >= 0) return this.of(id) as Memtype
    const error = systemError(id, 'register', `'${def.description}'`)
    if (error.code === 'ENOSPC') {
      throw new HeddleError('ERR_MEMTYPE_LIMIT', `no memtype after ${this.#backend.typeCount()} others`)
    }
    if (error.code !== 'EINVAL') throw error
    const known = this.#backend.find(def.description)
    const why =
      known === 0 ? 'is not a valid definition' : `has another definition already (memtype ${known})`
    throw new HeddleError('EINVAL', `memtype '${def.description}' ${why}`)
  }

  /** Throws what `register` would, as far as that is known before, and registers nothing. */
  checkDefinition(def: MemtypeDef): void {
    // One that is there takes nothing but its own definition.
    if (typeof def?.description === 'string' && this.#backend.find(def.description) > 0) this.register(def)
    else if (this.#closed) this.register(def)
    else checked(def)
  }

  close(): void {
    this.#closed = true
  }

  /** The type of an id; undefined when there is none. */
  of(id: number): Memtype | undefined {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    if (!Number.isInteger(id) || id < 1 || id > this.#backend.typeCount()) return undefined
    const info = this.#backend.type(id)
    if (info === undefined) return undefined
    const made = new Memtype(id, info)
    this.#known.set(id, made)
    return made
  }

  find(description: string): Memtype | undefined {
    return this.of(this.#backend.find(description))
  }

  *[Symbol.iterator](): IterableIterator<Memtype> {
    const count = this.#backend.typeCount()
    for (let id = 1; id <= count; id++) yield this.of(id) as Memtype
  }
}

/** The error for what is no registered type. (MT-01) */
export function unknownType(operation: string, given: unknown): MemtypeError {
  return new MemtypeError('ERR_MEMTYPE_UNKNOWN', `${operation}: memtype ${shown(given)} is not registered`)
}

function checked(def: MemtypeDef): { kind: number; size: number; align: number; fill: number } {
  const { description, kind, size = 0, align = DEFAULT_ALIGN, fillGarbage = false } = def
  const wrong = (what: string): HeddleError => new HeddleError('EINVAL', `memtype '${description}': ${what}`)
  if (typeof description !== 'string' || !/^[^:\0]+:[^\0]+$/.test(description)) {
    throw new HeddleError('EINVAL', `a description is text like 'module:type', not ${shown(description)}`)
  }
  if (kind !== 'fixed' && kind !== 'vsize') throw wrong(`kind is 'fixed' or 'vsize', not ${shown(kind)}`)
  if (!Number.isSafeInteger(size) || size < 0) throw wrong(`size is a number of bytes, not ${shown(size)}`)
  if (kind === 'fixed' && size === 0) throw wrong('a fixed type has a size above 0')
  if (kind === 'vsize' && size !== 0) throw wrong('a vsize type has no size of its own')
  if (!Number.isInteger(align) || align < 1 || (align & (align - 1)) !== 0) {
    throw wrong(`align is a power of two, not ${shown(align)}`)
  }
  const fill = fillGarbage === true ? GARBAGE : fillGarbage === false ? -1 : fillGarbage
  if (!Number.isInteger(fill) || fill < -1 || fill > 255) {
    throw wrong(`fillGarbage is true, false or a byte, not ${shown(fillGarbage)}`)
  }
  return { kind: kind === 'fixed' ? BlockKind.FIXED : BlockKind.VSIZE, size, align, fill }
}
