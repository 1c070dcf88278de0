// Timers of one loop: a hierarchical wheel over the time given by the caller.
//
// Owned by a loop; every call on the thread of that loop. Times are nanoseconds on any one clock,
// the whole range of int64_t is allowed. Arming and cancelling are O(1), cancelling amortised over
// the compaction of queues; a timer is touched again at most once per level on its way down, once
// to sort its slot and once to fire. About 21 bytes a timer, and 256 for each slot in use.
// Failure mode: arm() returns -ENOMEM and leaves the timer as it was. Firing takes memory where it
// makes it fast, and does without where there is none.
//
// Structure. Time is cut into ticks of 2^20 ns. The cursor is a tick. A timer of a later tick is
// filed by the highest base-256 digit in which its tick differs from the cursor: that digit's
// position is the level, its value the slot. Occupied slots of a level thus lie beyond the cursor's
// own digit, and in the order (level, slot) slots are ordered by time: the first bit of the
// occupancy map is the earliest slot, however far away. The slot the cursor has entered is the
// current slot; it is sorted once, then.
//
// A slot is a queue of entries in blocks, read from front to back, and the only thing that is out
// of order in memory is a table of four bytes for each timer: the place of its entry. Cancelling
// changes the place and leaves the entry dead where it is (timer_queue.h).
//
// Order by (deadline, insertion) without numbering timers. A filed timer is where (its tick, the
// cursor) says, nowhere else: the cursor stops at the start of every occupied slot it meets and
// refiles that slot at once, so it never passes a timer that should have moved. Hence:
//  1. Timers with equal deadlines are in the same slot at any moment, and the slots below the one
//     being refiled are empty. An early-armed timer can therefore not come down onto a slot which
//     already holds later-armed ones: those went to the upper slot too, behind it.
//  2. Slots are queues: arming appends, refiling walks from the front and appends, compacting keeps
//     the order. By 1 the order of equal deadlines in a slot is the order of arming, and the sort
//     of a slot is stable.
//  3. A timer armed at or before the cursor's tick is late. It is appended to the current slot when
//     the heap is empty and its deadline is not before the last one there; otherwise it goes to the
//     heap, which numbers its entries. So of equal deadlines the one in the slot was armed first.
//     The last one may be dead: it still bounds those before it, since a sort leaves none dead.
//  4. Nothing is filed beyond the cursor that is due before a timer of the current slot or the
//     heap.
// Firing takes the earlier head of the current slot and the heap, the slot first when equal, and
// moves the cursor only when both are empty.
//
// Memory while firing. Refiling a slot may take more blocks than it gives back, one for each lower
// slot. When they are not to be had the upper slot is not refiled: it becomes the current slot as a
// whole, sorted, and the cursor goes to its last tick. Then 1 to 4 hold as they stand; timers armed
// for that time are late ones. Sorting itself needs three blocks at worst, and the end of a pass
// those for the timers its callbacks armed; arming keeps them free.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "loop/timer_blocks.h"
#include "loop/timer_entry.h"
#include "loop/timer_heap.h"
#include "loop/timer_memory.h"
#include "loop/timer_places.h"
#include "loop/timer_queue.h"
#include "loop/timer_slot_map.h"
#include "loop/timer_sort.h"

namespace heddle::loop {

class Timers {
 public:
  // Ids are below this; larger ones get -ENOMEM.
  static constexpr uint32_t kMaxTimers = 0x7fffffffu;

  explicit Timers(int64_t nowNs);
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // The id is a small dense integer chosen by the caller (a handle's index); the tag is handed back
  // when the timer fires. An armed timer is moved and counts as inserted now. 0 or -ENOMEM.
  [[nodiscard]] int arm(uint32_t id, uint32_t tag, int64_t deadlineNs);

  // False when it was not armed. A timer is no longer armed while it fires.
  bool cancel(uint32_t id);

  bool isArmed(uint32_t id) const { return places_.has(id) && places_[id] != kIdlePlace; }
  // Both of an armed timer, or of the one that fires.
  int64_t deadlineNs(uint32_t id) const { return entryAt(places_[id]).deadlineNs; }
  uint32_t tag(uint32_t id) const { return entryAt(places_[id]).tag; }
  size_t armed() const { return armed_; }

  // A time not later than the nearest deadline; INT64_MAX when nothing is armed. Exact when the
  // nearest slot holds few timers or is the current one; else the start of that slot: less than
  // 2^20 ns below the deadline at level 0, the time of the next refiling at higher levels. After
  // an expire(now) that max did not cut short and in which fire armed nothing already due, it is
  // at least now, and equals now only for a deadline of now: so a loop that waits until the bound
  // + 1 ns (deadlines fire strictly after their time) gets nearer at each wake-up.
  int64_t nextDeadlineNs() const;

