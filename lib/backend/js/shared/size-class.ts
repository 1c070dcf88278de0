import { PAGE_BYTES, PAGE_HEAD_BYTES, UNIT_BYTES } from './layout'

/** Sizes of small blocks in bytes: steps of 16 to 128, four to a doubling above, the last two fill a page. */
export const CLASS_BYTES: readonly number[] = sizes()

/** In the place of a size class: the block has pages of its own. */
export const SPAN_CLASS = -1

const LARGEST_SMALL = CLASS_BYTES[CLASS_BYTES.length - 1] as number
const CLASS_OF_UNITS = classOfUnits()

/** The smallest class that holds so many bytes. */
export function classOf(bytes: number): number {
  if (bytes > LARGEST_SMALL) return SPAN_CLASS
  return CLASS_OF_UNITS[Math.ceil(bytes / UNIT_BYTES)] as number
}

function sizes(): number[] {
  const found: number[] = []
  for (let bytes = 16; bytes <= 128; bytes += 16) found.push(bytes)
  for (let base = 128; base < 8192; base *= 2) {
    for (let quarter = 1; quarter <= 4; quarter++) found.push(base + (base / 4) * quarter)
  }
  const room = PAGE_BYTES - PAGE_HEAD_BYTES
  for (const count of [3, 2]) found.push(Math.floor(room / count / UNIT_BYTES) * UNIT_BYTES)
  return found
}

function classOfUnits(): Uint8Array {
  const table = new Uint8Array(LARGEST_SMALL / UNIT_BYTES + 1)
  let index = 0
  for (let units = 0; units < table.length; units++) {
    while ((CLASS_BYTES[index] as number) < units * UNIT_BYTES) index++
    table[units] = index
  }
  return table
}
