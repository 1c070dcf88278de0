#include "mem/memtype.h"

#include <cerrno>
#include <cstring>

#include "mem/block_table.h"
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

void countAlloc(Heap& heap, Memtype type, size_t bytes) {
  bump(heap.shares[type].account.allocs);
  bump(heap.shares[type].account.allocBytes, bytes);
}

void countFree(Heap& heap, Memtype type, size_t bytes) {
  Account& account = heap.shares[type].account;
  if (isPeak(account, account.frees.load(std::memory_order_relaxed))) sampleType(heap, type);
  bump(account.frees);
  bump(account.freeBytes, bytes);
}

void fillBytes(void* block, const TypeInfo& info, size_t bytes) {
  if (info.fill != kNoFill) std::memset(block, static_cast<int>(info.fill), bytes);
}

// What a block outside of slabs counts for; a fixed one as much as every other of its type.
size_t accountedBytes(const TypeInfo& info, const BlockInfo& block) {
  return info.kind == Kind::kFixed ? info.blockBytes : block.heldBytes;
}

void* allocateAlone(Heap& heap, Memtype type, const TypeInfo& info, size_t bytes, bool mapped) {
  BlockInfo added;
  void* block = addBlock(type, bytes, info.align, mapped, added);
  if (block == nullptr) return nullptr;
  if (mapped) changeMapped(type, static_cast<int64_t>(added.heldBytes));
  countAlloc(heap, type, accountedBytes(info, added));
  sampleType(heap, type);
  changeHeld(static_cast<int64_t>(added.heldBytes));
  fillBytes(block, info, bytes);
  return block;
}

Fault releaseAlone(Heap& heap, Memtype type, const TypeInfo& info, void* block, Memtype& actual) {
  BlockInfo removed;
  const Fault what = removeBlock(type, block, removed, actual);
  if (what != Fault::kNone) return what;
  if (removed.mapped) changeMapped(type, -static_cast<int64_t>(removed.heldBytes));
  countFree(heap, type, accountedBytes(info, removed));
  changeHeld(-static_cast<int64_t>(removed.heldBytes));
  return Fault::kNone;
}

void* allocateFrom(Heap& heap, Bin& bin, size_t bytes, bool vsize) {
  char* block = takeBlock(bin);
  if (block == nullptr) block = refill(heap, bin);
  if (block == nullptr) return nullptr;
  bump(heap.shares[bin.type].account.allocs);
  if (vsize) bump(heap.shares[bin.type].account.allocBytes, bin.blockBytes);
  unpoison(block, bytes);
  if (bin.fill >= 0) std::memset(block, bin.fill, bytes);
  return block;
}

// A size class whose blocks lie at multiples of the alignment: beyond the default one these are the
// powers of two.
size_t classBytes(const TypeInfo& info, size_t bytes) {
  if (info.align <= kDefaultAlign) return bytes;
  return std::bit_ceil(bytes > info.align ? bytes : info.align);
}

// Where an address leads: a slab and a block's index there, or none.
struct Place {
  Slab* slab = nullptr;
  uint32_t index = 0;
  Fault fault = Fault::kForeign;
};

Place placeOf(uintptr_t address) {
  Arena& arena = smallArena.contains(address) ? smallArena : mediumArena;
  if (!arena.contains(address)) return {};
  auto* slab = static_cast<Slab*>(arena.slotOf(address));
  const uint64_t tag = slab->tag.load(std::memory_order_relaxed);
  if (!isTag(tag) && !isRetired(tag)) return {};
  const size_t offset = address - reinterpret_cast<uintptr_t>(slab);
  if (offset < slab->firstOffset) return {};
  const size_t within = offset - slab->firstOffset;
  const auto index = static_cast<uint32_t>(within / slab->blockBytes);
  if (index >= slab->capacity) return {};
  if (within % slab->blockBytes != 0) return {slab, index, Fault::kInterior};
  return {slab, index, isTag(tag) ? Fault::kNone : Fault::kDoubleFree};
}

bool inSlabs(const void* block) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  return smallArena.contains(address) || mediumArena.contains(address);
}

bool isFree(Slab& slab, uint32_t index) {
  const Word& word = slab.words()[index / 64];
  const uint64_t bits = word.free.load(std::memory_order_relaxed) |
                        word.take.load(std::memory_order_relaxed) |
                        slab.remotes()[index / 64].bits.load(std::memory_order_relaxed);
  return (bits >> (index % 64) & 1) != 0;
}

// kNone when `block` may be freed as `type`; otherwise what is wrong, with the type it has.
Place checkPlace(Memtype type, const void* block, Memtype& actual) {
  Place place = placeOf(reinterpret_cast<uintptr_t>(block));
  if (place.slab == nullptr) return place;
  actual = place.slab->type;
  if (place.fault != Fault::kNone) return place;
  if (isFree(*place.slab, place.index)) {
    place.fault = Fault::kDoubleFree;
  } else if (actual != type) {
    place.fault = Fault::kWrongType;
  }
  return place;
}

