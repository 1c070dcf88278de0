#pragma once

// A thread's share of the memory: for each memtype, and for each size class of a vsize type, a bin
// with the blocks that the thread keeps for its next allocations, and the counts of what it did.
// Blocks come from the type's store (store.h) and go back there in batches; a freed block goes into
// the bin of the thread that frees it, whoever allocated it.
//
// A heap is made by a thread's first allocation or free. When the thread ends its blocks go back to
// the stores, and the next thread that needs a heap adopts it, counts included. It is never
// destroyed. A thread that is past its end, or gets no memory for a heap, works without one, on the
// stores.
//
// Threads: everything belongs to the heap's thread; others read the counters.

#include <atomic>
#include <cstdint>

#include "mem/account.h"
#include "mem/arena.h"
#include "mem/fault.h"
#include "mem/size_class.h"
#include "mem/store.h"

namespace heddle::mem {

constexpr uint32_t kMaxBatch = kMaxKept / 2;

// A stack of blocks. Its top is at `frees - allocs + offset`, and a pair of allocate and free so is
// two short chains of dependent instructions side by side, one through each counter; a top of its
// own would be a third one, twice as long. Tops from 0 to `span` - 1 are those at which a free is
// simple: above there is no room, and below (a top wraps there) a sample of the peak is due, see
// account.h. The stack is empty at `floor`. All zero until first used: empty and without room.
struct alignas(64) Bin {
  Counter allocs;
  Counter frees;
  uint64_t offset;
  uintptr_t entries;  // address of the entry at top 0, which need not exist
  uint64_t floor;
  uint64_t span;
  uint32_t blockBytes;     // 0: not used yet
  uint32_t sampledAllocs;  // fixed types: low bits of the allocs at the last sample
  int16_t fill;            // 0 … 255, or -1
  uint16_t type;
  uint16_t capacity;
  uint8_t number;  // see store.h
  uint8_t mark;    // the heap's, in the states of blocks it allocates
};
static_assert(sizeof(Bin) == 64);

// What a heap has of a vsize type. The hot path of allocating knows no alignment, so it passes the
// types by that have a larger one than the default.
struct SizedBins {
  Bin bins[kSizeClasses + 1];  // by number: the first is not used
  Account account;
  bool aligned;
};

struct Heap {
  Bin fixed[kMaxTypes + 1];
  Heap* nextHeap;  // set once
  Heap* nextOrphan;
  char* spare;  // memory for stacks
  size_t spareBytes;
  uint8_t mark;  // 1 … kLastMark; heaps share marks when there are more
  std::atomic<SizedBins*> sized[kMaxTypes + 1];  // nullptr before the first use
  Counter remoteFrees[kMaxTypes + 1];
};

// Without anything, for threads that have no heap, so that the hot paths need not ask.
extern constinit Heap noHeap;

// Initial-exec: one instruction instead of a call, also in a library that is loaded late.
extern __thread Heap* currentHeap __attribute__((tls_model("initial-exec")));

// The calling thread's heap, made when needed; nullptr when it is past its end or there is no
// memory.
[[nodiscard]] Heap* heapOfThread();

// All heaps ever made. Acquire: pairs with the release that published the newest.
[[nodiscard]] Heap* firstHeap();

// Relaxed: the thread's own counters.
[[nodiscard]] inline uint64_t topOf(const Bin& bin) {
  return bin.frees.load(std::memory_order_relaxed) - bin.allocs.load(std::memory_order_relaxed) +
         bin.offset;
}
[[nodiscard]] inline uint32_t depthOf(const Bin& bin) {
  return static_cast<uint32_t>(topOf(bin) - bin.floor);
}
[[nodiscard]] inline char** entryAt(const Bin& bin, uint64_t top) {
  return reinterpret_cast<char**>(bin.entries + top * sizeof(char*));
}

// The hot path: the youngest block. False, and nothing is changed, when there is none.
[[nodiscard, gnu::always_inline]] inline bool popBlock(Bin& bin, char*& block) {
  const uint64_t allocs = bin.allocs.load(std::memory_order_relaxed);
  const uint64_t top = bin.frees.load(std::memory_order_relaxed) - allocs + bin.offset;
  if (top == bin.floor) [[unlikely]]
    return false;
  block = *entryAt(bin, top - 1);
  bin.allocs.store(allocs + 1, std::memory_order_relaxed);
  stateAt(reinterpret_cast<uintptr_t>(block)).store(bin.mark, std::memory_order_relaxed);
  return true;
}

// The hot path: false, and nothing is changed, when a sample or room is needed first.
[[nodiscard, gnu::always_inline]] inline bool pushBlock(Bin& bin, char* block, State& state) {
  const uint64_t frees = bin.frees.load(std::memory_order_relaxed);
  const uint64_t top = frees - bin.allocs.load(std::memory_order_relaxed) + bin.offset;
  if (top >= bin.span) [[unlikely]]
    return false;
  *entryAt(bin, top) = block;
  bin.frees.store(frees + 1, std::memory_order_relaxed);
  state.store(kFree, std::memory_order_relaxed);
  return true;
}

// The bin of a type that exists, ready for use; nullptr without memory.
[[nodiscard]] Bin* fixedBin(Heap& heap, Memtype type);
[[nodiscard]] SizedBins* sizedBins(Heap& heap, Memtype type);
[[nodiscard]] Bin* sizedBin(Heap& heap, Memtype type, uint32_t number);

// Fixed types: frees take no sample while the thread holds at most `net` blocks.
void setSampled(Bin& bin, int64_t net);

// After popBlock found none: blocks from the store. False without memory. May run the callback of
// pressure.h, which may allocate and free: what was read of the bin before is stale.
[[nodiscard]] bool refill(Heap& heap, Bin& bin);

// After pushBlock found no room or was to sample. False without memory for any room. As refill.
[[nodiscard]] bool makeRoom(Heap& heap, Bin& bin);

// Gives all blocks that the heap keeps to their slabs.
void flush(Heap& heap);

// Calls visit(bin) for each bin of the type that is in use.
template <class Visit>
void forEachBin(Heap& heap, Memtype type, Visit&& visit) {
  if (heap.fixed[type].blockBytes != 0) visit(heap.fixed[type]);
  SizedBins* sized = heap.sized[type].load(std::memory_order_relaxed);
  if (sized == nullptr) return;
  for (Bin& bin : sized->bins) {
    if (bin.blockBytes != 0) visit(bin);
  }
}

}  // namespace heddle::mem
