import { errno } from '../errno'

const TAKEN = 0
const LIMIT = 1
const CLOSED = 2

/**
 * How many places of a queue's backlog are taken, in memory that its workers share: they try, too, and the limit holds for
 * all of them together. (JQ-06)
 */
export class Room {
  readonly cells: Int32Array<ArrayBufferLike>

  constructor(
    cells: Int32Array<ArrayBufferLike> = new Int32Array(
      new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT),
    ),
  ) {
    this.cells = cells
  }

  limit(most: number): void {
    Atomics.store(this.cells, LIMIT, most)
  }

  close(): void {
    Atomics.store(this.cells, CLOSED, 1)
  }

  /** Whatever the limit says. */
  take(): void {
    Atomics.add(this.cells, TAKEN, 1)
  }

  free(): void {
    Atomics.sub(this.cells, TAKEN, 1)
  }

  /** 0, -EAGAIN, -ESHUTDOWN. */
  tryTake(): number {
    for (;;) {
      if (Atomics.load(this.cells, CLOSED) !== 0) return -errno.ESHUTDOWN
      const taken = Atomics.load(this.cells, TAKEN)
      const most = Atomics.load(this.cells, LIMIT)
      if (most > 0 && taken >= most) return -errno.EAGAIN
      if (Atomics.compareExchange(this.cells, TAKEN, taken, taken + 1) === taken) return 0
    }
  }
}
