import type { SharedMemory } from './memory'

/** Below this a loop is faster than a call into Node. */
const SHORT = 16

/** All units of a text or'ed together: below 256 it fits a byte a unit. */
export function unitsOf(text: string): number {
  let all = 0
  for (let i = 0; i < text.length; i++) all |= text.charCodeAt(i)
  return all
}

/** Writes a text to these bytes of the memory, a byte or two for each unit, the low one first. */
export function writeText(memory: SharedMemory, at: number, text: string, isLatin1: boolean): void {
  if (!isLatin1) {
    memory.text.write(text, at, text.length * 2, 'utf16le')
    return
  }
  if (text.length > SHORT) {
    memory.text.write(text, at, text.length, 'latin1')
    return
  }
  const { bytes } = memory
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
}

/** The text that lies in so many bytes. */
export function readText(memory: SharedMemory, at: number, length: number, isLatin1: boolean): string {
  return memory.text.toString(isLatin1 ? 'latin1' : 'utf16le', at, at + length)
}
