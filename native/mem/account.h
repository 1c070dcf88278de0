#pragma once

// What has been done with a memtype. Each thread's heap counts what its thread did, and only that
// thread writes there; readers sum over the heaps. Sums are exact when nobody allocates; otherwise
// they lie between what was true before and after the reading.
//
// The peak of a type is the largest of its samples, and a sample never exceeds a number of live
// blocks that existed: it reads all allocations first and all frees after. Samples are taken
//   - when a thread frees while holding more (its own allocations less its own frees) than at its
//     last sample of this kind, where "more" is by a sixty-fourth of it;
//   - when a thread needs another batch of blocks and has made kSampleStride - 64 allocations since
//     its last sample; a batch is at most 128 blocks;
//   - when the accounts are read.
// So with one thread the peak is exact up to 64 live blocks, and never lower than the truth by more
// than a sixty-fourth. With several, what a thread holds of a fixed type grows by at most
// kSampleStride + 63 blocks without a sample (for vsize types: 128 more for each further size class
// it uses), so the peak is lower than the truth by at most that for each thread that allocates, and
// by what was freed while a sample was read. Mapped blocks (large ones, all with the system engine,
// and those of threads without a heap) are sampled at each allocation and free. Peak bytes follow
// the same samples.

#include <atomic>
#include <cstdint>

#include "mem/fault.h"

namespace heddle::mem {

constexpr uint64_t kSampleStride = 256;

using Counter = std::atomic<uint64_t>;

// One writer, so no read-modify-write is needed. Relaxed: numbers only, nothing is read on their
// strength.
inline void bump(Counter& counter, uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

// A heap's of a vsize type; for fixed types the bin's counters are the account.
struct Account {
  Counter allocs;
  Counter frees;
  Counter allocBytes;
  Counter freeBytes;
  int64_t sampledNet;      // allocs - frees up to which a free takes no sample
  uint64_t sampledAllocs;  // allocs at the last sample
};

struct Usage {
  uint64_t live;
  uint64_t peak;
  uint64_t total;  // allocations ever
  uint64_t bytes;  // in live blocks, by the size of their class
  uint64_t peakBytes;
  uint64_t mappedBytes;  // of these in blocks mapped one by one
  // Blocks freed by another thread than the one that allocated them; mapped ones are not counted,
  // nor those of threads without a heap. A thread that takes over the heap of one that ended counts
  // as that one, and with more than 254 heaps at a time some threads count as one.
  uint64_t remoteFrees;
  uint64_t cached;  // free blocks kept in threads and in the depot, for their next allocations
  uint32_t slabs;   // held for the type, by all threads
};

// Zeroes for an unknown type.
[[nodiscard]] Usage usageOf(Memtype type);

// Live blocks alone: cheaper, and takes no sample.
[[nodiscard]] uint64_t liveOf(Memtype type);

struct Totals {
  uint64_t live;
  uint64_t bytes;
  uint64_t mappedBytes;
  uint64_t heldBytes;      // from the system, see pressure.h
  uint64_t residentBytes;  // of the process; 0 when unknown
  uint64_t physicalBytes;  // of the machine; 0 when unknown
};
[[nodiscard]] Totals memoryTotals();

// --- for the engine

struct Heap;
struct Bin;
// A free is about to happen while the thread holds more than at the last sample.
void samplePeak(Heap& heap, Bin& bin);
// The bin got a batch of blocks.
void sampleWhenDue(Heap& heap, Bin& bin);

// What is done outside of the heaps: by threads without one, and with blocks that lie in no slab
// (`alone`). Any thread; both sample.
void countAlloc(Memtype type, uint64_t bytes, bool alone);
void countFree(Memtype type, uint64_t bytes, bool alone);
// A block that stays the same got larger or smaller.
void countGrowth(Memtype type, int64_t bytes);
void changeMapped(Memtype type, int64_t delta);

}  // namespace heddle::mem
