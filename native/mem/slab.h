#pragma once

// A slab: one slot of an arena, cut into blocks of one size and one memtype, owned by one heap. Its
// header, at the slot's start, is found by masking a block's address; the blocks themselves are
// never read or written, so a free block costs no cache line.
//
// Each block has one bit in three places, and at most one of them is set:
//   take    the block is reserved for the owner's next allocations (one word of the bin's slab)
//   free    the block is free
//   remote  the block was freed by another thread and waits for the owner
// No bit: the block is in use, or the caller's. So a double free is a bit that is set already.
//
// Threads: the owner writes `take`, `free` and what is marked owner; other threads read those two
// to recognise misuse, and write `remote`. The rest does not change while the slab lives.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "mem/arena.h"
#include "mem/fault.h"

namespace heddle::mem {

struct Bin;
struct Heap;

// Relaxed everywhere: whoever holds a block got it after its bit was cleared, so it can never see
// its own bit set by mistake; contents are ordered by whatever handed the block over.
struct Word {
  std::atomic<uint64_t> free;
  std::atomic<uint64_t> take;
};

// In the owner's list while `bits` is not zero; whoever makes it so pushes the word.
struct RemoteWord {
  std::atomic<uint64_t> bits;
  RemoteWord* next;
};

constexpr size_t kSlabHeaderBytes = 128;

struct Slab {
  // Changed when the slab goes back, so that stale addresses are recognised.
  std::atomic<uint64_t> tag;
  std::atomic<Heap*> owner;
  Bin* bin;
  uint32_t magic;  // ceil(2^32 / blockBytes), small slabs only
  uint32_t blockBytes;
  uint32_t firstOffset;  // of block 0 from the slab's start
  uint32_t capacity;
  // Words with remote bits that the owner has not seen. Written once per up to 64 frees.
  std::atomic<uint32_t> remoteWords;
  uint16_t type;
  bool vsize;

  alignas(64) uint32_t used;  // owner: blocks neither free nor taken over from other threads,
                              // those in `take` included
  bool listed;                // owner: in the bin's list of slabs with free blocks
  uint64_t nonEmpty;          // owner: bit w is set when words()[w].free is not zero
  Slab* next;                 // owner: in that list
  Slab* previous;

  [[nodiscard]] uint32_t wordCount() const { return (capacity + 63) / 64; }
  [[nodiscard]] Word* words() {
    return reinterpret_cast<Word*>(reinterpret_cast<char*>(this) + kSlabHeaderBytes);
  }
  [[nodiscard]] RemoteWord* remotes() {
    return reinterpret_cast<RemoteWord*>(words() + wordCount());
  }
  [[nodiscard]] char* blockAt(uint32_t index) {
    return reinterpret_cast<char*>(this) + firstOffset + size_t{index} * blockBytes;
  }
};
static_assert(sizeof(Slab) == kSlabHeaderBytes);

// 48 bits that user data does not carry by accident, and the type: one comparison on a free.
constexpr uint64_t kTagMark = 0x9c6fd5b1a7e30000u;
[[nodiscard]] constexpr uint64_t tagOf(Memtype type) { return kTagMark | type; }
// A slab that went back and was not made anew: a second free of its blocks still gets the type's
// name.
constexpr uint64_t kRetiredMark = 0x9c6fd5b1a7e40000u;
[[nodiscard]] constexpr bool isRetired(uint64_t tag) {
  return (tag & ~uint64_t{0xffff}) == kRetiredMark;
}
[[nodiscard]] constexpr bool isTag(uint64_t tag) { return (tag & ~uint64_t{0xffff}) == kTagMark; }

// A slab for the bin, all blocks free; nullptr without memory.
[[nodiscard]] Slab* makeSlab(Heap* owner, Bin* bin);

// All blocks are free and the slab is in no list.
void releaseSlab(Slab* slab, Arena& arena);

// The owner's thread, or nobody's. False when the header contradicts itself; `idle` also demands
// that no other thread is freeing.
[[nodiscard]] bool isValidSlab(Slab* slab, bool idle);

// Blocks in use by callers; exact when no thread allocates or frees.
[[nodiscard]] uint32_t liveBlocks(Slab* slab);

}  // namespace heddle::mem
