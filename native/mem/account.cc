#include "mem/account.h"

#include "mem/heap.h"
#include "mem/pressure.h"
#include "mem/registry.h"
#include "sys/memory.h"

namespace heddle::mem {

namespace {

struct Peak {
  std::atomic<uint64_t> live;
  std::atomic<uint64_t> bytes;
  std::atomic<int64_t> mapped;
};

constinit Peak peaks[kMaxTypes + 1]{};

struct Sums {
  uint64_t allocs = 0;
  uint64_t frees = 0;
  uint64_t allocBytes = 0;
  uint64_t freeBytes = 0;
  uint64_t remoteFrees = 0;
};

// Acquire on the first half: the frees are not read before the allocations, so that the difference
// is at most what was live between the two loops.
Sums sum(Memtype type) {
  Sums sums;
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextHeap) {
    const Account& account = heap->shares[type].account;
    sums.allocs += account.allocs.load(std::memory_order_acquire);
    sums.allocBytes += account.allocBytes.load(std::memory_order_acquire);
  }
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextHeap) {
    const Account& account = heap->shares[type].account;
    sums.frees += account.frees.load(std::memory_order_relaxed);
    sums.freeBytes += account.freeBytes.load(std::memory_order_relaxed);
    sums.remoteFrees += account.remoteFrees.load(std::memory_order_relaxed);
  }
  return sums;
}

uint64_t difference(uint64_t more, uint64_t less) { return more > less ? more - less : 0; }

void raise(std::atomic<uint64_t>& peak, uint64_t value) {
  uint64_t seen = peak.load(std::memory_order_relaxed);
  while (seen < value && !peak.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

// Samples, and returns what it saw; `bytes` of fixed types come from their number.
Usage look(Memtype type) {
  const TypeInfo* info = findType(type);
  if (info == nullptr) return {};
  const Sums sums = sum(type);
  Usage usage{};
  usage.live = difference(sums.allocs, sums.frees);
  usage.total = sums.allocs;
  usage.remoteFrees = sums.remoteFrees;
  usage.bytes = info->kind == Kind::kFixed ? usage.live * info->blockBytes
                                           : difference(sums.allocBytes, sums.freeBytes);
  raise(peaks[type].live, usage.live);
  raise(peaks[type].bytes, usage.bytes);
  return usage;
}

}  // namespace

void sampleType(Heap& heap, Memtype type) {
  Account& account = heap.shares[type].account;
  const uint64_t allocs = account.allocs.load(std::memory_order_relaxed);
  const uint64_t frees = account.frees.load(std::memory_order_relaxed);
  const auto net = static_cast<int64_t>(allocs - frees);
  if (net > account.sampledNet) account.sampledNet = net + net / 64;
  account.sampledAllocs = allocs;
  look(type);
}

void changeMapped(Memtype type, int64_t delta) {
  peaks[type].mapped.fetch_add(delta, std::memory_order_relaxed);
}

Usage usageOf(Memtype type) {
  Usage usage = look(type);
  if (findType(type) == nullptr) return usage;
  usage.peak = peaks[type].live.load(std::memory_order_relaxed);
  usage.peakBytes = peaks[type].bytes.load(std::memory_order_relaxed);
  const int64_t mapped = peaks[type].mapped.load(std::memory_order_relaxed);
  usage.mappedBytes = mapped > 0 ? static_cast<uint64_t>(mapped) : 0;
  usage.slabs = slabsOf(type);
  return usage;
}

Totals memoryTotals() {
  Totals totals{};
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    const Usage usage = look(type);
    totals.live += usage.live;
    totals.bytes += usage.bytes;
    const int64_t mapped = peaks[type].mapped.load(std::memory_order_relaxed);
    totals.mappedBytes += mapped > 0 ? static_cast<uint64_t>(mapped) : 0;
  }
  totals.heldBytes = heldBytes();
  totals.residentBytes = sys::residentMemoryBytes();
  totals.physicalBytes = sys::physicalMemoryBytes();
  return totals;
}

}  // namespace heddle::mem
