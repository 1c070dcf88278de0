import { KNOWN_HEADERS } from '../backend/protocol'

/** A power of two; the known names have no two in one slot. */
const SLOTS = 64

/** By slot: the name in lower case, as it is commonly written (Content-Type), and its id. Empty slots hold '' and 0. */
const lowerNames: string[] = new Array(SLOTS).fill('')
const spelledNames: string[] = new Array(SLOTS).fill('')
const ids = new Uint8Array(SLOTS)

for (const [index, name] of KNOWN_HEADERS.entries()) {
  const slot = slotOf(name)
  if (ids[slot] !== 0) throw new Error(`${name} needs other factors in slotOf`)
  lowerNames[slot] = name
  spelledNames[slot] = name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
  ids[slot] = index + 1
}

/** Names that differ in case alone share a slot. */
function slotOf(name: string): number {
  const length = name.length
  return ((name.charCodeAt(0) | 32) + (name.charCodeAt(length - 1) | 32) * 26 + length) & (SLOTS - 1)
}

/** The id of a known header whose `name` is in lower case or spelled as usual; 0 otherwise. */
export function knownHeaderId(name: string): number {
  const slot = slotOf(name)
  return lowerNames[slot] === name || spelledNames[slot] === name ? (ids[slot] as number) : 0
}
