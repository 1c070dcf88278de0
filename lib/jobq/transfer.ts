import { types } from 'node:util'
import type { JobsEngine } from '../backend/jobs'
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
export function detachAll(list: JobTransfer, jobs: JobsEngine): void {
  for (const item of list) {
    const moved = structuredClone(item, { transfer: [item] })
    // Left to the collector it would cost more than all the rest of its job.
    jobs.detach?.(moved as ArrayBuffer)
  }
}
