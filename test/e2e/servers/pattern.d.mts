/**
 * Bytes `from`, 0 by default, to `to` of a sequence that differs from place to place, so that a lost, doubled or moved
 * block changes the checksum.
 */
export function pattern(to: number, from?: number): Buffer
