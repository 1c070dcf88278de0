#include "loop/timers.h"

#include <bit>

namespace heddle::loop {

namespace {

// Adding this maps int64_t to uint64_t and keeps the order.
constexpr uint64_t kSignBit = uint64_t{1} << 63;
// Lists up to this length are looked through for an exact bound: as many cache misses at most.
constexpr int kBoundScan = 4;

}  // namespace

Timers::Timers(int64_t nowNs) : cursor_(tickOf(nowNs)), late_(nodes_) {}

uint64_t Timers::tickOf(int64_t timeNs) {
  return (static_cast<uint64_t>(timeNs) ^ kSignBit) >> kTickBits;
}

int64_t Timers::startOfTick(uint64_t tick) {
  return static_cast<int64_t>((tick << kTickBits) ^ kSignBit);
}

int Timers::arm(uint32_t id, uint32_t tag, int64_t deadlineNs) {
  if (id >= kMaxTimers) return -ENOMEM;
  if (const int error = nodes_.ensure(id); error != 0) return error;
  // All room is made before anything changes. A deferred timer may need its place in the heap when
  // the pass ends, which cannot fail then.
  const bool defer = deadlineNs < passNowNs_;
  if (defer || tickOf(deadlineNs) <= cursor_) {
    if (const int error = late_.reserve(late_.size() + deferred_ + 1); error != 0) return error;
  }
  TimerNode& node = nodes_[id];
  if (node.place != kIdlePlace) detach(id);
  node.deadlineNs = deadlineNs;
  node.tag = tag;
  armed_++;
  if (!defer) {
    file(id);
    return 0;
  }
  append(kDeferred, id);
  deferred_++;
  return 0;
}

bool Timers::cancel(uint32_t id) {
  if (!isArmed(id)) return false;
  detach(id);
  return true;
}

int64_t Timers::nextDeadlineNs() const {
  int64_t bound = listBound(kDeferred, INT64_MIN);
  if (const uint32_t id = earliestReached(); id != kNoTimer) {
    const int64_t reached = nodes_[id].deadlineNs;
    return reached < bound ? reached : bound;
  }
  const uint32_t list = occupied_.first();
  if (list == occupied_.kNone) return bound;
  const int64_t filed = listBound(list, startOfTick(slotStart(list)));
  return filed < bound ? filed : bound;
}

void Timers::releaseMemory() {
  if (armed_ != 0 || inPass()) return;
  nodes_.clear();
  late_.releaseIfLarge();
}

// The nearest deadline of a list when it is short, else the floor; INT64_MAX when it is empty.
int64_t Timers::listBound(uint32_t list, int64_t floorNs) const {
  int64_t nearest = INT64_MAX;
  uint32_t id = lists_[list].head;
  for (int seen = 0; id != kNoTimer; seen++) {
    if (seen == kBoundScan) return floorNs;
    const TimerNode& node = nodes_[id];
    if (node.deadlineNs < nearest) nearest = node.deadlineNs;
    id = node.next;
  }
  return nearest;
}

void Timers::beginPass(int64_t nowNs) {
  passNowNs_ = nowNs;
  // With nothing filed the cursor may go anywhere, so a clock that jumped ahead and came back, or
  // a long idle time, costs nothing afterwards.
  if (armed_ == 0) cursor_ = tickOf(nowNs);
}

void Timers::endPass() {
  passNowNs_ = INT64_MIN;
  uint32_t id = lists_[kDeferred].take();
  deferred_ = 0;
  while (id != kNoTimer) {
    const uint32_t next = nodes_[id].next;
    file(id);
    id = next;
  }
  late_.releaseIfLarge();
}

// Detaches the next timer to fire and gives its id.
uint32_t Timers::takeDue() {
  uint32_t id = earliestReached();
  while (id == kNoTimer) {
    if (!advance()) return kNoTimer;
    id = earliestReached();
  }
  const TimerNode& node = nodes_[id];
  if (node.deadlineNs >= passNowNs_) return kNoTimer;
  if (node.next != kNoTimer) __builtin_prefetch(&nodes_[node.next]);
  detach(id);
  return id;
}

// The earliest timer at or before the cursor.
uint32_t Timers::earliestReached() const {
  const uint32_t slotted = lists_[currentList()].head;
  if (late_.empty()) return slotted;
  if (slotted == kNoTimer) return late_.topId();
  return nodes_[slotted].deadlineNs <= late_.topDeadlineNs() ? slotted : late_.topId();
}

// Moves the cursor to the start of the next occupied slot, or to the pass's own tick when that
// comes first; false in that case. Nothing at or before the cursor may be armed.
bool Timers::advance() {
  const uint64_t target = tickOf(passNowNs_);
  if (cursor_ >= target) return false;
  const uint32_t list = occupied_.first();
  const uint64_t start = list == occupied_.kNone ? UINT64_MAX : slotStart(list);
  if (start > target) {
    cursor_ = target;
    return false;
  }
  cursor_ = start;
  occupied_.remove(list);
  if (list >= kSlots) refile(list);
  lists_[currentList()].sortWithinTick(nodes_);
  return true;
}

void Timers::file(uint32_t id) {
  const uint64_t tick = tickOf(nodes_[id].deadlineNs);
  if (tick <= cursor_) return fileLate(id);
  const uint32_t list = listFor(tick);
  append(list, id);
  occupied_.add(list);
}

void Timers::fileLate(uint32_t id) {
  const uint32_t current = currentList();
  const uint32_t tail = lists_[current].tail;
  const bool inOrder = tail == kNoTimer || nodes_[tail].deadlineNs <= nodes_[id].deadlineNs;
  if (late_.empty() && inOrder) return append(current, id);
  late_.push(id);
}

// The tick must be after the cursor.
uint32_t Timers::listFor(uint64_t tick) const {
  const auto highest = static_cast<uint32_t>(std::bit_width(tick ^ cursor_) - 1);
  const uint32_t level = highest / kDigitBits;
  const auto slot = static_cast<uint32_t>(tick >> (level * kDigitBits)) & (kSlots - 1);
  return level * kSlots + slot;
}

// The first tick of an occupied list: the cursor's digits above its level, its slot, then zeros.
uint64_t Timers::slotStart(uint32_t list) const {
  const uint32_t shift = list / kSlots * kDigitBits;
  const uint64_t above = cursor_ >> (shift + kDigitBits) << kDigitBits;
  return (above | (list & (kSlots - 1))) << shift;
}

// Files the timers of an upper slot that the cursor has just entered. The lower slots are empty.
void Timers::refile(uint32_t list) {
  uint32_t id = lists_[list].take();
  while (id != kNoTimer) {
    const uint32_t next = nodes_[id].next;
    const uint64_t tick = tickOf(nodes_[id].deadlineNs);
    if (tick == cursor_) {
      append(currentList(), id);
    } else {
      const uint32_t lower = listFor(tick);
      append(lower, id);
      occupied_.add(lower);
    }
    id = next;
  }
}

void Timers::detach(uint32_t id) {
  armed_--;
  TimerNode& node = nodes_[id];
  if (TimerHeap::holds(node)) return late_.remove(id);
  TimerList& list = lists_[node.place];
  list.remove(nodes_, id);
  if (node.place == kDeferred) {
    deferred_--;
  } else if (list.empty()) {
    // The current slot is not in the map; removing it there does nothing.
    occupied_.remove(node.place);
  }
  node.place = kIdlePlace;
}

}  // namespace heddle::loop
