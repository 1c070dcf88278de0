#pragma once

// A slab: a run of the arena cut into blocks of one size and one memtype, from its start on. It
// belongs to its type's store; this record lies beside the run. A block rests in its slab, or has
// been taken by the store for a thread, which uses it or keeps it for its next allocation.
//
// Threads: whoever holds the store's lock; a record's memory is never taken back.

#include <cstddef>
#include <cstdint>

#include "mem/arena.h"

namespace heddle::mem {

struct Store;

constexpr uint32_t kMaxSlabBlocks = kSlotGranules;
constexpr uint32_t kSlabWords = kMaxSlabBlocks / 64;
static_assert(kSlabWords <= 64);

struct Slab {
  Store* store;
  // In the store's list of slabs in which blocks rest, or in a stack of idle runs (next).
  Slab* next;
  Slab* previous;
  uint32_t taken;     // blocks that do not rest here
  bool listed;        // in the store's list
  uint64_t nonEmpty;  // bit w is set when resting[w] is not zero
  uint64_t resting[kSlabWords];
};

[[nodiscard]] inline Slab* slabAt(uint32_t slot) {
  return arena.slabs.load(std::memory_order_relaxed) + slot;
}
// The slab of a slot with the tag.
[[nodiscard]] inline Slab* slabOf(uint32_t slot, Tag tag) {
  return slabAt(isMedium(tag) ? slot & ~(kRunSlots - 1) : slot);
}
[[nodiscard]] inline uint32_t slotOf(const Slab* slab) {
  return static_cast<uint32_t>(slab - arena.slabs.load(std::memory_order_relaxed));
}
[[nodiscard]] inline char* startOf(const Slab* slab) {
  return reinterpret_cast<char*>(addressOfSlot(slotOf(slab)));
}

}  // namespace heddle::mem
