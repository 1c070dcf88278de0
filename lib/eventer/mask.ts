import { MaskBit } from '../backend/protocol'

/**
 * Mask bits of events. They may be combined within one kind only: a descriptor's bits, or one of the others.
 * The asynch and cancel bits belong to jobs. (EK-01)
 */
export const Mask = {
  READ: MaskBit.READ,
  WRITE: MaskBit.WRITE,
  EXCEPTION: MaskBit.EXCEPTION,
  TIMER: 0x08,
  ASYNCH_WORK: 0x10,
  ASYNCH_CLEANUP: 0x20,
  ASYNCH_COMPLETE: 0x30,
  RECURRENT: 0x80,
  CANCEL_DEFERRED: 0x100,
  CANCEL_ASYNCH: 0x200,
  CANCEL_BRUTAL: 0x400,
} as const

/** Bits a descriptor event may wait for. */
export const FD_BITS = Mask.READ | Mask.WRITE | Mask.EXCEPTION

/** True for a non-empty mask of descriptor bits alone. */
export function isFdMask(mask: number): boolean {
  return mask !== 0 && (mask & ~FD_BITS) === 0
}

const NAMES: readonly (readonly [number, string])[] = [
  [Mask.READ, 'READ'],
  [Mask.WRITE, 'WRITE'],
  [Mask.EXCEPTION, 'EXCEPTION'],
  [Mask.TIMER, 'TIMER'],
  [Mask.ASYNCH_WORK, 'ASYNCH_WORK'],
  [Mask.ASYNCH_CLEANUP, 'ASYNCH_CLEANUP'],
  [Mask.RECURRENT, 'RECURRENT'],
]

/** `READ|WRITE` for logs and error messages; `0` for the empty mask. */
export function maskText(mask: number): string {
  const names = NAMES.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name)
  return names.length === 0 ? String(mask) : names.join('|')
}
