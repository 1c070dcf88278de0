import type { SharedMemory } from './memory'

const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length') as {
  get: () => number
}

/** How many there are, whatever a property of the array says: what is written beyond them would be another entry's. */
export function lengthOf(bytes: Uint8Array): number {
  return get.call(bytes)
}

/** Writes the first `length` of them to that place. */
export function writeBytes(memory: SharedMemory, at: number, bytes: Uint8Array, length: number): void {
  const to = memory.bytes
  if (!(bytes.buffer instanceof SharedArrayBuffer)) {
    to.set(bytes, at)
    return
  }
  // Another thread may make growable memory larger, and an array of it with that, since its length was read.
  for (let i = 0; i < length; i++) to[at + i] = bytes[i] as number
}
