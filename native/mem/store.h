#pragma once

// Where the blocks of one size of one memtype lie while no thread holds them: slabs with resting
// blocks, and before them the depot, a bounded stack of blocks that went from one thread and wait
// for another. Threads come here once per batch of blocks, so the lock is off the hot path, and a
// block freed elsewhere costs what any other does.
//
// Threads: any. Nothing here calls back: what has to be done when the lock is free again is left in
// an Aftermath. Stores are never taken back.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "mem/account.h"
#include "mem/fault.h"
#include "mem/size_class.h"
#include "mem/slab.h"

namespace heddle::mem {

// The bin of fixed types; for those of vsize types see size_class.h.
constexpr uint32_t kFixedBin = 0;
// Blocks that a thread may keep for its next allocations: this many, or this many bytes.
constexpr uint32_t kMaxKept = 256;
constexpr size_t kMaxKeptBytes = 64 * 1024;
[[nodiscard]] constexpr uint32_t keptBlocks(size_t blockBytes) {
  const size_t blocks = kMaxKeptBytes / blockBytes;
  return blocks > kMaxKept ? kMaxKept : blocks > 0 ? static_cast<uint32_t>(blocks) : 1;
}

struct alignas(64) Store {
  // Set before any block is taken.
  Memtype type = kNoMemtype;
  uint32_t number = 0;
  uint32_t blockBytes = 0;  // 0: not used yet
  uint32_t capacity = 0;    // blocks of a slab
  bool medium = false;

  std::mutex lock;  // guards what follows, and writing the counters
  Slab* first = nullptr;
  Slab* last = nullptr;
  char** depot = nullptr;
  uint32_t inDepot = 0;
  uint32_t depotLimit = 0;
  std::atomic<uint32_t> slabs{0};
  Counter taken{0};  // blocks that do not rest in a slab
};

// What a change of a store leaves to do once its lock is free; `settle` does it.
struct Aftermath {
  int64_t heldDelta = 0;
  Slab* emptied = nullptr;  // linked by next; without blocks and in no list
};
void settle(const Aftermath& after);

[[nodiscard]] inline Tag tagOf(const Store& store) {
  return makeTag(store.type, store.number, store.medium);
}
[[nodiscard]] inline uint32_t numberIn(const Store& store, const Slab* slab, const char* block) {
  return static_cast<uint32_t>(block - startOf(slab)) / store.blockBytes;
}
// What a slab takes of its run.
[[nodiscard]] inline size_t slabBytes(const Store& store) {
  return size_t{store.capacity} * store.blockBytes;
}

// The store of a type that exists; nullptr without memory. The number is kFixedBin for fixed types.
[[nodiscard]] Store* storeOf(Memtype type, uint32_t number);
// The same without making it.
[[nodiscard]] Store* findStore(Memtype type, uint32_t number);

// Up to `wanted` blocks, at least one unless there is no memory.
[[nodiscard]] uint32_t takeBlocks(Store& store, char** into, uint32_t wanted, Aftermath& after);
// Into the depot as far as there is room, the others into their slabs.
void giveBlocks(Store& store, char* const* blocks, uint32_t count, Aftermath& after);
// Into their slabs.
void restBlocks(Store& store, char* const* blocks, uint32_t count, Aftermath& after);
void emptyDepot(Store& store, Aftermath& after);

// Calls visit(store) for each store of the type.
template <class Visit>
void forEachStore(Memtype type, Visit&& visit) {
  for (uint32_t number = 0; number <= kSizeClasses; number++) {
    Store* store = findStore(type, number);
    if (store != nullptr) visit(*store);
  }
}

}  // namespace heddle::mem
