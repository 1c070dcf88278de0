import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Bench } from './eventer-harness'

/** What the cases run on other threads. */
export const MODULE = pathToFileURL(join(__dirname, 'asynch-module.mjs')).href
export const of = (name: string): { readonly module: string; readonly export: string } => ({
  module: MODULE,
  export: name,
})

/** Memory that all threads see. */
export function sharedCells(count = 8): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * count))
}

/** Steps that `asynch-module.mjs` has written down: which, and where. */
export function steps(cells: Int32Array): { step: string; thread: number }[] {
  const count = Atomics.load(cells, 0)
  return Array.from({ length: count }, (_, at) => ({
    step: ['', 'work', 'cleanup'][cells[1 + 2 * at] as number] as string,
    thread: cells[2 + 2 * at] as number,
  }))
}

/** Lets those go on that `held` blocks. */
export function release(cells: Int32Array): void {
  Atomics.store(cells, 0, 1)
  Atomics.notify(cells, 0)
}

/** Until so many are blocked in `held`. */
export function heldOnes(bench: Bench, cells: Int32Array, count = 1): Promise<void> {
  return bench.until(() => Atomics.load(cells, 1) === count, `${count} blocked calls`)
}
