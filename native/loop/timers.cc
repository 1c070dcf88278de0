#include "loop/timers.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace heddle::loop {

namespace {

// Adding this maps int64_t to uint64_t and keeps the order.
constexpr uint64_t kSignBit = uint64_t{1} << 63;
// Queues up to this length are looked through for an exact bound.
constexpr uint32_t kBoundScan = 4;
// What the map of slots says when it is empty.
constexpr uint16_t kNoSlot = 0xffff;

}  // namespace

Timers::Timers(int64_t nowNs)
    : cursor_(tickOf(nowNs)),
      current_(levelZeroSlot(cursor_)),
      places_(memory_),
      blocks_(memory_),
      late_(memory_, places_),
      sorter_(memory_, store()) {}

uint64_t Timers::tickOf(int64_t timeNs) {
  return (static_cast<uint64_t>(timeNs) ^ kSignBit) >> kTickBits;
}

int64_t Timers::startOfTick(uint64_t tick) {
  return static_cast<int64_t>((tick << kTickBits) ^ kSignBit);
}

inline void Timers::fileAhead(uint64_t tick, TimerEntry entry) {
  const uint16_t slot = slotFor(tick);
  append(slot, entry);
  occupied_.add(slot);
}

int Timers::arm(uint32_t id, uint32_t tag, int64_t deadlineNs) {
  if (id >= kMaxTimers) return -ENOMEM;
  const bool defer = deadlineNs < passNowNs_;
  const uint64_t tick = tickOf(deadlineNs);
  if (const int error = places_.ensure(id); error != 0) return error;
  if (defer || tick <= cursor_ || !hasFreeBlock()) {
    if (const int error = reserve(tick, defer); error != 0) return error;
  }
  if (const uint32_t place = places_[id]; place != kIdlePlace) detach(id, place);
  armed_++;
  const TimerEntry entry{deadlineNs, id, tag};
  if (defer) {
    append(kDeferred, entry);
  } else if (tick <= cursor_) {
    fileLate(entry);
  } else {
    fileAhead(tick, entry);
  }
  return 0;
}

// Makes all the room that arming may take, now or when the pass ends, before anything changes.
int Timers::reserve(uint64_t tick, bool defer) {
  const size_t deferred = queues_[kDeferred].live + (defer ? 1 : 0);
  if (const int error = blocks_.reserve(1 + blocksOwed(deferred)); error != 0) return error;
  if (!defer && tick > cursor_) return 0;
  return late_.reserve(late_.size() + queues_[kDeferred].live + 1);
}

// How many blocks must be free at any time: those for sorting, and those for filing the deferred
// timers: one for each queue they may go to, less what their own queue gives back, rounded up.
size_t Timers::blocksOwed(size_t deferred) const {
  if (deferred == 0) return TimerSorter::kSpareBlocks;
  const uint64_t target = tickOf(passNowNs_);
  const uint64_t ticks = target > cursor_ ? target - cursor_ : 0;
  const uint64_t queues = std::min<uint64_t>({deferred, ticks + 1, kWheelSlots + 1});
  return TimerSorter::kSpareBlocks + static_cast<size_t>(queues) + 1;
}

bool Timers::cancel(uint32_t id) {
  if (!isArmed(id)) return false;
  detach(id, places_[id]);
  return true;
}

int64_t Timers::nextDeadlineNs() const {
  const int64_t bound = queueBound(queues_[kDeferred], INT64_MIN);
  if (reached()) {
    const TimerEntry& first = lateIsFirst() ? late_.top() : blocks_.at(current().first);
    return std::min(first.deadlineNs, bound);
  }
  const auto slot = static_cast<uint16_t>(occupied_.first());
  if (slot == kNoSlot) return bound;
  return std::min(queueBound(queues_[slot], startOfTick(slotStart(slot))), bound);
}

void Timers::releaseMemory() {
  if (armed_ != 0 || inPass()) return;
  places_.clear();
  blocks_.clear();
  late_.clear();
  sorter_.clear();
}

// The nearest deadline of a queue when it is short, else the floor; INT64_MAX when it is empty.
int64_t Timers::queueBound(const TimerQueue& queue, int64_t floorNs) const {
  int64_t nearest = INT64_MAX;
  if (queue.empty()) return nearest;
  if (queue.live > kBoundScan) return floorNs;
  forEachEntry(blocks_, queue, [&](const TimerEntry& entry, uint32_t position) {
    if (places_[entry.id] == position) nearest = std::min(nearest, entry.deadlineNs);
    return true;
  });
  return nearest;
}

void Timers::beginPass(int64_t nowNs) {
  passNowNs_ = nowNs;
  // With nothing filed the cursor may go anywhere, so a clock that jumped ahead and came back, or
  // a long idle time, costs nothing afterwards.
  if (armed_ == 0) moveCursor(tickOf(nowNs));
}

void Timers::endPass() {
  passNowNs_ = INT64_MIN;
  if (!queues_[kDeferred].empty()) {
    TimerQueueReader reader(store(), queues_[kDeferred]);
    for (TimerEntry entry; reader.read(entry);) {
      const uint64_t tick = tickOf(entry.deadlineNs);
      if (tick <= cursor_) {
        fileLate(entry);
      } else {
        fileAhead(tick, entry);
      }
    }
  }
  late_.releaseIfLarge();
  sorter_.trim(armed_);
  blocks_.trim();
  if (armed_ == 0) blocks_.releaseIfLarge();
}

