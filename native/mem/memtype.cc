#include "mem/memtype.h"

#include <cerrno>
#include <cstring>

#include "mem/block_table.h"
#include "mem/place.h"
#include "mem/pressure.h"

namespace heddle::mem {

namespace {

struct Settings {
  std::atomic<bool> system{false};
  std::atomic<bool> started{false};  // something was allocated
  std::atomic<size_t> mapThreshold{kMaxMediumBytes + 1};
};

constinit Settings settings;

bool usesSystem() { return settings.system.load(std::memory_order_relaxed); }

void start() {
  if (!settings.started.load(std::memory_order_relaxed)) {
    settings.started.store(true, std::memory_order_relaxed);
  }
}

uintptr_t addressOf(const void* block) { return reinterpret_cast<uintptr_t>(block); }

void* fault(FaultReport& report, Fault what, const void* block = nullptr,
            Memtype actual = kNoMemtype) {
  report.fault = what;
  report.block = block;
  report.actual = actual;
  return nullptr;
}

// The type's entry when it exists and is of the kind; otherwise reports.
const TypeInfo* typeOf(Memtype type, Kind kind, FaultReport& report) {
  const TypeInfo* info = findType(type);
  if (info == nullptr) {
    fault(report, Fault::kUnknownType);
  } else if (info->kind != kind) {
    fault(report, Fault::kWrongKind);
    return nullptr;
  }
  return info;
}

void fillBytes(void* block, const TypeInfo& info, size_t bytes) {
  if (info.fill != kNoFill) std::memset(block, static_cast<int>(info.fill), bytes);
}

// What a block outside of slabs counts for; a fixed one as much as every other of its type.
size_t accountedBytes(const TypeInfo& info, const BlockInfo& block) {
  return info.kind == Kind::kFixed ? info.blockBytes : block.heldBytes;
}

void* allocateAlone(Memtype type, const TypeInfo& info, size_t bytes, bool mapped) {
  BlockInfo added;
  void* block = addBlock(type, bytes, info.align, mapped, added);
  if (block == nullptr) return nullptr;
  if (mapped) changeMapped(type, static_cast<int64_t>(added.heldBytes));
  countAlloc(type, accountedBytes(info, added), true);
  changeHeld(static_cast<int64_t>(added.heldBytes));
  fillBytes(block, info, bytes);
  return block;
}

Place releaseAlone(Memtype type, const TypeInfo& info, void* block) {
  BlockInfo removed;
  Place place;
  place.fault = removeBlock(type, block, removed, place.actual);
  if (place.fault != Fault::kNone) return place;
  if (removed.mapped) changeMapped(type, -static_cast<int64_t>(removed.heldBytes));
  countFree(type, accountedBytes(info, removed), true);
  changeHeld(-static_cast<int64_t>(removed.heldBytes));
  return place;
}

void handOver(void* block, size_t bytes, int16_t fill) {
  unpoison(block, bytes);
  if (fill >= 0) std::memset(block, fill, bytes);
}

// One block from the store, for a thread without a heap or without room in it.
void* allocateDirectly(Memtype type, const TypeInfo& info, uint32_t number, size_t bytes) {
  Store* store = storeOf(type, number);
  if (store == nullptr) return nullptr;
  char* block = nullptr;
  Aftermath after;
  if (takeBlocks(*store, &block, 1, after) == 0) return nullptr;
  stateAt(addressOf(block)).store(kNobodysMark, std::memory_order_relaxed);
  countAlloc(type, store->blockBytes, false);
  settle(after);
  handOver(block, bytes, info.fill == kNoFill ? int16_t{-1} : static_cast<int16_t>(info.fill));
  return block;
}

void releaseDirectly(Memtype type, char* block, Store& store) {
  countFree(type, store.blockBytes, false);
  stateAt(addressOf(block)).store(kFree, std::memory_order_relaxed);
  Aftermath after;
  restBlocks(store, &block, 1, after);
  settle(after);
}

// nullptr without memory for a bin with room.
Bin* binOf(Memtype type, uint32_t number) {
  Heap* heap = heapOfThread();
  if (heap == nullptr) return nullptr;
  return number == kFixedBin ? fixedBin(*heap, type) : sizedBin(*heap, type, number);
}

void countSized(Heap& heap, const Bin& bin) {
  if (bin.number == kFixedBin) return;
  Account& account = heap.sized[bin.type].load(std::memory_order_relaxed)->account;
  bump(account.allocs);
  bump(account.allocBytes, bin.blockBytes);
}

void* allocateFrom(Memtype type, const TypeInfo& info, uint32_t number, size_t bytes) {
  Bin* bin = binOf(type, number);
  char* block = nullptr;
  while (bin != nullptr && !popBlock(*bin, block)) {
    if (!refill(*currentHeap, *bin)) bin = nullptr;
  }
  if (bin == nullptr) return allocateDirectly(type, info, number, bytes);
  countSized(*currentHeap, *bin);
  handOver(block, bytes, bin->fill);
  return block;
}

// A size class whose blocks lie at multiples of the alignment: beyond the default one these are the
// powers of two.
size_t classBytes(const TypeInfo& info, size_t bytes) {
  if (info.align <= kDefaultAlign) return bytes;
  return std::bit_ceil(bytes > info.align ? bytes : info.align);
}

bool isPeak(const Account& account) {
  return static_cast<int64_t>(account.allocs.load(std::memory_order_relaxed) -
                              account.frees.load(std::memory_order_relaxed)) > account.sampledNet;
}

void countSizedFree(Account& account, uint32_t blockBytes) {
  bump(account.frees);
  bump(account.freeBytes, blockBytes);
}

// A block in use, all checks done: to the calling thread's bin, or to its slab.
void releaseTo(Memtype type, char* block, Store& store) {
  poison(block, store.blockBytes);
  Bin* bin = binOf(type, store.number);
  if (bin == nullptr) return releaseDirectly(type, block, store);
  Heap& heap = *currentHeap;
  SizedBins* sized = heap.sized[type].load(std::memory_order_relaxed);
  if (sized != nullptr && isPeak(sized->account)) samplePeak(heap, *bin);
  State& state = stateAt(addressOf(block));
  const bool remote = state.load(std::memory_order_relaxed) != bin->mark;
  while (!pushBlock(*bin, block, state)) {
    if (!makeRoom(heap, *bin)) return releaseDirectly(type, block, store);
  }
  if (sized != nullptr) countSizedFree(sized->account, bin->blockBytes);
  if (remote) bump(heap.remoteFrees[type]);
}

// As pushBlock, for a block of the type that any thread allocated; also false when it is free.
inline bool pushAny(Memtype type, Bin& bin, char* block) {
  State& state = stateAt(addressOf(block));
  const uint8_t mark = state.load(std::memory_order_relaxed);
  if (mark == kFree || !pushBlock(bin, block, state)) return false;
  poison(block, bin.blockBytes);
  if (mark != bin.mark) bump(currentHeap->remoteFrees[type]);
  return true;
}

Place releaseInArena(Memtype type, void* block) {
  const Place place = checkPlace(type, block);
  if (place.fault == Fault::kNone) {
    releaseTo(type, static_cast<char*>(block), *place.store);
  }
  return place;
}

size_t usableOf(Memtype type, const void* block, FaultReport& report) {
  Memtype actual = kNoMemtype;
  Fault what = Fault::kNone;
  size_t bytes = 0;
  if (isInArena(addressOf(block))) {
    const Place place = checkPlace(type, block);
    what = place.fault;
    actual = place.actual;
    if (what == Fault::kNone) bytes = place.store->blockBytes;
  } else {
    BlockInfo found;
    what = findBlock(type, block, found, actual);
    bytes = found.mapped ? found.heldBytes : found.bytes;
  }
  if (what == Fault::kNone) return bytes;
  fault(report, what, block, actual);
  return 0;
}

// A mapped block that stays one: it keeps its pages, and its address if it can. nullptr when it has
// to be copied, and then nothing has changed.
void* resizeMapped(Memtype type, void* block, size_t bytes) {
  if (isInArena(addressOf(block)) || bytes <= kMaxMediumBytes) return nullptr;
  BlockInfo before;
  BlockInfo after;
  void* resized = resizeBlock(block, bytes, before, after);
  if (resized == nullptr) return nullptr;
  const int64_t more =
      static_cast<int64_t>(after.heldBytes) - static_cast<int64_t>(before.heldBytes);
  if (more == 0) return resized;
  countGrowth(type, more);
  changeMapped(type, more);
  changeHeld(more);
  return resized;
}

// Whether a block in a slab is kept for the new size: it fits and at least half of it is used.
bool fitsWell(const void* block, size_t usable, size_t bytes) {
  return isInArena(addressOf(block)) && bytes <= usable && (bytes >= usable / 2 || usable <= 64);
}

}  // namespace

int setEngine(const char* name) {
  const bool system = std::strcmp(name, "system") == 0;
  if (!system && std::strcmp(name, "slab") != 0) return -EINVAL;
  if (system == usesSystem()) return 0;
  if (settings.started.load(std::memory_order_relaxed)) return -EBUSY;
  settings.system.store(system, std::memory_order_relaxed);
  return 0;
}

const char* engineName() { return usesSystem() ? "system" : "slab"; }

void setMapThreshold(size_t bytes) {
  const bool off = bytes == 0 || bytes > kMaxMediumBytes;
  // Small blocks are allocated without looking here.
  const size_t least = kMaxSmallBytes + 1;
  settings.mapThreshold.store(off             ? kMaxMediumBytes + 1
                              : bytes < least ? least
                                              : bytes,
                              std::memory_order_relaxed);
}

size_t mapThreshold() { return settings.mapThreshold.load(std::memory_order_relaxed); }

void fillBlock(void* block, size_t bytes, const Bin& bin) { std::memset(block, bin.fill, bytes); }

void* tryAllocate(Memtype type, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, nullptr, "allocate"};
  const TypeInfo* info = typeOf(type, Kind::kFixed, report);
  if (info == nullptr) return nullptr;
  start();
  if (usesSystem()) return allocateAlone(type, *info, info->bytes, false);
  if (info->blockBytes > kMaxMediumBytes) return allocateAlone(type, *info, info->bytes, true);
  return allocateFrom(type, *info, kFixedBin, info->blockBytes);
}