// The owner's own free, all checks done.
void freeOwn(Slab& slab, uint32_t index) {
  Word& word = slab.words()[index / 64];
  const uint64_t bit = uint64_t{1} << (index % 64);
  word.free.store(word.free.load(std::memory_order_relaxed) | bit, std::memory_order_relaxed);
  slab.nonEmpty |= uint64_t{1} << (index / 64);
  slab.used--;
  slabChanged(&slab);
}

Fault releaseInSlab(Heap& heap, Memtype type, void* block, Memtype& actual) {
  const Place place = checkPlace(type, block, actual);
  if (place.fault != Fault::kNone) return place.fault;
  Slab& slab = *place.slab;
  const size_t bytes = slab.blockBytes;  // the slab may go with the block
  const bool own = slab.owner.load(std::memory_order_relaxed) == &heap;
  poison(block, bytes);
  if (own) {
    countFree(heap, type, bytes);
    freeOwn(slab, place.index);
    return Fault::kNone;
  }
  if (!freeRemote(&slab, place.index)) return Fault::kDoubleFree;
  countFree(heap, type, bytes);
  bump(heap.shares[type].account.remoteFrees);
  return Fault::kNone;
}

size_t usableOf(Memtype type, const void* block, FaultReport& report) {
  Memtype actual = kNoMemtype;
  Fault what = Fault::kNone;
  size_t bytes = 0;
  if (inSlabs(block)) {
    const Place place = checkPlace(type, block, actual);
    what = place.fault;
    if (what == Fault::kNone) bytes = place.slab->blockBytes;
  } else {
    BlockInfo found;
    what = findBlock(type, block, found, actual);
    bytes = found.mapped ? found.heldBytes : found.bytes;
  }
  if (what == Fault::kNone) return bytes;
  fault(report, what, block, actual);
  return 0;
}

// A mapped block that shrinks, or grows within its last page.
bool resizeMapped(Memtype type, void* block, size_t bytes) {
  BlockInfo before;
  BlockInfo after;
  if (inSlabs(block) || !resizeInPlace(block, bytes, before, after)) return false;
  const size_t surplus = before.heldBytes - after.heldBytes;
  if (surplus == 0) return true;
  HeapLease lease;
  if (lease.get() != nullptr) bump(lease.get()->shares[type].account.freeBytes, surplus);
  changeMapped(type, -static_cast<int64_t>(surplus));
  changeHeld(-static_cast<int64_t>(surplus));
  return true;
}

// Whether a block in a slab is kept for the new size: it fits and at least half of it is used.
bool fitsWell(const void* block, size_t usable, size_t bytes) {
  return inSlabs(block) && bytes <= usable && (bytes >= usable / 2 || usable <= 64);
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

void fillBlock(void* block, const Bin& bin) { std::memset(block, bin.fill, bin.blockBytes); }

void* tryAllocate(Memtype type, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, nullptr, "allocate"};
  const TypeInfo* info = typeOf(type, Kind::kFixed, report);
  if (info == nullptr) return nullptr;
  start();
  HeapLease lease;
  Heap* heap = lease.get();
  if (heap == nullptr) return nullptr;
  if (usesSystem()) return allocateAlone(*heap, type, *info, info->bytes, false);
  if (info->blockBytes > kMaxMediumBytes) {
    return allocateAlone(*heap, type, *info, info->bytes, true);
  }
  initFixedBin(*heap, type);
  return allocateFrom(*heap, heap->shares[type].bin, info->blockBytes, false);
}

void* tryAllocateBytes(Memtype type, size_t bytes, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, nullptr, "allocateBytes"};
  const TypeInfo* info = typeOf(type, Kind::kVsize, report);
  if (info == nullptr || bytes > PTRDIFF_MAX) return nullptr;
  if (!info->early) start();
  HeapLease lease;
  Heap* heap = lease.get();
  if (heap == nullptr) return nullptr;
  if (usesSystem() || info->early) return allocateAlone(*heap, type, *info, bytes, false);
  const size_t wanted = classBytes(*info, bytes);
  if (wanted > kMaxMediumBytes || bytes >= mapThreshold()) {
    return allocateAlone(*heap, type, *info, bytes, true);
  }
  Bin* bins = vsizeBins(*heap, type);
  if (bins == nullptr) return nullptr;
  return allocateFrom(*heap, bins[classOfSlow(wanted)], bytes, true);
}

