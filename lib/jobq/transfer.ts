import { types } from 'node:util'
import type { JobsEngine } from '../backend/jobs'
import { dataCloneError } from './clone'
import type { JobTransfer } from './job-order'

/**
 * Copying so much is cheaper than moving it by a message of its own, which would have to be asked for. Memory that native code
 * lends to an ArrayBuffer could be handed on without a copy, but the program could move it to no port of its own any more.
 */
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

/** Takes memory out of everybody's sight, as moving it does. A DataCloneError: some of it cannot be moved. */
export function detachAll(list: JobTransfer, jobs: JobsEngine): void {
  // Left to the collector they would cost more than all the rest of their job.
  for (const moved of moving(list, list)) jobs.detach?.(moved as ArrayBuffer)
  checkGone(list)
}

/** A value of our own, into which the list has been moved. A DataCloneError: something cannot be cloned, or not be moved. */
export function movedOut(value: unknown, list: JobTransfer): { value: unknown; transfer: JobTransfer } {
  const own = moving({ value, transfer: list }, list)
  checkGone(list)
  return own
}

function moving<T>(value: T, list: JobTransfer): T {
  try {
    return structuredClone(value, { transfer: list as ArrayBuffer[] })
  } catch (error) {
    // Node's own error for what is no transferable object.
    const code = (error as { readonly code?: unknown } | null | undefined)?.code
    if (typeof code !== 'string' || !code.endsWith('INVALID_TRANSFER_OBJECT')) throw error
    throw dataCloneError('only memory, ports and other handles can be moved')
  }
}

/** Some versions of Node copy what cannot be moved, and leave it where it is. */
function checkGone(list: JobTransfer): void {
  for (const item of list) {
    if (types.isArrayBuffer(item) && item.byteLength > 0)
      throw dataCloneError(
        'memory that others have as well, of WebAssembly or the pool of Buffers, cannot be moved',
      )
  }
}
