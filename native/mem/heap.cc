#include "mem/heap.h"

#include <cstring>
#include <mutex>

#include "mem/failpoint.h"
#include "mem/registry.h"
#include "sys/memory.h"

namespace heddle::mem {

constinit Heap noHeap{};
__thread Heap* currentHeap __attribute__((tls_model("initial-exec"))) = &noHeap;

namespace {

// The room of a bin grows by this factor each time that it proves too small.
constexpr uint32_t kFirstRoom = 16;
constexpr uint32_t kRoomFactor = 4;
constexpr size_t kSpareBytes = size_t{64} * 1024;

struct Heaps {
  std::atomic<Heap*> first{nullptr};
  std::mutex lock;  // guards what follows
  Heap* orphans = nullptr;
  uint32_t made = 0;
};

constinit Heaps heaps;

// Fresh pages: all members are zero, which is what they start from.
template <class T>
T* mapZeroed(size_t bytes) {
  return mustFail() ? nullptr : static_cast<T*>(sys::mapMemory(sys::wholePages(bytes)));
}

Heap* makeHeap() {
  Heap* heap = mapZeroed<Heap>(sizeof(Heap));
  if (heap == nullptr) return nullptr;
  std::lock_guard<std::mutex> held(heaps.lock);
  heap->mark = static_cast<uint8_t>(1 + heaps.made++ % kLastMark);
  heap->nextHeap = heaps.first.load(std::memory_order_relaxed);
  // Release: the heap is complete before the acquire in firstHeap shows it.
  heaps.first.store(heap, std::memory_order_release);
  return heap;
}

Heap* adopt() {
  std::lock_guard<std::mutex> held(heaps.lock);
  Heap* heap = heaps.orphans;
  if (heap != nullptr) heaps.orphans = heap->nextOrphan;
  return heap;
}

void leave(Heap& heap) {
  flush(heap);
  std::lock_guard<std::mutex> held(heaps.lock);
  heap.nextOrphan = heaps.orphans;
  heaps.orphans = &heap;
}

// True once this thread's hook has run: it works without a heap from then on.
__thread bool threadPastEnd = false;

struct ThreadEnd {
  bool armed = false;
  ~ThreadEnd() {
    threadPastEnd = true;
    Heap* heap = currentHeap;
    currentHeap = &noHeap;
    if (heap != &noHeap) leave(*heap);
  }
};

thread_local ThreadEnd threadEnd;

void useBin(Heap& heap, Bin& bin, const TypeInfo& info, const Store& store) {
  bin.type = static_cast<uint16_t>(store.type);
  bin.number = static_cast<uint8_t>(store.number);
  bin.fill = info.fill == kNoFill ? int16_t{-1} : static_cast<int16_t>(info.fill);
  bin.mark = heap.mark;
  bin.blockBytes = store.blockBytes;
}

char** takeSpare(Heap& heap, uint32_t entries) {
  const size_t bytes = entries * sizeof(char*);
  if (heap.spareBytes < bytes) {
    heap.spare = mapZeroed<char>(kSpareBytes);
    heap.spareBytes = heap.spare != nullptr ? kSpareBytes : 0;
    if (heap.spare == nullptr) return nullptr;
  }
  heap.spareBytes -= bytes;
  auto* taken = reinterpret_cast<char**>(heap.spare);
  heap.spare += bytes;
  return taken;
}

char** bottomOf(const Bin& bin) { return entryAt(bin, bin.floor); }

int64_t netOf(const Bin& bin) {
  return static_cast<int64_t>(bin.allocs.load(std::memory_order_relaxed) -
                              bin.frees.load(std::memory_order_relaxed));
}

// Of a fixed type: up to which a free takes no sample. What the thread holds less its top.
int64_t sampledNetOf(const Bin& bin) { return netOf(bin) + static_cast<int64_t>(topOf(bin)); }

// Sets where the stack lies, how deep it is, and its mark for samples.
void setStack(Bin& bin, char** bottom, uint32_t depth, int64_t sampledNet) {
  const int64_t top = bin.number == kFixedBin ? sampledNet - netOf(bin) : int64_t{depth};
  bin.offset = static_cast<uint64_t>(top + netOf(bin));
  bin.floor = static_cast<uint64_t>(top - int64_t{depth});
  bin.span = bin.floor + bin.capacity;
  bin.entries = reinterpret_cast<uintptr_t>(bottom) - bin.floor * sizeof(char*);
}

// The old room is left: all of it together is a third of the new.
bool growRoom(Heap& heap, Bin& bin) {
  const uint32_t most = keptBlocks(bin.blockBytes);
  const uint32_t more = bin.capacity == 0 ? kFirstRoom : bin.capacity * kRoomFactor;
  const uint32_t capacity = more < most ? more : most;
  if (capacity == bin.capacity) return false;
  char** bottom = takeSpare(heap, capacity);
  if (bottom == nullptr) return false;
  const uint32_t depth = depthOf(bin);
  if (depth > 0) std::memcpy(bottom, bottomOf(bin), depth * sizeof(char*));
  bin.capacity = static_cast<uint16_t>(capacity);
  setStack(bin, bottom, depth, sampledNetOf(bin));
  return true;
}

void setDepth(Bin& bin, uint32_t depth) { setStack(bin, bottomOf(bin), depth, sampledNetOf(bin)); }

Store& storeOf(const Bin& bin) { return *findStore(bin.type, bin.number); }

// The oldest blocks of the stack leave it, at most a batch; into `blocks`.
void takeOldest(Bin& bin, char** blocks, uint32_t count) {
  char** bottom = bottomOf(bin);
  std::memcpy(blocks, bottom, count * sizeof(char*));
  const uint32_t left = depthOf(bin) - count;
  std::memmove(bottom, bottom + count, left * sizeof(char*));
  setDepth(bin, left);
}

void flushBin(Bin& bin) {
  char* blocks[kMaxBatch];
  while (depthOf(bin) > 0) {
    const uint32_t count = depthOf(bin) < kMaxBatch ? depthOf(bin) : kMaxBatch;
    takeOldest(bin, blocks, count);
    Aftermath after;
    restBlocks(storeOf(bin), blocks, count, after);
    settle(after);
  }
}

}  // namespace

Heap* heapOfThread() {
  if (currentHeap != &noHeap) return currentHeap;
  if (threadPastEnd) return nullptr;
  Heap* heap = adopt();
  if (heap == nullptr) heap = makeHeap();
  if (heap == nullptr) return nullptr;
  threadEnd.armed = true;  // the first use registers the destructor
  currentHeap = heap;
  return heap;
}

Heap* firstHeap() { return heaps.first.load(std::memory_order_acquire); }

Bin* fixedBin(Heap& heap, Memtype type) {
  Bin& bin = heap.fixed[type];
  if (bin.blockBytes != 0) return &bin;
  const Store* store = storeOf(type, kFixedBin);
  if (store == nullptr) return nullptr;
  useBin(heap, bin, *findType(type), *store);
  return &bin;
}

SizedBins* sizedBins(Heap& heap, Memtype type) {
  SizedBins* sized = heap.sized[type].load(std::memory_order_relaxed);
  if (sized != nullptr) return sized;
  sized = mapZeroed<SizedBins>(sizeof(SizedBins));
  if (sized == nullptr) return nullptr;
  sized->aligned = findType(type)->align > kDefaultAlign;
  // Release: other threads read the account.
  heap.sized[type].store(sized, std::memory_order_release);
  return sized;
}

Bin* sizedBin(Heap& heap, Memtype type, uint32_t number) {
  SizedBins* sized = sizedBins(heap, type);
  if (sized == nullptr) return nullptr;
  Bin& bin = sized->bins[number];
  if (bin.blockBytes != 0) return &bin;
  const Store* store = storeOf(type, number);
  if (store == nullptr) return nullptr;
  useBin(heap, bin, *findType(type), *store);
  return &bin;
}

void setSampled(Bin& bin, int64_t net) { setStack(bin, bottomOf(bin), depthOf(bin), net); }

bool refill(Heap& heap, Bin& bin) {
  if (!growRoom(heap, bin) && bin.capacity == 0) return false;
  const uint32_t wanted = bin.capacity > 1 ? bin.capacity / 2u : 1;
  Aftermath after;
  const uint32_t got = takeBlocks(storeOf(bin), bottomOf(bin), wanted, after);
  setDepth(bin, got);
  sampleWhenDue(heap, bin);
  settle(after);
  return got > 0;
}

bool makeRoom(Heap& heap, Bin& bin) {
  if (static_cast<int64_t>(topOf(bin)) < 0) samplePeak(heap, bin);
  const uint32_t depth = depthOf(bin);
  if (depth < bin.capacity || growRoom(heap, bin)) return true;
  if (bin.capacity == 0) return false;
  // The older half goes: the younger is what the caches still have.
  const uint32_t half = (bin.capacity + 1u) / 2;
  char* blocks[kMaxBatch];
  takeOldest(bin, blocks, half);
  Aftermath after;
  giveBlocks(storeOf(bin), blocks, half, after);
  settle(after);
  return true;
}

void flush(Heap& heap) {
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    forEachBin(heap, type, [](Bin& bin) { flushBin(bin); });
  }
}

}  // namespace heddle::mem
