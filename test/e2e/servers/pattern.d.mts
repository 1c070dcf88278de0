/** `bytes` bytes that differ from place to place, so that a lost, doubled or moved block changes the checksum. */
export function pattern(bytes: number): Buffer