Fault tryRelease(Memtype type, void* block, FaultReport& report) {
  report = {Fault::kNone, type, kNoMemtype, block, "release"};
  const TypeInfo* info = findType(type);
  if (info == nullptr) {
    fault(report, Fault::kUnknownType, block);
    return report.fault;
  }
  if (block == nullptr) return Fault::kNone;
  HeapLease lease;
  // A thread that has no heap and gets none can still not free: the block stays allocated.
  if (lease.get() == nullptr) return Fault::kNone;
  Memtype actual = kNoMemtype;
  const Fault what = inSlabs(block) ? releaseInSlab(*lease.get(), type, block, actual)
                                    : releaseAlone(*lease.get(), type, *info, block, actual);
  if (what != Fault::kNone) fault(report, what, block, actual);
  return what;
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
  if (bytes > kMaxMediumBytes && resizeMapped(type, block, bytes)) return block;
  void* moved = tryAllocateBytes(type, bytes, report);
  if (moved == nullptr) return nullptr;
  unpoison(block, inSlabs(block) ? usable : 0);
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
  Heap* heap = currentHeap;
  if (heap != nullptr && type <= kMaxTypes && heap->shares[type].bin.blockBytes != 0) {
    Bin& bin = heap->shares[type].bin;
    return allocateFrom(*heap, bin, bin.blockBytes, false);
  }
  FaultReport report;
  void* block = tryAllocate(type, report);
  if (report.fault != Fault::kNone) stopAtFault(report);
  return block;
}

void* allocateBytesSlow(Memtype type, size_t bytes) {
  Heap* heap = currentHeap;
  if (heap != nullptr && type <= kMaxTypes && bytes <= kMaxSmallBytes &&
      heap->vsize[type] != nullptr) {
    return allocateFrom(*heap, heap->vsize[type][smallClassOf(bytes)], bytes, true);
  }
  FaultReport report;
  void* block = tryAllocateBytes(type, bytes, report);
  if (report.fault != Fault::kNone) stopAtFault(report);
  return block;
}

void releaseSlow(Memtype type, void* block) {
  FaultReport report;
  if (tryRelease(type, block, report) != Fault::kNone) stopAtFault(report);
}

void releaseRemote(Memtype type, Slab* slab, uint32_t index) {
  Heap* heap = currentHeap;
  void* block = slab->blockAt(index);
  const size_t bytes = slab->blockBytes;  // the slab may go with the block
  const bool vsize = slab->vsize;
  const Word& word = slab->words()[index / 64];
  const uint64_t idle =
      word.free.load(std::memory_order_relaxed) | word.take.load(std::memory_order_relaxed);
  if (heap == nullptr || (idle >> (index % 64) & 1) != 0) return releaseSlow(type, block);
  Account& account = heap->shares[type].account;
  const uint64_t frees = account.frees.load(std::memory_order_relaxed);
  if (isPeak(account, frees)) return releaseSlow(type, block);
  poison(block, bytes);
  if (!freeRemote(slab, index)) return releaseSlow(type, block);
  account.frees.store(frees + 1, std::memory_order_relaxed);
  if (vsize) bump(account.freeBytes, bytes);
  bump(account.remoteFrees);
}

void* allocateZeroed(Memtype type) {
  void* block = allocate(type);
  if (block != nullptr) std::memset(block, 0, findType(type)->bytes);
  return block;
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

char* duplicateString(Memtype type, const char* text) {
  return duplicateBytes(type, text, std::strlen(text));
}

char* duplicateBytes(Memtype type, const void* data, size_t bytes) {
  if (bytes >= PTRDIFF_MAX) return nullptr;
  auto* copy = static_cast<char*>(allocateBytes(type, bytes + 1));
  if (copy == nullptr) return nullptr;
  if (bytes > 0) std::memcpy(copy, data, bytes);
  copy[bytes] = '\0';
  return copy;
}

void collectMemory() {
  HeapLease lease;
  if (lease.get() != nullptr) collect(*lease.get());
}

bool checkInvariants() {
  const Heap* heap = currentHeap;
  bool valid = true;
  const auto visit = [&](void* slot) {
    auto* slab = static_cast<Slab*>(slot);
    if (!isTag(slab->tag.load(std::memory_order_relaxed))) return;
    if (slab->owner.load(std::memory_order_relaxed) != heap) return;
    valid = valid && isValidSlab(slab, false);
  };
  smallArena.forEachSlot(visit);
  mediumArena.forEachSlot(visit);
  return valid && isValidBlockTable();
}

bool checkAllInvariants() {
  static uint64_t live[kMaxTypes + 1];
  for (Memtype type = 1; type <= memtypeCount(); type++) live[type] = countBlocks(type);
  bool valid = isValidBlockTable();
  const auto visit = [&](void* slot) {
    auto* slab = static_cast<Slab*>(slot);
    if (!isTag(slab->tag.load(std::memory_order_relaxed))) return;
    valid = valid && isValidSlab(slab, true);
    live[slab->type] += liveBlocks(slab);
  };
  smallArena.forEachSlot(visit);
  mediumArena.forEachSlot(visit);
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    valid = valid && live[type] == usageOf(type).live;
  }
  return valid;
}

}  // namespace heddle::mem