void* tryAllocateBytes(Memtype type, size_t bytes, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, nullptr, "allocateBytes"};
  const TypeInfo* info = typeOf(type, Kind::kVsize, report);
  if (info == nullptr || bytes > PTRDIFF_MAX) return nullptr;
  if (!info->early) start();
  if (usesSystem() || info->early) return allocateAlone(type, *info, bytes, false);
  const size_t wanted = classBytes(*info, bytes);
  if (wanted > kMaxMediumBytes || bytes >= mapThreshold()) {
    return allocateAlone(type, *info, bytes, true);
  }
  return allocateFrom(type, *info, binOfClass(classOfSlow(wanted)), bytes);
}

Fault tryRelease(Memtype type, void* block, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, block, "release"};
  const TypeInfo* info = findType(type);
  if (info == nullptr) {
    fault(report, Fault::kUnknownType, block);
    return report.fault;
  }
  if (block == nullptr) return Fault::kNone;
  const Place place =
      isInArena(addressOf(block)) ? releaseInArena(type, block) : releaseAlone(type, *info, block);
  if (place.fault != Fault::kNone) fault(report, place.fault, block, place.actual);
  return place.fault;
}

void* tryResize(Memtype type, void* block, size_t bytes, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, block, "resize"};
  if (typeOf(type, Kind::kVsize, report) == nullptr || bytes > PTRDIFF_MAX) return nullptr;
  if (block == nullptr) return tryAllocateBytes(type, bytes, report);
  const size_t usable = usableOf(type, block, report);
  if (report.fault != Fault::kNone) return nullptr;
  if (fitsWell(block, usable, bytes)) {
    poison(block, usable);
    unpoison(block, bytes);
    return block;
  }
  void* moved = resizeMapped(type, block, bytes);
  if (moved != nullptr) return moved;
  moved = tryAllocateBytes(type, bytes, report);
  if (moved == nullptr) return nullptr;
  unpoison(block, isInArena(addressOf(block)) ? usable : 0);
  std::memcpy(moved, block, bytes < usable ? bytes : usable);
  (void)tryRelease(type, block, report);
  report.operation = "resize";
  return moved;
}

