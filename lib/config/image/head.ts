/**
 * The words that all isolates share about a Config: which image is the current one, where each lies, and who reads
 * which. A buffer of fixed size, so that looking whether something changed is one machine instruction; the images lie in
 * another one, which grows.
 */

/** The word that changes with each generation: its number and the place of its image. Readers wait for it. */
export const CURRENT = 0
/** Counts what readers of old images gave back. The owner waits for it. */
export const RELEASES = 1
/** 1 once the Config is closed. */
export const CLOSED = 2

/** Images that may be alive at one time. A power of two: their index is part of CURRENT. */
export const IMAGES = 64
/** Isolates that may read at one time. */
export const READERS = 256

const IMAGE_BITS = 6
const IMAGE_TABLE = 8
const IMAGE_WORDS = 3
const READER_TABLE = IMAGE_TABLE + IMAGES * IMAGE_WORDS
const READER_WORDS = 2
const PIN_TABLE = READER_TABLE + READERS * READER_WORDS

export const HEAD_BYTES = 4 * (PIN_TABLE + READERS * IMAGES)

/** What CURRENT says for an image. Numbers come again after 2^26 generations, which harms nobody: see `pinning`. */
export function currentWord(generation: number, image: number): number {
  return (generation << IMAGE_BITS) | image
}

export function imageOf(current: number): number {
  return current & (IMAGES - 1)
}

/** Three words: byte offset, bytes, number of the generation. Written before CURRENT names the image. */
export function imageAt(image: number): number {
  return IMAGE_TABLE + image * IMAGE_WORDS
}

/** Two words: the thread that reads, 0 if nobody has this row, and the reading thread that started it. */
export function readerAt(row: number): number {
  return READER_TABLE + row * READER_WORDS
}

/** How often a reader holds an image. */
export function pinAt(row: number, image: number): number {
  return PIN_TABLE + row * IMAGES + image
}
