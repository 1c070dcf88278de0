/**
 * The words that all isolates share about a Config: which image is the current one, where each lies, and who reads
 * which. A buffer of fixed size, so that looking whether something changed is one machine instruction; the images lie in
 * another one, which grows.
 */

/** The word that changes with each generation: its number and the place of its image. Readers wait for it. */
export const CURRENT = 0
/** Counts what readers did that the owner may wait for: gave back an old image, took one of the last rows. */
export const RELEASES = 1
/** What tells a head from other memory. */
export const MARK = 2
/** Four words that no other Config has: the same memory comes to an isolate as several buffers. */
export const IDENTITY = 3
export const IDENTITY_WORDS = 4

/** 'hch2' */
export const HEAD_MARK = 0x32686368

/** Images that may be alive at one time. A power of two: their index is part of CURRENT. */
export const IMAGES = 64
/** Isolates that may read at one time. */
export const READERS = 256
/** Signs of life that an isolate shows: see `life.ts`. */
export const SIGNS = 32

const IMAGE_BITS = 6
const IMAGE_TABLE = 8
const IMAGE_WORDS = 3
const READER_TABLE = IMAGE_TABLE + IMAGES * IMAGE_WORDS
const SIGN_TABLE = READER_TABLE + READERS
const PIN_TABLE = SIGN_TABLE + READERS * SIGNS

export const HEAD_BYTES = 4 * (PIN_TABLE + READERS * IMAGES)

/** Says that the Config is closed; no generation has it. */
const CLOSED = 2 ** (32 - IMAGE_BITS) - 1

/**
 * What CURRENT says for an image. It comes again after 2^26 - 1 generations, which pins do not mind: see `pinning`. A reader that asks
 * again after exactly so many takes what it remembers for the active generation; with a thousand reloads a second
 * that is one millisecond in eighteen hours.
 */
export function currentWord(generation: number, image: number): number {
  return ((generation % CLOSED) << IMAGE_BITS) | image
}

/** What CURRENT says once the Config is closed. */
export const CLOSED_WORD = CLOSED << IMAGE_BITS

export function imageOf(current: number): number {
  return current & (IMAGES - 1)
}

/** Three words: byte offset, bytes, number of the generation. Written before CURRENT names the image. */
export function imageAt(image: number): number {
  return IMAGE_TABLE + image * IMAGE_WORDS
}

/** Who reads: 0 if nobody has this row, `thread + 1` of whom it belongs to, the negative of it while it is being taken. */
export function readerAt(row: number): number {
  return READER_TABLE + row
}

/** 1 while the isolate of a row waits for this very word. */
export function signAt(row: number, sign: number): number {
  return SIGN_TABLE + row * SIGNS + sign
}

/** How often a reader holds an image. */
export function pinAt(row: number, image: number): number {
  return PIN_TABLE + row * IMAGES + image
}
