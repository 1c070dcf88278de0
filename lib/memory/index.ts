import { selectBackend } from '../backend/select'
import { Memory } from './memory'
import { Memtypes } from './memtypes'
import { Safe } from './safe'

export { Block } from './block'
export { MemtypeError, type MisusePolicy, SmrError } from './memory-error'
export { Memory, type MemoryOptions, type Pressure, type PressureListener, type SmrOptions } from './memory'
export { Memtype, type MemtypeDef, type MemtypeKind } from './memtype'
export { type AllocateOptions, type BuiltinMemtypes, Memtypes, type MemtypeLike } from './memtypes'
export { type MaintainMode, Safe, type SafeOptions, type SmrStats } from './safe'
export { SafeBlock } from './safe-block'
export { CoroutineSection, Section } from './section'
export type { MemtypeTotals, MemtypeUsage } from './usage'

/** Typed memory of this isolate. */
export const memtypes: Memtypes = new Memtypes(() => selectBackend().memory)

/** Settings of memory, and its pressure. */
export const memory: Memory = new Memory(selectBackend)

/** Safe memory of this isolate. */
export const safe: Safe = new Safe(selectBackend)
