const STEP = 251

/** `bytes` bytes that differ from place to place, so that a lost, doubled or moved block changes the checksum. */
export function pattern(bytes) {
  const block = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) block[at] = (at % STEP) ^ ((at / 65536) & 0xff)
  return block
}
