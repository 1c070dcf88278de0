#include "mem/account.h"

#include "mem/heap.h"
#include "mem/pressure.h"
#include "mem/registry.h"
#include "sys/memory.h"

namespace heddle::mem {

namespace {

// Of each type, for all threads. Relaxed: numbers only.
struct Common {
  Counter allocs;
  Counter frees;
  Counter allocBytes;
  Counter freeBytes;
  std::atomic<int64_t> alone;  // live blocks that lie in no slab
  std::atomic<int64_t> mapped;
  Counter peak;
  Counter peakBytes;
};

constinit Common commons[kMaxTypes + 1]{};

struct Sums {
  uint64_t allocs = 0;
  uint64_t frees = 0;
  uint64_t allocBytes = 0;
  uint64_t freeBytes = 0;
};

void add(Counter& counter, uint64_t by) { counter.fetch_add(by, std::memory_order_relaxed); }

uint64_t read(const Counter& counter) { return counter.load(std::memory_order_relaxed); }

// Calls visit(allocs, frees, allocBytes, freeBytes) with the counters of each heap; fixed types
// have no bytes.
template <class Visit>
void forEachCount(Memtype type, bool fixed, Visit&& visit) {
  static constinit Counter none{0};
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextHeap) {
    if (fixed) {
      visit(heap->fixed[type].allocs, heap->fixed[type].frees, none, none);
      continue;
    }
    SizedBins* sized = heap->sized[type].load(std::memory_order_acquire);
    if (sized == nullptr) continue;
    Account& account = sized->account;
    visit(account.allocs, account.frees, account.allocBytes, account.freeBytes);
  }
}

// Acquire in the first half: the frees are not read before the allocations, so that the difference
// is at most what was live between the two.
Sums sum(const TypeInfo& info, Memtype type) {
  const bool fixed = info.kind == Kind::kFixed;
  Sums sums;
  sums.allocs = commons[type].allocs.load(std::memory_order_acquire);
  sums.allocBytes = commons[type].allocBytes.load(std::memory_order_acquire);
  forEachCount(type, fixed, [&](Counter& allocs, Counter&, Counter& allocBytes, Counter&) {
    sums.allocs += allocs.load(std::memory_order_acquire);
    sums.allocBytes += allocBytes.load(std::memory_order_acquire);
  });
  sums.frees = read(commons[type].frees);
  sums.freeBytes = read(commons[type].freeBytes);
  forEachCount(type, fixed, [&](Counter&, Counter& frees, Counter&, Counter& freeBytes) {
    sums.frees += read(frees);
    sums.freeBytes += read(freeBytes);
  });
  return sums;
}

uint64_t difference(uint64_t more, uint64_t less) { return more > less ? more - less : 0; }

uint64_t positive(const std::atomic<int64_t>& number) {
  const int64_t value = number.load(std::memory_order_relaxed);
  return value > 0 ? static_cast<uint64_t>(value) : 0;
}

void raise(Counter& peak, uint64_t value) {
  uint64_t seen = read(peak);
  while (seen < value && !peak.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

// Samples, and returns what it saw; `bytes` of fixed types come from their number.
Usage look(Memtype type) {
  const TypeInfo* info = findType(type);
  if (info == nullptr) return {};
  const Sums sums = sum(*info, type);
  Usage usage{};
  usage.live = difference(sums.allocs, sums.frees);
  usage.total = sums.allocs;
  usage.bytes = info->kind == Kind::kFixed ? usage.live * info->blockBytes
                                           : difference(sums.allocBytes, sums.freeBytes);
  usage.mappedBytes = positive(commons[type].mapped);
  raise(commons[type].peak, usage.live);
  raise(commons[type].peakBytes, usage.bytes);
  return usage;
}

uint64_t remoteFreesOf(Memtype type) {
  uint64_t frees = 0;
  for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextHeap) {
    frees += read(heap->remoteFrees[type]);
  }
  return frees;
}

// A sample may be taken when the thread holds a sixty-fourth more than now.
int64_t withMargin(int64_t net) { return net + net / 64; }

Account& accountOf(Heap& heap, const Bin& bin) {
  return heap.sized[bin.type].load(std::memory_order_relaxed)->account;
}

int64_t netOf(const Account& account) {
  return static_cast<int64_t>(read(account.allocs) - read(account.frees));
}

}  // namespace

void samplePeak(Heap& heap, Bin& bin) {
  if (bin.number == kFixedBin) {
    setSampled(bin, withMargin(static_cast<int64_t>(read(bin.allocs) - read(bin.frees))));
    bin.sampledAllocs = static_cast<uint32_t>(read(bin.allocs));
  } else {
    Account& account = accountOf(heap, bin);
    account.sampledNet = withMargin(netOf(account));
    account.sampledAllocs = read(account.allocs);
  }
  look(bin.type);
}

void sampleWhenDue(Heap& heap, Bin& bin) {
  constexpr uint64_t kDue = kSampleStride - 64;
  if (bin.number == kFixedBin) {
    const auto allocs = static_cast<uint32_t>(read(bin.allocs));
    if (allocs - bin.sampledAllocs < kDue) return;
    bin.sampledAllocs = allocs;
  } else {
    Account& account = accountOf(heap, bin);
    if (read(account.allocs) - account.sampledAllocs < kDue) return;
    account.sampledAllocs = read(account.allocs);
  }
  look(bin.type);
}

void countAlloc(Memtype type, uint64_t bytes, bool alone) {
  add(commons[type].allocs, 1);
  add(commons[type].allocBytes, bytes);
  if (alone) commons[type].alone.fetch_add(1, std::memory_order_relaxed);
  look(type);
}

void countFree(Memtype type, uint64_t bytes, bool alone) {
  look(type);
  add(commons[type].frees, 1);
  add(commons[type].freeBytes, bytes);
  if (alone) commons[type].alone.fetch_sub(1, std::memory_order_relaxed);
}

void countGrowth(Memtype type, int64_t bytes) {
  if (bytes < 0) {
    add(commons[type].freeBytes, static_cast<uint64_t>(-bytes));
  } else {
    add(commons[type].allocBytes, static_cast<uint64_t>(bytes));
    look(type);
  }
}

void changeMapped(Memtype type, int64_t delta) {
  commons[type].mapped.fetch_add(delta, std::memory_order_relaxed);
}

Usage usageOf(Memtype type) {
  Usage usage = look(type);
  if (findType(type) == nullptr) return usage;
  usage.peak = read(commons[type].peak);
  usage.peakBytes = read(commons[type].peakBytes);
  usage.remoteFrees = remoteFreesOf(type);
  uint64_t taken = 0;
  forEachStore(type, [&](Store& store) {
    taken += read(store.taken);
    usage.slabs += store.slabs.load(std::memory_order_relaxed);
  });
  usage.cached = difference(taken, difference(usage.live, positive(commons[type].alone)));
  return usage;
}

uint64_t liveOf(Memtype type) {
  const TypeInfo* info = findType(type);
  if (info == nullptr) return 0;
  const Sums sums = sum(*info, type);
  return difference(sums.allocs, sums.frees);
}

Totals memoryTotals() {
  Totals totals{};
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    const Usage usage = look(type);
    totals.live += usage.live;
    totals.bytes += usage.bytes;
    totals.mappedBytes += usage.mappedBytes;
  }
  totals.heldBytes = heldBytes();
  totals.residentBytes = sys::residentMemoryBytes();
  totals.physicalBytes = sys::physicalMemoryBytes();
  return totals;
}

}  // namespace heddle::mem
