// The walkers over all structures.
#include <bit>

#include "mem/block_table.h"
#include "mem/memtype.h"

namespace heddle::mem {

namespace {

// Of one type, with all threads at rest.
struct Census {
  uint64_t live = 0;
  uint64_t kept = 0;  // in bins and depots
};

bool restsIn(const Slab& slab, uint32_t index) {
  return (slab.resting[index / 64] >> index % 64 & 1) != 0;
}

bool isFree(const char* block) {
  return stateAt(reinterpret_cast<uintptr_t>(block)).load(std::memory_order_relaxed) == kFree;
}

// With the store's lock held. `live` gets the blocks that someone uses.
bool isValidSlab(const Store& store, const Slab& slab, uint64_t& live) {
  uint32_t resting = 0;
  for (uint32_t index = 0; index < store.capacity; index++) {
    const bool used = !isFree(startOf(&slab) + size_t{index} * store.blockBytes);
    if (used && restsIn(slab, index)) return false;
    live += used;
    resting += restsIn(slab, index);
  }
  uint32_t bits = 0;
  for (uint32_t word = 0; word < kSlabWords; word++) {
    const bool known = word * 64 < store.capacity;
    const uint64_t held = known ? slab.resting[word] : 0;
    bits += static_cast<uint32_t>(std::popcount(held));
    if ((held != 0) != ((slab.nonEmpty >> word & 1) != 0)) return false;
  }
  return bits == resting && slab.taken == store.capacity - resting && slab.taken > 0 &&
         slab.listed == (resting > 0);
}

// A block in a bin or in a depot: free, of the store, and not resting in its slab.
bool isKept(const Store& store, const char* block) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  if (!isInArena(address)) return false;
  const uint32_t slot = slotAt(address);
  if (tagAt(slot).load(std::memory_order_relaxed) != tagOf(store)) return false;
  const Slab* slab = slabOf(slot, tagOf(store));
  const uint32_t number = numberIn(store, slab, block);
  return block == startOf(slab) + size_t{number} * store.blockBytes && number < store.capacity &&
         isFree(block) && !restsIn(*slab, number);
}

bool isValidBin(Bin& bin) {
  const uint32_t depth = depthOf(bin);
  if (depth > bin.capacity || bin.capacity > keptBlocks(bin.blockBytes)) return false;
  if (bin.span - bin.floor != bin.capacity) return false;
  Store* store = findStore(bin.type, bin.number);
  if (store == nullptr) return false;
  // The records of its slabs change with those of other blocks.
  std::lock_guard<std::mutex> held(store->lock);
  char** bottom = entryAt(bin, bin.floor);
  for (uint32_t i = 0; i < depth; i++) {
    if (!isKept(*store, bottom[i])) return false;
  }
  return true;
}

// Slabs are found by their tags; the lock makes sure that the store still has them.
bool isValidStore(Store& store, Census& census) {
  std::lock_guard<std::mutex> held(store.lock);
  for (uint32_t i = 0; i < store.inDepot; i++) {
    if (!isKept(store, store.depot[i])) return false;
  }
  census.kept += store.inDepot;
  const uint32_t slots = slotsMade();
  uint32_t slabs = 0;
  uint64_t taken = 0;
  for (uint32_t slot = 0; slot < slots; slot += slotsOfRun(store.medium)) {
    if (tagAt(slot).load(std::memory_order_relaxed) != tagOf(store)) continue;
    const Slab& slab = *slabAt(slot);
    if (slab.store != &store || !isValidSlab(store, slab, census.live)) return false;
    slabs++;
    taken += slab.taken;
  }
  return slabs == store.slabs.load(std::memory_order_relaxed) &&
         taken == store.taken.load(std::memory_order_relaxed);
}

bool areValidStores(Memtype type, Census& census) {
  bool valid = true;
  forEachStore(type, [&](Store& store) {
    if (store.slabs.load(std::memory_order_relaxed) == 0) return;
    valid = valid && isValidStore(store, census);
  });
  return valid;
}

bool areValidBins(Heap& heap, Memtype type, Census& census) {
  bool valid = true;
  forEachBin(heap, type, [&](Bin& bin) {
    valid = valid && isValidBin(bin);
    census.kept += depthOf(bin);
  });
  return valid;
}

}  // namespace

bool checkInvariants() {
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    Census census;
    if (!areValidStores(type, census)) return false;
    if (currentHeap != &noHeap && !areValidBins(*currentHeap, type, census)) return false;
  }
  return isValidBlockTable();
}

bool checkAllInvariants() {
  for (Memtype type = 1; type <= memtypeCount(); type++) {
    Census census;
    if (!areValidStores(type, census)) return false;
    for (Heap* heap = firstHeap(); heap != nullptr; heap = heap->nextHeap) {
      if (!areValidBins(*heap, type, census)) return false;
    }
    const Usage usage = usageOf(type);
    if (usage.live != census.live + countBlocks(type) || usage.cached != census.kept) return false;
  }
  return isValidBlockTable();
}

}  // namespace heddle::mem
