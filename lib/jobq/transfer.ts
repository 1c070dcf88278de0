import { types } from 'node:util'
import type { JobTransfer } from './job-order'

/** Copying so much is cheaper than moving it by a message. */
const MOST_COPIED = 1 << 20

/** Whether the list is served by copying: plain memory only, and, unless it must be, not too much of it. */
export function isCopied(list: JobTransfer, always: boolean): boolean {
  let bytes = 0
  for (const item of list) {
    if (!types.isArrayBuffer(item)) return false
    bytes += item.byteLength
  }
  return always || bytes <= MOST_COPIED
}

/** Takes memory out of everybody's sight, as moving it does. Throws where it cannot be moved, or is listed twice. */
export function detachAll(list: JobTransfer): void {
  for (const item of list) structuredClone(item, { transfer: [item] })
}
