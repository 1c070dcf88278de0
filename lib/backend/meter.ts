/** Places in the cells of a meter. Times are milliseconds. */
const Cell = {
  RECORDS: 0,
  DISPATCHES: 1,
  BUSY_MS: 2,
  LONGEST_MS: 3,
  PASSES: 4,
  WAITS: 5,
  BUCKETS: 6,
} as const

/** Bucket n has the times below 2 ** n microseconds that no bucket before it has; the last one takes the rest. */
const BUCKETS = 26

export const METER_CELLS = Cell.BUCKETS + BUCKETS

/** How long the callbacks of one pass took together, from the first to the last. Times are milliseconds. */
export interface LatencyHistogram {
  readonly count: number
  readonly meanMs: number
  readonly maxMs: number
  /** Not empty ones, ascending: so many were below `belowMs` and not below the bucket before, a factor of two each. */
  readonly buckets: readonly { readonly belowMs: number; readonly count: number }[]
}

/** What a meter has counted. */
export interface MeterReading {
  /** Records handed over: each runs one callback at most. */
  readonly callbacks: number
  readonly passes: number
  readonly waits: number
  readonly latency: LatencyHistogram
}

/**
 * Counts what crosses one port, and how long that holds its isolate up. Written by the isolate of the port alone. The cells
 * may lie in shared memory: then others read figures that are of the last dispatch each, but not all of the same one.
 */
export class Meter {
  readonly cells: Float64Array

  constructor(cells: Float64Array = new Float64Array(METER_CELLS)) {
    this.cells = cells
  }

  /** A dispatch of so many records is over. */
  dispatched(records: number, tookMs: number, passes: number, waits: number): void {
    const cells = this.cells
    const bucket = Math.min(32 - Math.clz32(tookMs * 1000), BUCKETS - 1)
    cells[Cell.RECORDS] = (cells[Cell.RECORDS] as number) + records
    cells[Cell.DISPATCHES] = (cells[Cell.DISPATCHES] as number) + 1
    cells[Cell.BUSY_MS] = (cells[Cell.BUSY_MS] as number) + tookMs
    if (tookMs > (cells[Cell.LONGEST_MS] as number)) cells[Cell.LONGEST_MS] = tookMs
    cells[Cell.BUCKETS + bucket] = (cells[Cell.BUCKETS + bucket] as number) + 1
    this.passed(passes, waits)
  }

  passed(passes: number, waits: number): void {
    this.cells[Cell.PASSES] = passes
    this.cells[Cell.WAITS] = waits
  }

  read(): MeterReading {
    return readingOf(this.cells)
  }
}

/** Several meters as one. */
export function readTogether(meters: readonly Meter[]): MeterReading {
  const sum = new Float64Array(METER_CELLS)
  for (const { cells } of meters) {
    for (let n = 0; n < METER_CELLS; n++) sum[n] = (sum[n] as number) + (cells[n] as number)
  }
  sum[Cell.LONGEST_MS] = Math.max(0, ...meters.map(({ cells }) => cells[Cell.LONGEST_MS] as number))
  return readingOf(sum)
}

function readingOf(cells: Float64Array): MeterReading {
  const count = cells[Cell.DISPATCHES] as number
  const buckets = Array.from(cells.subarray(Cell.BUCKETS), (inBucket, n) => ({
    belowMs: n < BUCKETS - 1 ? 2 ** n / 1000 : Number.POSITIVE_INFINITY,
    count: inBucket,
  }))
  return {
    callbacks: cells[Cell.RECORDS] as number,
    passes: cells[Cell.PASSES] as number,
    waits: cells[Cell.WAITS] as number,
    latency: {
      count,
      meanMs: count === 0 ? 0 : (cells[Cell.BUSY_MS] as number) / count,
      maxMs: cells[Cell.LONGEST_MS] as number,
      buckets: buckets.filter((bucket) => bucket.count > 0),
    },
  }
}
