import { invalid, shown } from '../arguments'
import type { MemoryBackend } from '../backend/memory'
import { HeddleError, systemError } from '../errors'
import { Block } from './block'
import { formatText } from './format'
import { MemtypeError, misuse } from './memory-error'
import { type Memtype, type MemtypeDef, type MemtypeKind, MemtypeTable, unknownType } from './memtype'
import { formatUsage, type MemtypeTotals, type MemtypeUsage, totalsOf, usageOf } from './usage'

/** A memtype, or its id. */
export type MemtypeLike = Memtype | number

/** Options of an allocation. */
export interface AllocateOptions {
  /** Zeroes instead of whatever was there (or the garbage of the type). Default false. */
  readonly zeroed?: boolean
}

/** The memtypes of Heddle itself that have names in the texts it follows. (MT-18) */
export interface BuiltinMemtypes {
  readonly event: Memtype
  readonly messageBody: Memtype
  readonly asyncJob: Memtype
  /** Every memtype Heddle has registered for itself so far, by description. */
  readonly all: ReadonlyMap<string, Memtype>
}

const encoder = new TextEncoder()

/**
 * Typed memory: every block belongs to a registered memtype, is counted there and checked when it comes back. For what
 * lies outside of the JavaScript heap, is shared with native code, or has to be accounted for.
 *
 * Thread rule: each isolate has its own blocks; types are process-wide on the native backend. Misuse throws, or ends
 * the process with the same text: `memory.configure({ policy: 'abort' })`.
 */
export class Memtypes {
  readonly #select: () => MemoryBackend
  #found: MemoryBackend | undefined
  #made: MemtypeTable | undefined

  /** @internal */
  constructor(select: () => MemoryBackend) {
    this.#select = select
  }

  /**
   * Registers a memtype, or returns the one of the same definition. EINVAL: a bad definition, or a description that has
   * another one. ERR_PHASE: new after `closeRegistration`. ERR_MEMTYPE_LIMIT. (MT-01, MT-02, MT-03)
   */
  register(def: MemtypeDef): Memtype {
    return this.#table.register(def)
  }

  /** Throws what `register` would, as far as that is known before, and registers nothing. @internal */
  checkDefinition(def: MemtypeDef): void {
    this.#table.checkDefinition(def)
  }

  /** From now on this isolate registers no new memtypes: set-up is over. (MT-03) */
  closeRegistration(): void {
    this.#table.close()
  }

  /**
   * A block of a fixed type. Its contents are unspecified, or the garbage of the type. ERR_MEMTYPE_KIND, ENOMEM,
   * ERR_MEMTYPE_UNKNOWN. (MT-04)
   */
  malloc(memtype: MemtypeLike, options: AllocateOptions = {}): Block {
    const type = this.#typed('malloc', memtype, 'fixed')
    return this.#allocate('malloc', type, type.size, options.zeroed === true)
  }

  /** A block of `size` bytes of a vsize type; 0 is a block like others. ERR_MEMTYPE_KIND, ENOMEM, EINVAL. (MT-05) */
  mallocSize(memtype: MemtypeLike, size: number, options: AllocateOptions = {}): Block {
    const type = this.#typed('mallocSize', memtype, 'vsize')
    return this.#allocate('mallocSize', type, checkSize('mallocSize', size), options.zeroed === true)
  }

  /** `count` times `size` zeroes of a vsize type. ERANGE: the product is no size. (MT-05) */
  calloc(memtype: MemtypeLike, count: number, size: number): Block {
    const type = this.#typed('calloc', memtype, 'vsize')
    return this.#allocate('calloc', type, checkProduct('calloc', count, size), true)
  }

  /**
   * A block of `size` bytes that begins with what `block` holds, which is gone afterwards: its view has length 0.
   * Without a block it allocates. ENOMEM leaves the old one as it was. ERR_MEMTYPE_KIND, ERR_MEMTYPE_MISMATCH,
   * ERR_STALE_BLOCK. (MT-06)
   */
  realloc(memtype: MemtypeLike, block: Block | null | undefined, size: number): Block {
    const type = this.#typed('realloc', memtype, 'vsize')
    const bytes = checkSize('realloc', size)
    if (block === undefined || block === null) return this.#allocate('realloc', type, bytes, false)
    this.#checkOwner('realloc', type, block)
    return block.resized(bytes)
  }

