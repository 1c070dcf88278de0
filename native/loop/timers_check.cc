#include <cstdio>
#include <cstdlib>

#include "loop/timers.h"

namespace heddle::loop {

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "heddle: timers damaged: %s\n", what);
  std::abort();
}

}  // namespace

void Timers::checkInvariants() const {
  size_t blocks = 0;
  size_t counted = late_.size();
  for (uint16_t slot = 0; slot < kWheelSlots; slot++) {
    if (slot == current_) continue;
    require(occupied_.has(slot) == !queues_[slot].empty(), "map of occupied slots");
    counted += checkQueue(slot, blocks, [&](const TimerEntry& entry) {
      const uint64_t tick = tickOf(entry.deadlineNs);
      require(tick > cursor_, "filed timer not after the cursor");
      require(slotFor(tick) == slot, "slot of a filed timer");
    });
  }
  require(!occupied_.has(current_), "current slot in the map");
  counted += checkQueue(current_, blocks, [&](const TimerEntry& entry) {
    require(tickOf(entry.deadlineNs) <= cursor_, "current slot ahead of the cursor");
  });
  checkCurrentOrder();
  counted += checkQueue(kDeferred, blocks, [&](const TimerEntry& entry) {
    require(entry.deadlineNs < passNowNs_, "deferred timer that is not due");
  });
  require(queues_[kDeferred].empty() || inPass(), "deferred timers left behind by a pass");
  require(counted == armed_, "count of armed timers");
  require(late_.consistent(), "heap order");
  require(blocks == blocks_.used(), "blocks of no queue");
  require(armed_ == 0 || blocks_.free() >= blocksOwed(queues_[kDeferred].live), "blocks owed");
  blocks_.checkInvariants();
}

// Dead entries count: what is appended is compared with the last one whatever it is.
void Timers::checkCurrentOrder() const {
  if (current().empty()) return;
  const TimerEntry& first = blocks_.at(current().first);
  require(places_[first.id] == current().first, "dead first entry of the current slot");
  int64_t previous = INT64_MIN;
  forEachEntry(blocks_, current(), [&](const TimerEntry& entry, uint32_t) {
    require(previous <= entry.deadlineNs, "order of the current slot");
    previous = entry.deadlineNs;
    return true;
  });
}

template <class Check>
size_t Timers::checkQueue(uint16_t owner, size_t& blocks, Check&& check) const {
  const TimerQueue& queue = queues_[owner];
  if (queue.empty()) {
    require(queue.first == TimerBlocks::kNoPosition && queue.dead == 0, "empty queue");
    require(queue.last == TimerBlocks::kNoPosition, "end of an empty queue");
    return 0;
  }
  uint32_t live = 0;
  uint32_t dead = 0;
  forEachEntry(blocks_, queue, [&](const TimerEntry& entry, uint32_t position) {
    if (position == queue.first || position % TimerBlocks::kBlockEntries == 0) blocks++;
    require(blocks_.owner(position) == owner, "owner of a block");
    if (places_[entry.id] != position) {
      dead++;
      return true;
    }
    live++;
    check(entry);
    return true;
  });
  require(live == queue.live && dead == queue.dead, "counts of a queue");
  // Firing takes the living from the front of the current slot.
  if (owner != current_) require(dead <= live + TimerQueue::kDeadSlack, "too many dead entries");
  return live;
}

void TimerBlocks::checkInvariants() const {
  size_t free = 0;
  size_t slabs = 0;
  size_t withFree = 0;
  for (uint32_t i = 0; i < capacity_; i++) {
    if (slabs_[i] == nullptr) continue;
    slabs++;
    require(slabs_[i]->index == i, "index of a slab");
    for (uint32_t mask = slabs_[i]->freeMask; mask != 0; mask &= mask - 1) free++;
    withFree += slabs_[i]->freeMask != 0 ? 1 : 0;
  }
  require(free == free_ && free + used_ == slabs * kSlabBlocks, "counts of blocks");
  require(slabs + vacantCount_ == capacity_, "count of slabs");
  bool emptyOnly = false;
  const Slab* before = nullptr;
  for (const Slab* slab = first_; slab != nullptr; slab = slab->after) {
    const bool empty = slab->freeMask == kAllFree;
    require(slab->freeMask != 0 && slab->before == before, "list of slabs");
    require(empty || !emptyOnly, "order of the list of slabs");
    emptyOnly = empty;
    before = slab;
    withFree--;
  }
  require(withFree == 0 && last_ == before, "end of the list of slabs");
}

}  // namespace heddle::loop
