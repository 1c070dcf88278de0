const STEP = 251

/**
 * Bytes `from` to `to` of a sequence that differs from place to place, so that a lost, doubled or moved block changes
 * the checksum.
 */
export function pattern(to, from = 0) {
  const block = Buffer.alloc(to - from)
  for (let at = from; at < to; at++) block[at - from] = (at % STEP) ^ ((at / 65536) & 0xff)
  return block
}
