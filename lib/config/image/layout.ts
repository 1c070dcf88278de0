/**
 * What lies where in an image. All offsets are words from its beginning unless they say bytes; texts are numbers into a
 * table. An image is written once, in private memory, and never changes after it was copied to the shared one.
 */

/** 'hcf1' */
export const MAGIC = 0x31666368

export const Header = {
  MAGIC: 0,
  /** Over all words but the first two. */
  CHECKSUM: 1,
  GENERATION: 2,
  WORDS: 3,
  ROOT: 4,
  TEXTS: 5,
  /** Bytes of texts: the byte offset from the beginning. */
  BYTES: 6,
  /** Number of the text that lists options and scopes, in JSON. */
  DEFINITIONS: 7,
  /** Changes when that text does. */
  DEFINITIONS_VERSION: 8,
  /** Slots up to here were known when it was written. */
  OPTIONS: 9,
  SIZE: 10,
} as const

export const Node = {
  /** Text + 1, 0 for none. */
  INSTANCE: 0,
  GROUPS: 1,
  GROUP_COUNT: 2,
  SETTINGS: 3,
  SETTING_COUNT: 4,
  SIZE: 5,
} as const

/** The children of one type. */
export const Group = {
  TYPE: 0,
  /** Nodes in their order. */
  LIST: 1,
  COUNT: 2,
  /** Table of place + 1 by the hash of the instance in lower case, linear probing; 0 if there is none. */
  HASH: 3,
  MASK: 4,
  /** Places of those whose instance is a pattern. */
  PATTERNS: 5,
  PATTERN_COUNT: 6,
  SIZE: 7,
} as const

/** In the order of their slots; those without one come last. */
export const Setting = {
  SLOT: 0,
  NAME: 1,
  VALUE: 2,
  FILE: 3,
  LINE: 4,
  COLUMN: 5,
  SIZE: 6,
} as const

export const NO_SLOT = 0x7fffffff

/** First word of a value: text; number of items, then their offsets; number of entries, then names and offsets. */
export const Value = { TEXT: 0, ARRAY: 1, DICTIONARY: 2 } as const

/** Up to so many children of a type are compared one by one. */
export const FEW = 8

/** FNV-1a over UTF-16 units. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Over the words of an image, past the magic and itself. */
export function checksumOf(words: Int32Array): number {
  let sum = 0x811c9dc5
  for (let i = Header.GENERATION; i < words.length; i++)
    sum = Math.imul(sum ^ (words[i] as number), 0x01000193)
  return sum | 0
}
