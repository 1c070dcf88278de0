import type { SharedCounterEngine } from '../../shared'

/** Doubles between two cells: each is written by one isolate, on a cache line of its own. */
const CELL_DOUBLES = 8
export const MAX_CELLS = 256

/** The memory of a counter: a cell for each hold there may be. */
export function createCells(): SharedArrayBuffer {
  return new SharedArrayBuffer(MAX_CELLS * CELL_DOUBLES * 8)
}

/**
 * A counter as one hold sees it. Only the hold writes its cell; the next hold that gets the cell counts on from what it
 * finds, so nothing is lost and nothing counted twice. A double is read and written whole where it is aligned.
 */
export class JsSharedCounter implements SharedCounterEngine {
  readonly cell: Float64Array
  readonly #cells: Float64Array
  readonly #onClose: () => void
  #isClosed = false

  constructor(buffer: SharedArrayBuffer, slot: number, onClose: () => void) {
    this.cell = new Float64Array(buffer, slot * CELL_DOUBLES * 8, 1)
    this.#cells = new Float64Array(buffer)
    this.#onClose = onClose
  }

  sum(): number {
    let sum = 0
    for (let i = 0; i < this.#cells.length; i += CELL_DOUBLES) sum += this.#cells[i] as number
    return sum
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onClose()
  }
}
