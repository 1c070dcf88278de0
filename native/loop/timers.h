// Timers of one loop: a hierarchical wheel over the time given by the caller.
//
// Owned by a loop; every call on the thread of that loop. Times are nanoseconds on any one clock,
// the whole range of int64_t is allowed. Arming and cancelling are O(1); a timer is touched again
// at most once per level on its way down and once to sort its slot. 24 bytes a timer.
// Failure mode: arm() returns -ENOMEM and leaves the timer as it was; nothing else allocates.
//
// Structure. Time is cut into ticks of 2^20 ns. The cursor is a tick. A timer of a later tick is
// filed by the highest base-256 digit in which its tick differs from the cursor: that digit's
// position is the level, its value the slot. Occupied slots of a level thus lie beyond the cursor's
// own digit, and in the order (level, slot) slots are ordered by time: the first bit of the
// occupancy map is the earliest slot, however far away. The level-0 slot under the cursor is the
// current slot; it is sorted once, when the cursor enters it.
//
// Order by (deadline, insertion) without numbering timers. A filed timer is where (its tick, the
// cursor) says, nowhere else: the cursor stops at the start of every occupied slot it meets and
// refiles that slot at once, so it never passes a timer that should have moved. Hence:
//  1. Timers with equal deadlines are in the same slot at any moment, and the slots below the one
//     being refiled are empty. An early-armed timer can therefore not come down onto a slot which
//     already holds later-armed ones: those went to the upper slot too, behind it.
//  2. Slots are queues: arming appends, refiling walks from the front and appends. By 1 the order
//     of equal deadlines in a slot is the order of arming, and the sort of a slot is stable.
//  3. A timer armed at or before the cursor's tick is late. It is appended to the current slot when
//     the heap is empty and its deadline is not before the last one there; otherwise it goes to the
//     heap, which numbers its entries. So of equal deadlines the one in the slot was armed first.
//  4. Nothing is filed beyond the cursor that is due before a timer of the current slot or the
//  heap.
// Firing takes the earlier head of the current slot and the heap, the slot first when equal, and
// moves the cursor only when both are empty.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "loop/timer_heap.h"
#include "loop/timer_list.h"
#include "loop/timer_nodes.h"
#include "loop/timer_slot_map.h"

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

  bool isArmed(uint32_t id) const { return nodes_.has(id) && nodes_[id].place != kIdlePlace; }
  // Both of an armed timer only.
  int64_t deadlineNs(uint32_t id) const { return nodes_[id].deadlineNs; }
  uint32_t tag(uint32_t id) const { return nodes_[id].tag; }
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

  // Frees the table when nothing is armed, else does nothing. Not from within fire.
  void releaseMemory();

  // Memory held beside the object itself.
  size_t bytes() const { return nodes_.bytes() + late_.bytes(); }

  // Aborts with a message when the structure is damaged. O(all timers); for tests.
  void checkInvariants() const;

 private:
  static constexpr unsigned kTickBits = 20;
  static constexpr unsigned kDigitBits = 8;
  static constexpr uint32_t kSlots = 1u << kDigitBits;
  // 44 bits of ticks; six digits hold 48.
  static constexpr uint32_t kLevels = 6;
  static constexpr uint32_t kWheelLists = kLevels * kSlots;
  // Timers armed by fire which the running expire must not see.
  static constexpr uint32_t kDeferred = kWheelLists;

  // Ticks are unsigned and ordered as the signed times are.
  static uint64_t tickOf(int64_t timeNs);
  static int64_t startOfTick(uint64_t tick);

  uint32_t currentList() const { return static_cast<uint32_t>(cursor_ & (kSlots - 1)); }
  bool inPass() const { return passNowNs_ != INT64_MIN; }

  void beginPass(int64_t nowNs);
  void endPass();
  uint32_t takeDue();
  uint32_t earliestReached() const;
  bool advance();

  void file(uint32_t id);
  void fileLate(uint32_t id);
  uint32_t listFor(uint64_t tick) const;
  uint64_t slotStart(uint32_t list) const;
  void refile(uint32_t list);

  void append(uint32_t list, uint32_t id) {
    nodes_[id].place = list;
    lists_[list].append(nodes_, id);
  }
  void detach(uint32_t id);
  int64_t listBound(uint32_t list, int64_t floorNs) const;

  size_t checkList(uint32_t list) const;
  void checkFiled(uint32_t list, uint64_t tick) const;

  uint64_t cursor_;
  // INT64_MIN outside expire.
  int64_t passNowNs_ = INT64_MIN;
  size_t armed_ = 0;
  size_t deferred_ = 0;
  TimerSlotMap<kWheelLists> occupied_;
  std::array<TimerList, kWheelLists + 1> lists_{};
  TimerNodes nodes_;
  TimerHeap late_;
};

template <class Fire>
size_t Timers::expire(int64_t nowNs, size_t max, Fire&& fire) {
  if (inPass()) return 0;
  beginPass(nowNs);
  size_t fired = 0;
  while (fired < max) {
    const uint32_t id = takeDue();
    if (id == kNoTimer) break;
    fired++;
    fire(nodes_[id].tag, id);
  }
  endPass();
  return fired;
}

}  // namespace heddle::loop
