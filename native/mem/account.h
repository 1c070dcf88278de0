#pragma once

// What a thread has done with a memtype. Each heap has one account per type and only its thread
// writes it; readers sum over the heaps. Sums are exact when nobody allocates; otherwise they lie
// between what was true before and after the reading.
//
// The peak of a type is the largest of its samples, and a sample never exceeds a number of live
// blocks that existed: it reads all allocations first and all frees after. Samples are taken
//   - when a thread frees while holding more (its own allocations less its own frees) than at its
//     last sample of this kind, where "more" is by a sixty-fourth of it;
//   - when a thread has made kSampleStride allocations since its last sample and needs a word of
//     blocks again, which is after at most 63 more;
//   - when the accounts are read.
// So with one thread the peak is exact up to 64 live blocks, and never lower than the truth by more
// than a sixty-fourth. With several, no thread allocates more than kSampleStride + 63 blocks of a
// fixed type without sampling (for vsize types: 63 for each size class it uses), so the peak is
// lower than the truth by at most that for each thread that allocates, and by what was freed while
// a sample was read. Mapped blocks (large ones, and all with the system engine) are sampled at each
// allocation. Peak bytes follow the same samples.

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

struct Account {
  Counter allocs;
  Counter frees;
  Counter allocBytes;  // vsize and mapped blocks; fixed blocks are counted by their number
  Counter freeBytes;   // the same
  Counter remoteFrees;
  int64_t sampledNet;      // allocs - frees up to which a free takes no sample
  uint64_t sampledAllocs;  // allocs at the last sample
  uint64_t spare;
};
static_assert(sizeof(Account) == 64);

struct Usage {
  uint64_t live;
  uint64_t peak;
  uint64_t total;  // allocations ever
  uint64_t bytes;  // in live blocks, by the size of their class
  uint64_t peakBytes;
  uint64_t mappedBytes;  // of these in blocks mapped one by one
  uint64_t remoteFrees;  // blocks freed by another thread than their owner
  uint32_t slabs;        // held for the type, by all threads
};

// Zeroes for an unknown type.
[[nodiscard]] Usage usageOf(Memtype type);

struct Totals {
  uint64_t live;
  uint64_t bytes;
  uint64_t mappedBytes;
  uint64_t heldBytes;      // from the system, see pressure.h
  uint64_t residentBytes;  // of the process; 0 when unknown
  uint64_t physicalBytes;  // of the machine; 0 when unknown
};
[[nodiscard]] Totals memoryTotals();

// For the engine.
struct Heap;
void sampleType(Heap& heap, Memtype type);
void changeMapped(Memtype type, int64_t delta);

}  // namespace heddle::mem