  /**
   * Frees a block of either kind. Nothing happens for null and undefined. ERR_MEMTYPE_MISMATCH names both types;
   * ERR_DOUBLE_FREE, ERR_STALE_BLOCK. (MT-07)
   */
  free(memtype: MemtypeLike, block: Block | null | undefined): void {
    const type = this.#typed('free', memtype)
    if (block === undefined || block === null) return
    if (!(block instanceof Block)) throw invalid('free takes', 'a block', block)
    block.checkFree('free')
    this.#checkOwner('free', type, block)
    block.free()
  }

  /** Whether `free` would take it, without freeing it. ERR_MEMTYPE_MISMATCH, ERR_DOUBLE_FREE, ERR_STALE_BLOCK. (MT-11) */
  check(memtype: MemtypeLike, block: Block): void {
    const type = this.#typed('check', memtype)
    if (!(block instanceof Block)) throw invalid('check takes', 'a block', block)
    block.checkFree('check')
    this.#checkOwner('check', type, block)
  }

  /** The text in UTF-8 up to its first NUL, ERR_MEMTYPE_KIND, ENOMEM. (MT-08) */
  strdup(memtype: MemtypeLike, text: string): Block {
    const type = this.#typed('strdup', memtype, 'vsize')
    if (typeof text !== 'string') throw invalid('strdup takes', 'a string', text)
    const end = text.indexOf('\0')
    return this.#copy('strdup', type, encoder.encode(end < 0 ? text : text.slice(0, end)))
  }

  /**
   * Exactly `length` bytes, NULs included, of bytes or of a text in UTF-8 (default: all), and one NUL. ERANGE: there
   * are fewer. (MT-08)
   */
  strndup(memtype: MemtypeLike, data: string | Uint8Array, length?: number): Block {
    const type = this.#typed('strndup', memtype, 'vsize')
    const bytes = typeof data === 'string' ? encoder.encode(data) : data
    if (!(bytes instanceof Uint8Array)) throw invalid('strndup takes', 'bytes or a string', data)
    const count = length === undefined ? bytes.length : checkSize('strndup', length)
    if (count > bytes.length) {
      throw new HeddleError('ERANGE', `strndup: ${count} bytes were asked for and ${bytes.length} given`)
    }
    return this.#copy('strndup', type, bytes.subarray(0, count))
  }

  /** What printf would print, and one NUL; see `formatText` for the directives. EINVAL, ENOMEM. (MT-15) */
  format(memtype: MemtypeLike, format: string, ...args: unknown[]): Block {
    const type = this.#typed('format', memtype, 'vsize')
    return this.#copy('format', type, encoder.encode(formatText(format, args)))
  }

