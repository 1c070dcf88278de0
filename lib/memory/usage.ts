import { type MemoryBackend, TOTALS_CELLS, TotalsCell, USAGE_CELLS, UsageCell } from '../backend/memory'
import type { Memtype, MemtypeKind } from './memtype'

/** What a memtype uses, over all isolates on the native backend. (MT-10, MT-17) */
export interface MemtypeUsage {
  readonly id: number
  /** The description, `module:type`. */
  readonly type: string
  readonly kind: MemtypeKind
  /** Of a fixed block, 0 for vsize. */
  readonly size: number
  /** Blocks in use. */
  readonly live: number
  /**
   * Most blocks in use at once. Native: exact up to 64 blocks on one thread, then samples that are never above the
   * truth and lie at most 1/64 below it, and with several threads below it by what they allocate between samples.
   */
  readonly peak: number
  /** Allocations ever. */
  readonly total: number
  /** In use; native vsize blocks count by the size of their class. */
  readonly bytes: number
  readonly peakBytes: number
  /** Of `bytes`, in blocks that were mapped one by one. (MT-13) */
  readonly mappedBytes: number
  /** Blocks freed by another thread than the one that allocated them; mapped ones are not counted. */
  readonly crossThreadFrees: number
  /** Slabs held for the type. */
  readonly slabs: number
  /** Free blocks kept at hand for the next allocations. */
  readonly freelist: number
}

/** Of the whole process on the native backend, of the isolate on the JavaScript one. (MT-12) */
export interface MemtypeTotals {
  readonly live: number
  readonly bytes: number
  readonly mappedBytes: number
  /** What the engine holds from the system, used or not. */
  readonly heldBytes: number
  /** Resident memory of the process, with everything else in it. */
  readonly residentBytes: number
  /** Memory of the machine. */
  readonly physicalBytes: number
  /** Blocks given up for a token that nobody has presented yet. */
  readonly unclaimed: number
  /** Blocks that ended isolates had not freed. */
  readonly abandoned: number
}

const cells = new Float64Array(Math.max(USAGE_CELLS, TOTALS_CELLS))
const cell = (index: number): number => cells[index] as number

export function usageOf(backend: MemoryBackend, { id, description, kind, size }: Memtype): MemtypeUsage {
  backend.usage(id, cells)
  return {
    id,
    type: description,
    kind,
    size,
    live: cell(UsageCell.LIVE),
    peak: cell(UsageCell.PEAK),
    total: cell(UsageCell.TOTAL),
    bytes: cell(UsageCell.BYTES),
    peakBytes: cell(UsageCell.PEAK_BYTES),
    mappedBytes: cell(UsageCell.MAPPED_BYTES),
    crossThreadFrees: cell(UsageCell.CROSS_THREAD_FREES),
    slabs: cell(UsageCell.SLABS),
    freelist: cell(UsageCell.FREELIST),
  }
}

export function totalsOf(backend: MemoryBackend): MemtypeTotals {
  backend.totals(cells)
  return {
    live: cell(TotalsCell.LIVE),
    bytes: cell(TotalsCell.BYTES),
    mappedBytes: cell(TotalsCell.MAPPED_BYTES),
    heldBytes: cell(TotalsCell.HELD_BYTES),
    residentBytes: cell(TotalsCell.RESIDENT_BYTES),
    physicalBytes: cell(TotalsCell.PHYSICAL_BYTES),
    unclaimed: cell(TotalsCell.UNCLAIMED),
    abandoned: cell(TotalsCell.ABANDONED),
  }
}

const COLUMNS = ['type', 'live', 'peak', 'total', 'bytes', 'mapped'] as const

/** The report as a table for people: one line a memtype, then the sums. (MT-10) */
export function formatUsage(engine: string, rows: readonly MemtypeUsage[]): string {
  const sum = (pick: (row: MemtypeUsage) => number): number =>
    rows.reduce((total, row) => total + pick(row), 0)
  const lines: string[][] = [
    [...COLUMNS],
    ...rows.map((row) => [
      row.type,
      ...[row.live, row.peak, row.total, row.bytes, row.mappedBytes].map(String),
    ]),
    [
      'all',
      String(sum((row) => row.live)),
      '',
      String(sum((row) => row.total)),
      String(sum((row) => row.bytes)),
      String(sum((row) => row.mappedBytes)),
    ],
  ]
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => (line[column] as string).length)))
  const text = lines.map((line) =>
    line
      .map((entry, column) =>
        column === 0 ? entry.padEnd(widths[0] as number) : entry.padStart(widths[column] as number),
      )
      .join('  '),
  )
  return `allocator: ${engine}\n${text.join('\n')}\n`
}