// Detaches the next timer to fire, which becomes firing_; false when none is due.
bool Timers::takeDue() {
  while (!reached()) {
    if (!advance()) return false;
  }
  const bool late = lateIsFirst();
  const TimerEntry& due = late ? late_.top() : blocks_.at(current().first);
  if (due.deadlineNs >= passNowNs_) return false;
  firing_ = due;
  armed_--;
  if (late) {
    late_.remove(places_[firing_.id]);
    places_[firing_.id] = kIdlePlace;
  } else {
    places_[firing_.id] = kIdlePlace;
    current().pop(blocks_);
    current().dropDead(store());
    if ((current().first & TimerBlocks::kBlockMask) == 0) prefetchPlaces();
  }
  return true;
}

// The places of the next block's timers, which lie all over the table, for when they are due: those
// of the block at the front were brought in when it was next itself.
void Timers::prefetchPlaces() {
  const uint32_t first = current().first;
  if (first == TimerBlocks::kNoPosition) return;
  const uint32_t last = current().last;
  if ((first ^ last) < TimerBlocks::kBlockEntries) return;
  const uint32_t block = blocks_.next(first);
  for (uint32_t i = 0; i < TimerBlocks::kBlockEntries; i++) {
    const uint32_t id = blocks_.at(block + i).id;
    if (places_.has(id)) __builtin_prefetch(&places_[id], 1);
  }
}

// Whether the earliest timer at or before the cursor is in the heap; there must be one.
bool Timers::lateIsFirst() const {
  if (late_.empty()) return false;
  if (current().empty()) return true;
  return late_.top().deadlineNs < blocks_.at(current().first).deadlineNs;
}

// Moves the cursor to the start of the next occupied slot, or to the pass's own tick when that
// comes first; false in that case. Nothing at or before the cursor may be armed.
bool Timers::advance() {
  const uint64_t target = tickOf(passNowNs_);
  if (cursor_ >= target) return false;
  const auto slot = static_cast<uint16_t>(occupied_.first());
  const uint64_t start = slot == kNoSlot ? UINT64_MAX : slotStart(slot);
  if (start > target) {
    moveCursor(target);
    return false;
  }
  occupied_.remove(slot);
  enter(slot);
  return true;
}

// To a tick whose slot is empty, with nothing armed at or before it.
void Timers::moveCursor(uint64_t tick) {
  cursor_ = tick;
  current_ = levelZeroSlot(tick);
}

void Timers::enter(uint16_t slot) {
  const uint64_t start = slotStart(slot);
  if (slot >= kSlots) {
    // Each lower slot may need a block of its own before the first one of this slot comes free.
    const size_t spread = std::min(queues_[slot].live, kSlots) + 1;
    if (blocks_.reserve(spread + blocksOwed(queues_[kDeferred].live)) != 0) return enterWhole(slot);
    moveCursor(start);
    refile(slot);
  } else {
    moveCursor(start);
  }
  sorter_.sortWithinTick(current(), current_);
}

// Without memory to refile it an upper slot can be the current one as well as any: the cursor goes
// to its end, so that all of it has been reached.
void Timers::enterWhole(uint16_t slot) {
  cursor_ = slotEnd(slot);
  current_ = slot;
  sorter_.sortByMerging(current(), slot);
}

// The last entry of the current slot may be dead; what comes before it is not later even so.
void Timers::fileLate(TimerEntry entry) {
  const bool inOrder =
      current().empty() || blocks_.at(current().last).deadlineNs <= entry.deadlineNs;
  if (late_.empty() && inOrder) return append(current_, entry);
  late_.push(entry);
}

// The first tick of an occupied slot: the cursor's digits above its level, its own, then zeros.
uint64_t Timers::slotStart(uint16_t slot) const {
  const uint32_t shift = slot / kSlots * kDigitBits;
  const uint64_t above = cursor_ >> (shift + kDigitBits) << kDigitBits;
  return (above | (slot & (kSlots - 1))) << shift;
}

// The last tick of an occupied slot.
uint64_t Timers::slotEnd(uint16_t slot) const {
  return slotStart(slot) + (uint64_t{1} << (slot / kSlots * kDigitBits)) - 1;
}

// Files the timers of an upper slot at whose start the cursor is. The lower slots are empty.
void Timers::refile(uint16_t slot) {
  TimerQueueReader reader(store(), queues_[slot]);
  for (TimerEntry entry; reader.read(entry);) {
    const uint64_t tick = tickOf(entry.deadlineNs);
    if (tick == cursor_) {
      append(current_, entry);
    } else {
      fileAhead(tick, entry);
    }
  }
}

// Takes an armed timer out of where it is.
void Timers::detach(uint32_t id, uint32_t place) {
  armed_--;
  if (TimerHeap::holds(place)) {
    late_.remove(place);
    places_[id] = kIdlePlace;
    return;
  }
  places_[id] = kIdlePlace;
  const uint16_t owner = blocks_.owner(place);
  TimerQueue& queue = queues_[owner];
  queue.noteDeath(store());
  if (owner == current_) return queue.dropDead(store());
  if (queue.empty() && owner != kDeferred) occupied_.remove(owner);
}

}  // namespace heddle::loop
