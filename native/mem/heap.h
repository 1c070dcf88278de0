#pragma once

// A thread's share of the memory: for each memtype an account and the slabs it allocates from. A
// heap is made by a thread's first allocation or free, handed back when the thread ends, and then
// adopted whole, slabs and counts included, by the next thread that needs one. It is never
// destroyed, so the owner read from a slab may always be followed.
//
// Threads: everything belongs to the heap's thread, or to whoever holds the orphans' lock while the
// heap is an orphan, except `remote` and what is said in slab.h and account.h.

#include <atomic>
#include <bit>
#include <cstdint>

#include "mem/account.h"
#include "mem/fault.h"
#include "mem/size_class.h"
#include "mem/slab.h"

namespace heddle::mem {

// Blocks of one size of one type. All zero until first used.
struct alignas(64) Bin {
  Word* word;  // whose `take` bits are allocated next; nullptr before the first
  char* base;  // the block of that word's bit 0
  uint32_t blockBytes;
  int16_t fill;  // 0 … 255, or -1
  bool medium;   // in the medium arena
  Memtype type;
  uint32_t align;
  Slab* slab;     // that the word belongs to; in no list
  Slab* partial;  // slabs with free blocks, oldest first
  Slab* lastPartial;
};
static_assert(sizeof(Bin) == 64);

// One type's share of a heap. The bin is used by fixed types only.
struct TypeShare {
  Account account;
  Bin bin;
};

struct Heap {
  // Words with blocks that other threads freed: any thread pushes, the owner takes them all.
  alignas(64) std::atomic<RemoteWord*> remote;
  std::atomic<bool> orphan;
  Heap* nextHeap;  // set once
  Heap* nextOrphan;

  // A processor takes a load for dependent on an earlier store when the low 12 bits of their
  // addresses agree. So a type's account and bin lie together, and those of the first types beyond
  // the offsets that a slab's header has in its page.
  alignas(1024) TypeShare shares[kMaxTypes + 1];
  // kSizeClasses bins, nullptr before the first allocation. Types with a larger alignment than the
  // default have theirs in `aligned`, so that the hot path, which knows no alignment, passes them
  // by.
  Bin* vsize[kMaxTypes + 1];
  Bin* aligned[kMaxTypes + 1];
};

// Initial-exec: one instruction instead of a call, also in a library that is loaded late.
extern __thread Heap* currentHeap __attribute__((tls_model("initial-exec")));

[[nodiscard]] inline Arena& arenaOf(const Bin& bin) {
  return bin.medium ? mediumArena : smallArena;
}

// All heaps ever made. Acquire: pairs with the release that published the newest.
[[nodiscard]] Heap* firstHeap();

// The hot path: the next reserved block, nullptr when there is none.
[[nodiscard]] inline char* takeBlock(Bin& bin) {
  Word* word = bin.word;
  if (word == nullptr) [[unlikely]]
    return nullptr;
  const uint64_t bits = word->take.load(std::memory_order_relaxed);
  if (bits == 0) [[unlikely]]
    return nullptr;
  word->take.store(bits & (bits - 1), std::memory_order_relaxed);
  return bin.base + static_cast<size_t>(std::countr_zero(bits)) * bin.blockBytes;
}

// A block after takeBlock found none: takes over what other threads freed, goes on with another
// word or slab, or makes a slab. nullptr without memory.
[[nodiscard]] char* refill(Heap& heap, Bin& bin);

// Owner: the slab's word got its first free bit, or the slab became unused.
void slabChanged(Slab* slab);

// Owner: takes over everything that other threads have freed.
void drain(Heap& heap);

// Another thread than the owner: marks the block free and tells the owner. False when the block is
// free already.
[[nodiscard]] bool freeRemote(Slab* slab, uint32_t index);

// The heap of this thread while a lease lasts. A thread that is past its end, running the last
// destructors, borrows one for each call.
class HeapLease {
 public:
  HeapLease();
  ~HeapLease();
  HeapLease(const HeapLease&) = delete;
  HeapLease& operator=(const HeapLease&) = delete;
  // nullptr without memory for a heap.
  [[nodiscard]] Heap* get() const { return heap_; }

 private:
  Heap* heap_;
};

// The bins of a vsize type, made when needed; nullptr without memory.
[[nodiscard]] Bin* vsizeBins(Heap& heap, Memtype type);
void initFixedBin(Heap& heap, Memtype type);

// Gives the slabs without blocks in use back, and those of orphans.
void collect(Heap& heap);

[[nodiscard]] uint32_t slabsOf(Memtype type);

}  // namespace heddle::mem