size_t usableBytes(Memtype type, const void* block, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, block, "usableBytes"};
  if (findType(type) == nullptr) fault(report, Fault::kUnknownType, block);
  return report.fault == Fault::kNone ? usableOf(type, block, report) : 0;
}

void* allocateSlow(Memtype type) {
  FaultReport report;
  void* block = tryAllocate(type, report);
  if (report.fault != Fault::kNone) stopAtFault(report);
  return block;
}

void* allocateBytesSlow(Memtype type, size_t bytes) {
  FaultReport report;
  void* block = tryAllocateBytes(type, bytes, report);
  if (report.fault != Fault::kNone) stopAtFault(report);
  return block;
}

void releaseSlow(Memtype type, void* block) {
  FaultReport report;
  if (tryRelease(type, block, report) != Fault::kNone) stopAtFault(report);
}

void releaseOther(Memtype type, void* block, Tag tag) {
  if (typeOfTag(tag) != type) return releaseSlow(type, block);
  // A fixed type whose blocks are large.
  if (binOfTag(tag) == kFixedBin) return releaseRemote(type, block);
  SizedBins* sized = currentHeap->sized[type].load(std::memory_order_relaxed);
  if (sized == nullptr) return releaseSlow(type, block);
  Bin& bin = sized->bins[binOfTag(tag)];
  if (isPeak(sized->account) || !pushAny(type, bin, static_cast<char*>(block))) {
    return releaseSlow(type, block);
  }
  countSizedFree(sized->account, bin.blockBytes);
}

void releaseRemote(Memtype type, void* block) {
  if (!pushAny(type, currentHeap->fixed[type], static_cast<char*>(block))) {
    releaseSlow(type, block);
  }
}

void* allocateBytesZeroed(Memtype type, size_t bytes) {
  void* block = allocateBytes(type, bytes);
  if (block != nullptr) std::memset(block, 0, bytes);
  return block;
}

void* resize(Memtype type, void* block, size_t bytes) {
  FaultReport report;
  void* moved = tryResize(type, block, bytes, report);
  if (report.fault != Fault::kNone) stopAtFault(report);
  return moved;
}

void collectMemory() {
  if (currentHeap != &noHeap) flush(*currentHeap);
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    forEachStore(type, [](Store& store) {
      Aftermath after;
      emptyDepot(store, after);
      settle(after);
    });
  }
  purgeIdleRuns();
}

}  // namespace heddle::mem
