#include "mem/arena.h"

#include <mutex>

#include "mem/failpoint.h"
#include "mem/slab.h"
#include "sys/memory.h"

namespace heddle::mem {

constinit Arena arena;

namespace {

// As much address space as is given, between these.
constexpr size_t kMaxReserveBytes = size_t{128} << 30;
constexpr size_t kMinReserveBytes = size_t{256} << 20;
// Made usable at a time; a multiple of a run.
constexpr uint32_t kCommitSlots = 64;

// A stack of runs that are not in use, linked through their slabs.
struct Runs {
  Slab* first = nullptr;
  uint32_t count = 0;
};

struct Supply {
  std::mutex lock;         // guards everything, and writing the arena's tables
  uint32_t slots = 0;      // in the reservation
  uint32_t committed = 0;  // usable
  uint32_t fresh = 0;      // handed out at least once
  // By size: with pages, and without.
  Runs resident[2];
  Runs purged[2];
};

constinit Supply supply;

constexpr uint32_t kKeepRuns[2] = {128, 16};

void push(Runs& runs, uint32_t slot) {
  Slab* slab = slabAt(slot);
  slab->next = runs.first;
  runs.first = slab;
  runs.count++;
}

uint32_t pop(Runs& runs) {
  Slab* slab = runs.first;
  if (slab == nullptr) return kNoSlot;
  runs.first = slab->next;
  runs.count--;
  return slotOf(slab);
}

// Makes usable the entries between two of a table; pages that are so already stay.
template <class T>
bool commitTable(T* table, size_t from, size_t to) {
  const size_t page = sys::pageBytes();
  const size_t start = from * sizeof(T) / page * page;
  auto* entries = reinterpret_cast<char*>(table);
  return sys::commitMemory(entries + start, sys::wholePages(to * sizeof(T)) - start) == 0;
}

State* statesOf(uint32_t slot) { return &stateAt(addressOfSlot(slot)); }

struct Tables {
  void* states = nullptr;
  void* slabs = nullptr;
  void* tags = nullptr;
};

void* reserveTable(size_t bytes) {
  return sys::reserveMemory(sys::wholePages(bytes), sys::pageBytes());
}

void dropTable(void* table, size_t bytes) {
  if (table != nullptr) sys::unmapMemory(table, sys::wholePages(bytes));
}

bool reserveTables(uint32_t slots, Tables& tables) {
  tables.states = reserveTable(slots * size_t{kSlotGranules});
  tables.slabs = reserveTable(slots * sizeof(Slab));
  tables.tags = reserveTable(slots * sizeof(Tag));
  if (tables.states != nullptr && tables.slabs != nullptr && tables.tags != nullptr) return true;
  dropTable(tables.states, slots * size_t{kSlotGranules});
  dropTable(tables.slabs, slots * sizeof(Slab));
  dropTable(tables.tags, slots * sizeof(Tag));
  return false;
}

bool reserveAll(size_t bytes) {
  void* space = sys::reserveMemory(bytes, runBytes(true));
  if (space == nullptr) return false;
  const auto slots = static_cast<uint32_t>(bytes >> kSlotShift);
  Tables tables;
  if (!reserveTables(slots, tables)) {
    sys::unmapMemory(space, bytes);
    return false;
  }
  supply.slots = slots;
  // Relaxed: `granules` publishes them.
  const auto base = reinterpret_cast<uintptr_t>(space);
  arena.base.store(base, std::memory_order_relaxed);
  arena.stateBias.store(reinterpret_cast<uintptr_t>(tables.states) - (base >> kGranuleShift),
                        std::memory_order_relaxed);
  arena.slabs.store(static_cast<Slab*>(tables.slabs), std::memory_order_relaxed);
  arena.tags.store(static_cast<std::atomic<Tag>*>(tables.tags), std::memory_order_relaxed);
  return true;
}

bool reserve() {
  if (mustFail()) return false;
  for (size_t bytes = kMaxReserveBytes; bytes >= kMinReserveBytes; bytes /= 2) {
    if (reserveAll(bytes)) return true;
  }
  return false;
}

// Makes the next slots usable.
bool grow() {
  if (supply.slots == 0 && !reserve()) return false;
  const uint32_t from = supply.committed;
  const uint32_t to = from + kCommitSlots;
  if (to > supply.slots || mustFail()) return false;
  // A part that succeeds before another fails is made usable again by the next attempt.
  if (!commitTable(arena.tags.load(std::memory_order_relaxed), from, to) ||
      !commitTable(arena.slabs.load(std::memory_order_relaxed), from, to) ||
      !commitTable(statesOf(0), from * size_t{kSlotGranules}, to * size_t{kSlotGranules})) {
    return false;
  }
  void* space = reinterpret_cast<void*>(addressOfSlot(from));
  if (sys::commitMemory(space, kCommitSlots * kSlotBytes) != 0) return false;
  supply.committed = to;
  return true;
}

uint32_t takeFresh(bool medium) {
  const uint32_t slots = slotsOfRun(medium);
  // A run is aligned to its size, and so is what is made usable at a time.
  const uint32_t first = (supply.fresh + slots - 1) / slots * slots;
  if (first + slots > supply.committed && !grow()) return kNoSlot;
  while (supply.fresh < first) push(supply.purged[0], supply.fresh++);
  supply.fresh += slots;
  // Release: the tables are there for whoever sees a granule of them.
  arena.granules.store((size_t{supply.fresh} << kSlotShift) / kGranuleBytes,
                       std::memory_order_release);
  return first;
}

// The states are kFree, that is zeros, so their pages can go as well.
void purge(uint32_t slot, bool medium) {
  sys::purgeMemory(reinterpret_cast<void*>(addressOfSlot(slot)), runBytes(medium));
  const size_t states = slotsOfRun(medium) * size_t{kSlotGranules};
  if (states % sys::pageBytes() == 0) sys::purgeMemory(statesOf(slot), states);
}

}  // namespace

uint32_t acquireRun(bool medium) {
  std::lock_guard<std::mutex> held(supply.lock);
  uint32_t slot = pop(supply.resident[medium]);
  if (slot == kNoSlot) slot = pop(supply.purged[medium]);
  return slot != kNoSlot ? slot : takeFresh(medium);
}

void releaseRun(uint32_t slot, bool medium) {
  {
    std::lock_guard<std::mutex> held(supply.lock);
    if (supply.resident[medium].count < kKeepRuns[medium]) {
      push(supply.resident[medium], slot);
      return;
    }
  }
  // In no stack yet, so nobody takes it while its pages go.
  purge(slot, medium);
  std::lock_guard<std::mutex> held(supply.lock);
  push(supply.purged[medium], slot);
}

void purgeIdleRuns() {
  std::lock_guard<std::mutex> held(supply.lock);
  for (const bool medium : {false, true}) {
    for (;;) {
      const uint32_t slot = pop(supply.resident[medium]);
      if (slot == kNoSlot) break;
      purge(slot, medium);
      push(supply.purged[medium], slot);
    }
  }
}

uint32_t slotsMade() {
  const size_t granules = arena.granules.load(std::memory_order_acquire);
  return static_cast<uint32_t>(granules * kGranuleBytes >> kSlotShift);
}

}  // namespace heddle::mem