  // Fires timers with a deadline strictly before nowNs, in order of deadline, then of insertion, at
  // most max, as fire(tag, id); returns how many. What is left over is fired by the next call, in
  // order. A timer armed by fire does not fire in the same call. fire may arm and cancel any timer;
  // an expire within fire does nothing and returns 0.
  template <class Fire>
  size_t expire(int64_t nowNs, size_t max, Fire&& fire);

  // Frees all memory when nothing is armed, else does nothing. Not from within fire.
  void releaseMemory();

  // Memory held beside the object itself.
  size_t bytes() const { return memory_.held(); }

  // No more memory than that is asked for; what is held beyond it stays.
  void setMemoryLimit(size_t bytes) { memory_.setLimit(bytes); }

  // Aborts with a message when the structure is damaged. O(all timers); for tests.
  void checkInvariants() const;

 private:
  static constexpr unsigned kTickBits = 20;
  static constexpr unsigned kDigitBits = 8;
  static constexpr uint32_t kSlots = 1u << kDigitBits;
  // 44 bits of ticks; six digits hold 48.
  static constexpr uint32_t kLevels = 6;
  static constexpr uint16_t kWheelSlots = kLevels * kSlots;
  // Timers armed by fire which the running expire must not see.
  static constexpr uint16_t kDeferred = kWheelSlots;

  // Ticks are unsigned and ordered as the signed times are.
  static uint16_t levelZeroSlot(uint64_t tick) {
    return static_cast<uint16_t>(tick & (kSlots - 1));
  }
  static uint64_t tickOf(int64_t timeNs);
  static int64_t startOfTick(uint64_t tick);

  TimerStore store() { return TimerStore{blocks_, places_}; }
  const TimerEntry& entryAt(uint32_t place) const {
    if (place == kIdlePlace) return firing_;
    return TimerHeap::holds(place) ? late_.at(place) : blocks_.at(place);
  }
  TimerQueue& current() { return queues_[current_]; }
  const TimerQueue& current() const { return queues_[current_]; }
  bool inPass() const { return passNowNs_ != INT64_MIN; }

  [[nodiscard]] int reserve(uint64_t tick, bool defer);
  size_t blocksOwed(size_t deferred) const;
  // Whether one may be taken, in the common case; else reserve() knows.
  bool hasFreeBlock() const {
    return queues_[kDeferred].empty() && blocks_.free() > TimerSorter::kSpareBlocks;
  }

  void beginPass(int64_t nowNs);
  void endPass();
  bool takeDue();
  void prefetchPlaces();
  bool reached() const { return !current().empty() || !late_.empty(); }
  void moveCursor(uint64_t tick);
  bool lateIsFirst() const;
  bool advance();
  void enter(uint16_t slot);
  void enterWhole(uint16_t slot);

  // The tick must be after the cursor.
  void fileAhead(uint64_t tick, TimerEntry entry);
  void fileLate(TimerEntry entry);
  void append(uint16_t queue, TimerEntry entry) { queues_[queue].append(store(), queue, entry); }
  void detach(uint32_t id, uint32_t place);
  // The tick must be after the cursor.
  uint16_t slotFor(uint64_t tick) const;
  uint64_t slotStart(uint16_t slot) const;
  uint64_t slotEnd(uint16_t slot) const;
  void refile(uint16_t slot);

  int64_t queueBound(const TimerQueue& queue, int64_t floorNs) const;

  void checkCurrentOrder() const;
  template <class Check>
  size_t checkQueue(uint16_t owner, size_t& blocks, Check&& check) const;

  uint64_t cursor_;
  // INT64_MIN outside expire.
  int64_t passNowNs_ = INT64_MIN;
  size_t armed_ = 0;
  TimerEntry firing_{};
  // The queue of the slot that the cursor has entered. It is sorted, its first entry is alive.
  uint16_t current_;
  TimerSlotMap<kWheelSlots> occupied_;
  std::array<TimerQueue, kWheelSlots + 1> queues_{};
  TimerMemory memory_;
  TimerPlaces places_;
  TimerBlocks blocks_;
  TimerHeap late_;
  TimerSorter sorter_;
};

inline uint16_t Timers::slotFor(uint64_t tick) const {
  const auto highest = static_cast<uint32_t>(std::bit_width(tick ^ cursor_) - 1);
  const uint32_t level = highest / kDigitBits;
  const auto digit = static_cast<uint32_t>(tick >> (level * kDigitBits)) & (kSlots - 1);
  return static_cast<uint16_t>(level * kSlots + digit);
}

template <class Fire>
size_t Timers::expire(int64_t nowNs, size_t max, Fire&& fire) {
  if (inPass()) return 0;
  beginPass(nowNs);
  size_t fired = 0;
  while (fired < max) {
    if (!takeDue()) break;
    fired++;
    const uint32_t tag = firing_.tag;
    fire(tag, firing_.id);
  }
  endPass();
  return fired;
}

}  // namespace heddle::loop
