/**
 * Where things lie in the memory of a map. Offsets are words of 32 bits unless they say bytes. The head is followed
 * by pages; an address is the word offset of a block in one of them, and 0 is none, as the head lies there.
 *
 * Everything in the memory is changed by single atomic stores and exchanges, so that an isolate may end between any
 * two of them: no lock exists that it could leave behind.
 */

/** Words of the head that many isolates write stand on cache lines of their own. */
export const Head = {
  /** Global epoch: odd, and so never 0; it moves on by 2. */
  EPOCH: 16,
  /** Logarithm of the number of buckets. */
  BUCKET_LOG: 64,
  /** 1 once an entry with an expiry was stored. */
  HAS_TTL: 65,
  /** Secret of the hash, two words. */
  SEED: 66,
  /** Weight the map may have, in units; 0 none. */
  BUDGET: 68,
  /** One above the highest slot that was ever given. */
  SLOTS_USED: 69,
  CLOCK_HAND: 80,
  SWEEP_HAND: 81,
  EVICTIONS: 82,
  EXPIRATIONS: 83,
  /** No free page below this, probably. */
  PAGE_HINT: 96,
  /** Pages given back since all were looked at. */
  PAGES_FREED: 97,
  /** Heads of the stacks of free blocks, one for each size class. */
  STACKS: 112,
  /** A page with room that nobody carves, one for each size class. */
  OPEN_PAGES: 160,
  /** Words of the segments of buckets, by logarithm. */
  SEGMENTS: 208,
  /** The first buckets need no segment. */
  BUCKETS: 256,
} as const

export const STATIC_BUCKET_LOG = 10
/** 16 buckets to begin with, four million at most; an average chain holds up to two entries. */
export const FIRST_BUCKET_LOG = 4
export const LAST_BUCKET_LOG = 22
export const ENTRIES_PER_BUCKET = 2

/** Slots of holds: slot 0 is the recovery's, holds have 1 and above. */
export const SLOTS = Head.BUCKETS + (1 << STATIC_BUCKET_LOG)
export const SLOT_WORDS = 16
export const MAX_SLOTS = 1024
export const Slot = {
  /** The epoch in which this hold's section began; 0 outside. */
  EPOCH: 0,
  /** Blocks that are on their way into or out of a place, each with its state there behind it. (blocks.ts) */
  NEW_ENTRY: 1,
  NEW_SENTINEL: 3,
  MOVING: 5,
  /** What this hold has added to the weight of the map in units, and to its entries; less than 0 where it removed. */
  UNITS: 7,
  ENTRIES: 8,
  /** The change of these that is under way. (counts.ts) */
  JOURNAL: 9,
  JOURNAL_STATE: 10,
  JOURNAL_UNITS: 11,
  JOURNAL_ENTRIES: 12,
} as const

/** A word for each page: what it is. */
export const PAGE_TABLE = SLOTS + MAX_SLOTS * SLOT_WORDS

export const PAGE_BYTES = 32_768
export const PAGE_WORDS = PAGE_BYTES / 4
export const PAGE_HEAD_BYTES = 64
/** Words of a page of small blocks. */
export const Page = {
  /** Bytes from its start that have been carved, the head included. */
  CARVED: 0,
  /** Slot that carves it; -1 nobody. */
  OWNER: 1,
} as const

/** What the word of a page says: one of these, the number that goes with it above. */
export const PageKind = {
  FREE: 0,
  /** Blocks of the size class that goes with it. */
  SMALL: 1,
  /** First page of a block of so many pages. */
  SPAN: 2,
  /** A further page of the block that begins at that page. */
  REST: 3,
  /** Taken by that slot, not in use yet. */
  CLAIMED: 4,
  /** First page of the segment of buckets with that logarithm. */
  SEGMENT: 5,
} as const
export const PAGE_KIND_BITS = 3

/** Words of a block. A sentinel has the first four only. */
export const Block = {
  STATE: 0,
  /** Place in the list: the hash, bits reversed. Odd for entries, even for sentinels. */
  ORDER: 1,
  /** Address of the next block in the list or stack; the bit `MARK` says that this one has left the list. */
  NEXT: 2,
  /** Kinds of key and value, bytes of the key. */
  META: 3,
  VALUE_BYTES: 4,
  /** 1 if it was read since the clock's hand passed. */
  TOUCHED: 5,
  /** As a double: when it expires, 0 never. */
  EXPIRES: 6,
} as const
export const SENTINEL_BYTES = 16
export const ENTRY_HEAD_BYTES = 32
/** Addresses are multiples of 4 words, so the lowest bit of a link is free. */
export const MARK = 1

/** Weight is counted in units, so that 4 GiB fit a word. What an entry costs in buckets and sentinels is one. */
export const UNIT_BYTES = 16
export const ENTRY_OVERHEAD_UNITS = 1

/** Kinds of keys and values, as `Block.META` holds them. */
export const KeyKind = { LATIN1: 0, UTF16: 1, BYTES: 2 } as const
export const Stored = {
  BYTES: 1,
  CLONE: 2,
  NUMBER: 3,
  LATIN1: 4,
  UTF16: 5,
  TRUE: 6,
  FALSE: 7,
  NULL: 8,
  UNDEFINED: 9,
} as const
export const KEY_KIND_MASK = 3
export const VALUE_KIND_SHIFT = 4
export const VALUE_KIND_MASK = 15
export const KEY_BYTES_SHIFT = 16

/** The largest memory of a map: word offsets fit 31 bits, byte offsets a typed array. */
export const MAX_MEMORY_BYTES = 2 ** 32 - PAGE_BYTES

/** Bytes of the head when the memory may grow to so many. */
export function headBytes(maxBytes: number): number {
  const words = PAGE_TABLE + Math.ceil(maxBytes / PAGE_BYTES)
  return Math.ceil(words / PAGE_WORDS) * PAGE_BYTES
}
