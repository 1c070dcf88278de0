// Sorts a queue by deadline, keeping the order of equal deadlines, and drops its dead entries. One
// that is in order already is only read.
//
// Within a tick by radix, O(n), with room for a copy of the queue that is kept for the next one
// while it is small beside the timers armed. Where that room is not to be had, and for deadlines
// of any range, by merging in place with kSpareBlocks blocks, which the caller keeps free for it.
// So sorting cannot fail. One thread only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loop/timer_memory.h"
#include "loop/timer_queue.h"

namespace heddle::loop {

class TimerSorter {
 public:
  // Free blocks that sorting may need, and gives back.
  static constexpr size_t kSpareBlocks = 3;

  TimerSorter(TimerMemory& memory, TimerStore store) : memory_(memory), store_(store) {}
  ~TimerSorter() { clear(); }
  TimerSorter(const TimerSorter&) = delete;
  TimerSorter& operator=(const TimerSorter&) = delete;

  // For deadlines that differ in their lowest 20 bits only.
  void sortWithinTick(TimerQueue& queue, uint16_t owner);
  void sortByMerging(TimerQueue& queue, uint16_t owner);

  // Frees the copy's room when it is large for this number of timers.
  void trim(size_t armed) {
    if (capacity_ > kKeptEntries && capacity_ > armed / 16) clear();
  }
  void clear();

 private:
  static constexpr size_t kKeptEntries = 512;

  bool reserve(size_t entries);
  void sortFew(TimerQueue& queue, uint16_t owner);
  bool sortByRadix(TimerQueue& queue);
  TimerQueue merge(TimerQueue& older, TimerQueue& newer, uint16_t owner);

  TimerMemory& memory_;
  TimerStore store_;
  // A copy of a queue's entries, behind it the positions of its blocks.
  void* room_ = nullptr;
  // In entries.
  size_t capacity_ = 0;
};

}  // namespace heddle::loop