  /** Takes over a block that another isolate gave up by `block.release()`. ERR_STALE_BLOCK: no such token. (MT-17) */
  adopt(token: number): Block {
    const backend = this.#backend
    if (!backend.isNative) {
      throw new HeddleError('ERR_NATIVE_REQUIRED', 'blocks of the JavaScript backend stay in their isolate')
    }
    if (!Number.isSafeInteger(token) || token < 1) throw invalid('adopt takes', 'a token', token)
    const adopted = backend.adopt(token)
    if (typeof adopted === 'object') {
      return new Block(backend, this.#table.of(adopted.type) as Memtype, adopted.handle, adopted.size)
    }
    const error = systemError(adopted, 'adopt')
    if (error.code !== 'EBADF') throw error
    return misuse.raise(
      backend,
      new MemtypeError('ERR_STALE_BLOCK', `adopt: nothing waits under token ${token}`),
    )
  }

  /** The id of the memtype with this description, -1 if there is none. (MT-12) */
  byName(description: string): number {
    return this.#table.find(description)?.id ?? -1
  }

  /** The ids of a module's memtypes, the part of descriptions before the colon. (MT-12) */
  byModule(module: string): readonly number[] {
    return [...this.#table].filter((type) => type.module === module).map(({ id }) => id)
  }

  /** The memtype of an id. ERR_MEMTYPE_UNKNOWN. (MT-12) */
  get(id: number): Memtype {
    const type = this.#table.of(id)
    if (type === undefined) throw unknownType('get', id)
    return type
  }

  /** What one memtype uses. ERR_MEMTYPE_UNKNOWN. (MT-12, MT-17) */
  stats(memtype: MemtypeLike): MemtypeUsage {
    return usageOf(this.#backend, this.#typed('stats', memtype))
  }

  /** What all memtypes use together. (MT-12) */
  totals(): MemtypeTotals {
    return totalsOf(this.#backend)
  }

  /**
   * A row a memtype: all, one by its description, or those of a module. ERR_MEMTYPE_UNKNOWN where the filter meets
   * none. (MT-10)
   */
  report(filter?: string): readonly MemtypeUsage[] {
    const types = [...this.#table].filter(
      ({ description, module }) => filter === undefined || description === filter || module === filter,
    )
    if (types.length === 0 && filter !== undefined) {
      throw new MemtypeError('ERR_MEMTYPE_UNKNOWN', `no memtype or module is called ${shown(filter)}`)
    }
    return types.map((type) => usageOf(this.#backend, type))
  }

  /** `report` as a table for people, with the name of the allocator. (MT-10, MT-16) */
  formatReport(filter?: string): string {
    return formatUsage(this.engine, this.report(filter))
  }

  /** Name of the allocator behind all memtypes. (MT-16) */
  get engine(): string {
    return this.#backend.engine()
  }

  /** Names that `memory.configure({ allocator })` takes here. (MT-16) */
  get engines(): readonly string[] {
    return this.#backend.engines
  }

  /** Heddle's own memtypes. (MT-18) */
  get builtin(): BuiltinMemtypes {
    const all = new Map(
      [...this.#table].filter(({ module }) => OWN_MODULES.has(module)).map((t) => [t.description, t]),
    )
    const own = (description: string): Memtype => {
      const type = all.get(description)
      if (type === undefined) throw unknownType('builtin', description)
      return type
    }
    return {
      event: own('core:event'),
      messageBody: own('core:message-body'),
      asyncJob: own('core:async-job'),
      all,
    }
  }

  /** Gives back to the system what nobody uses. */
  collect(): void {
    this.#backend.collect()
  }

  /** The backend of the isolate, chosen at the first use. */
  get #backend(): MemoryBackend {
    this.#found ??= this.#select()
    return this.#found
  }

  get #table(): MemtypeTable {
    this.#made ??= new MemtypeTable(this.#backend)
    return this.#made
  }

  #typed(operation: string, given: MemtypeLike, kind?: MemtypeKind): Memtype {
    const id = typeof given === 'number' ? given : (given as Memtype | undefined)?.id
    const type = this.#table.of(id as number)
    if (type === undefined) return misuse.raise(this.#backend, unknownType(operation, given))
    if (kind === undefined || type.kind === kind) return type
    const text = `${operation}: memtype '${type.description}' is ${type.kind}, which this operation does not take`
    return misuse.raise(
      this.#backend,
      new MemtypeError('ERR_MEMTYPE_KIND', text, { given: type.description }),
    )
  }

  #checkOwner(operation: string, type: Memtype, block: Block): void {
    if (!(block instanceof Block)) throw invalid(`${operation} takes`, 'a block', block)
    const own = block.memtype.description
    if (block.memtype.id === type.id) return
    const text = `${operation}: the block is of memtype '${own}', not of '${type.description}'`
    const types = { given: type.description, actual: own }
    misuse.raise(this.#backend, new MemtypeError('ERR_MEMTYPE_MISMATCH', text, types))
  }

  #allocate(operation: string, type: Memtype, size: number, zeroed: boolean): Block {
    const handle = this.#backend.allocate(type.id, size, zeroed)
    if (handle >= 0) return new Block(this.#backend, type, handle, size)
    throw systemError(handle, operation, `${size} bytes of memtype '${type.description}'`)
  }

  /** With a NUL behind. */
  #copy(operation: string, type: Memtype, bytes: Uint8Array): Block {
    const block = this.#allocate(operation, type, bytes.length + 1, true)
    block.write(bytes)
    return block
  }
}

/** Modules whose memtypes are Heddle's. */
const OWN_MODULES: ReadonlySet<string> = new Set([
  ...[
    'core',
    'coro',
    'loop',
    'port',
    'net',
    'http',
    'sys',
    'binding',
    'epoch',
    'safe',
    'memory',
    'shared',
    'aco',
    'job',
    'module',
  ],
])

/** A number of bytes. EINVAL for what is none, ERANGE above what a number can hold. */
export function checkSize(operation: string, size: number): number {
  if (Number.isSafeInteger(size) && size >= 0) return size
  const code = typeof size === 'number' && size > Number.MAX_SAFE_INTEGER ? 'ERANGE' : 'EINVAL'
  throw new HeddleError(code, `${operation} takes a number of bytes, not ${shown(size)}`)
}

/** Both are numbers of something; ERANGE when there is no such block. */
export function checkProduct(operation: string, count: number, size: number): number {
  for (const value of [count, size]) if (!(value <= Number.MAX_SAFE_INTEGER)) checkSize(operation, value)
  return checkSize(operation, checkSize(operation, count) * checkSize(operation, size))
}
