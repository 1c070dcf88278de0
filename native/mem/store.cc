#include "mem/store.h"

#include <bit>
#include <cstring>
#include <new>

#include "mem/failpoint.h"
#include "mem/poison.h"
#include "mem/pressure.h"
#include "mem/registry.h"
#include "sys/memory.h"

namespace heddle::mem {

namespace {

// The depot has room for these, and at least for what two threads keep.
constexpr size_t kDepotBytes = size_t{1} << 20;
constexpr uint32_t kMaxInDepot = 16384;

constinit Store fixedStores[kMaxTypes + 1];

struct SizedStores {
  std::mutex lock;  // guards making them
  std::atomic<Store*> of[kMaxTypes + 1];
};
constinit SizedStores sized{};

uint32_t depotRoom(size_t blockBytes) {
  const size_t blocks = kDepotBytes / blockBytes;
  const uint32_t least = keptBlocks(blockBytes) * 2;
  return blocks > kMaxInDepot ? kMaxInDepot
         : blocks > least     ? static_cast<uint32_t>(blocks)
                              : least;
}

void shape(Store& store, Memtype type, uint32_t number, size_t blockBytes) {
  store.type = type;
  store.number = number;
  store.medium = blockBytes > kMaxSmallBytes;
  store.capacity = static_cast<uint32_t>(runBytes(store.medium) / blockBytes);
  store.depotLimit = depotRoom(blockBytes);
  store.blockBytes = static_cast<uint32_t>(blockBytes);
}

Store* fixedStore(Memtype type) {
  Store& store = fixedStores[type];
  std::lock_guard<std::mutex> held(store.lock);
  if (store.blockBytes == 0) shape(store, type, kFixedBin, findType(type)->blockBytes);
  return &store;
}

Store* sizedStores(Memtype type) {
  std::lock_guard<std::mutex> held(sized.lock);
  Store* stores = sized.of[type].load(std::memory_order_relaxed);
  if (stores != nullptr) return stores;
  if (mustFail()) return nullptr;
  void* space = sys::mapMemory(sys::wholePages(kSizeClasses * sizeof(Store)));
  if (space == nullptr) return nullptr;
  stores = static_cast<Store*>(space);
  for (uint32_t i = 0; i < kSizeClasses; i++) {
    shape(*new (&stores[i]) Store, type, i + 1, bytesOfClass(i));
  }
  // Release: the stores are complete before the acquire in findStore shows them.
  sized.of[type].store(stores, std::memory_order_release);
  return stores;
}

// --- with the store's lock held

void enlist(Store& store, Slab* slab) {
  slab->listed = true;
  slab->next = nullptr;
  slab->previous = store.last;
  (store.last != nullptr ? store.last->next : store.first) = slab;
  store.last = slab;
}

void delist(Store& store, Slab* slab) {
  slab->listed = false;
  (slab->previous != nullptr ? slab->previous->next : store.first) = slab->next;
  (slab->next != nullptr ? slab->next->previous : store.last) = slab->previous;
}

// Relaxed: written under the lock, read as a number only.
void addTaken(Store& store, uint64_t blocks) { bump(store.taken, blocks); }

void restAll(Slab& slab, uint32_t blocks) {
  const uint32_t words = (blocks + 63) / 64;
  for (uint32_t word = 0; word < words; word++) slab.resting[word] = ~uint64_t{0};
  if (blocks % 64 != 0) slab.resting[words - 1] = (uint64_t{1} << blocks % 64) - 1;
  slab.nonEmpty = ~uint64_t{0} >> (64 - words);
}

void setTag(const Store& store, uint32_t slot, Tag tag, std::memory_order order) {
  for (uint32_t i = 0; i < slotsOfRun(store.medium); i++) tagAt(slot + i).store(tag, order);
}

size_t heldBytes(const Store& store) { return sys::wholePages(slabBytes(store)); }

Slab* makeSlab(Store& store, Aftermath& after) {
  const uint32_t slot = acquireRun(store.medium);
  if (slot == kNoSlot) return nullptr;
  Slab* slab = slabAt(slot);
  slab->store = &store;
  slab->taken = 0;
  restAll(*slab, store.capacity);
  poison(startOf(slab), slabBytes(store));
  // Release: the walkers find the slab by its slots.
  setTag(store, slot, tagOf(store), std::memory_order_release);
  store.slabs.store(store.slabs.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  after.heldDelta += static_cast<int64_t>(heldBytes(store));
  enlist(store, slab);
  return slab;
}

void retireSlab(Store& store, Slab* slab, Aftermath& after) {
  delist(store, slab);
  setTag(store, slotOf(slab), retired(tagOf(store)), std::memory_order_relaxed);
  store.slabs.store(store.slabs.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  after.heldDelta -= static_cast<int64_t>(heldBytes(store));
  slab->next = after.emptied;
  after.emptied = slab;
}

// Takes up to `wanted` blocks of the slab, each before the last one in `end`, so that whoever takes
// from the end gets them by rising addresses.
uint32_t takeFrom(Store& store, Slab* slab, char** end, uint32_t wanted) {
  char* start = startOf(slab);
  uint32_t got = 0;
  while (got < wanted && slab->nonEmpty != 0) {
    const auto word = static_cast<uint32_t>(std::countr_zero(slab->nonEmpty));
    uint64_t bits = slab->resting[word];
    char* first = start + size_t{word} * 64 * store.blockBytes;
    for (; bits != 0 && got < wanted; bits &= bits - 1) {
      *--end = first + static_cast<size_t>(std::countr_zero(bits)) * store.blockBytes;
      got++;
    }
    slab->resting[word] = bits;
    if (bits == 0) slab->nonEmpty &= slab->nonEmpty - 1;
  }
  slab->taken += got;
  if (slab->nonEmpty == 0) delist(store, slab);
  return got;
}

uint32_t takeFromSlabs(Store& store, char** into, uint32_t wanted, Aftermath& after) {
  uint32_t got = 0;
  while (got < wanted) {
    Slab* slab = store.first;
    // A new slab only for those who would get nothing.
    if (slab == nullptr && got == 0) slab = makeSlab(store, after);
    if (slab == nullptr) break;
    got += takeFrom(store, slab, into + wanted - got, wanted - got);
  }
  if (got > 0 && got < wanted) std::memmove(into, into + wanted - got, got * sizeof *into);
  addTaken(store, got);
  return got;
}

uint32_t takeFromDepot(Store& store, char** into, uint32_t wanted) {
  const uint32_t got = store.inDepot < wanted ? store.inDepot : wanted;
  store.inDepot -= got;
  if (got > 0) std::memcpy(into, store.depot + store.inDepot, got * sizeof *into);
  return got;
}

void restBlock(Store& store, char* block, Aftermath& after) {
  Slab* slab = slabOf(slotAt(reinterpret_cast<uintptr_t>(block)), tagOf(store));
  const uint32_t number = numberIn(store, slab, block);
  const uint64_t bit = uint64_t{1} << number % 64;
  uint64_t& resting = slab->resting[number / 64];
  // Two threads freed the block in the same instant, which their checks cannot see.
  if ((resting & bit) != 0) {
    stopAtFault({Fault::kDoubleFree, store.type, store.type, block, "release"});
  }
  resting |= bit;
  slab->nonEmpty |= uint64_t{1} << number / 64;
  slab->taken--;
  if (!slab->listed) enlist(store, slab);
  if (slab->taken == 0) retireSlab(store, slab, after);
}

void restEach(Store& store, char* const* blocks, uint32_t count, Aftermath& after) {
  for (uint32_t i = 0; i < count; i++) restBlock(store, blocks[i], after);
  addTaken(store, 0 - uint64_t{count});
}

void restDepot(Store& store, Aftermath& after) {
  restEach(store, store.depot, store.inDepot, after);
  store.inDepot = 0;
}

// So few blocks are taken that those in the depot may be all that keeps slabs.
bool isThinlyUsed(const Store& store) {
  const uint64_t slabs = store.slabs.load(std::memory_order_relaxed);
  return slabs > 8 && store.taken.load(std::memory_order_relaxed) < slabs * store.capacity / 8;
}

// What fits into the depot; 0 also when there is no memory for one.
uint32_t giveToDepot(Store& store, char* const* blocks, uint32_t count) {
  if (store.depot == nullptr && !mustFail()) {
    store.depot = static_cast<char**>(
        sys::mapMemory(sys::wholePages(store.depotLimit * sizeof *store.depot)));
  }
  if (store.depot == nullptr) return 0;
  const uint32_t room = store.depotLimit - store.inDepot;
  const uint32_t given = count < room ? count : room;
  std::memcpy(store.depot + store.inDepot, blocks, given * sizeof *blocks);
  store.inDepot += given;
  return given;
}

}  // namespace

void settle(const Aftermath& after) {
  for (Slab* slab = after.emptied; slab != nullptr;) {
    // Once released, the record may be another's.
    Slab* next = slab->next;
    releaseRun(slotOf(slab), slab->store->medium);
    slab = next;
  }
  if (after.heldDelta != 0) changeHeld(after.heldDelta);
}

Store* storeOf(Memtype type, uint32_t number) {
  if (number == kFixedBin) return fixedStore(type);
  Store* stores = sized.of[type].load(std::memory_order_acquire);
  if (stores == nullptr) stores = sizedStores(type);
  return stores != nullptr ? &stores[number - 1] : nullptr;
}

Store* findStore(Memtype type, uint32_t number) {
  if (number == kFixedBin) return isFixed(type) ? &fixedStores[type] : nullptr;
  Store* stores = sized.of[type].load(std::memory_order_acquire);
  return stores != nullptr ? &stores[number - 1] : nullptr;
}

uint32_t takeBlocks(Store& store, char** into, uint32_t wanted, Aftermath& after) {
  std::lock_guard<std::mutex> held(store.lock);
  const uint32_t got = takeFromDepot(store, into, wanted);
  return got > 0 ? got : takeFromSlabs(store, into, wanted, after);
}

void giveBlocks(Store& store, char* const* blocks, uint32_t count, Aftermath& after) {
  std::lock_guard<std::mutex> held(store.lock);
  if (isThinlyUsed(store)) restDepot(store, after);
  const uint32_t given = isThinlyUsed(store) ? 0 : giveToDepot(store, blocks, count);
  restEach(store, blocks + given, count - given, after);
}

void restBlocks(Store& store, char* const* blocks, uint32_t count, Aftermath& after) {
  std::lock_guard<std::mutex> held(store.lock);
  restEach(store, blocks, count, after);
}

void emptyDepot(Store& store, Aftermath& after) {
  std::lock_guard<std::mutex> held(store.lock);
  restDepot(store, after);
}

}  // namespace heddle::mem
