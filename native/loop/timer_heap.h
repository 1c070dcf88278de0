// The late timers: those whose deadline is not after the wheel's cursor and which cannot be
// appended to its current slot without breaking the order. An indexed 4-ary heap ordered by
// deadline, then by insertion; the table of places knows each one's position, so that cancelling is
// O(log n).
//
// The order number is 64 bits wide and only grows, so it never wraps. One thread only. push()
// cannot fail: room is made before by reserve(), the only call that allocates.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "loop/timer_entry.h"
#include "loop/timer_memory.h"
#include "loop/timer_places.h"

namespace heddle::loop {

class TimerHeap {
 public:
  TimerHeap(TimerMemory& memory, TimerPlaces& places) : memory_(memory), places_(places) {}
  ~TimerHeap() { clear(); }
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;

  // A place in the heap has this bit, its position in the other bits. Not to be asked of idle ones.
  static constexpr uint32_t kPlaceBit = 0x80000000u;
  static bool holds(uint32_t place) { return (place & kPlaceBit) != 0; }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // The heap must not be empty.
  const TimerEntry& top() const { return entries_[0].timer; }
  const TimerEntry& at(uint32_t place) const { return entries_[place & ~kPlaceBit].timer; }

  // Makes room for a total of `needed` entries. 0 or -ENOMEM.
  [[nodiscard]] int reserve(size_t needed) {
    if (needed <= capacity_) return 0;
    size_t capacity = capacity_ == 0 ? 32 : capacity_ * 2;
    if (capacity < needed) capacity = needed;
    auto* grown = static_cast<Entry*>(
        memory_.resize(entries_, capacity_ * sizeof(Entry), capacity * sizeof(Entry)));
    if (grown == nullptr) return -ENOMEM;
    entries_ = grown;
    capacity_ = capacity;
    return 0;
  }

  // Room must have been reserved.
  void push(TimerEntry timer) { siftUp(size_++, Entry{timer, nextOrder_++}); }

  // The place is one of the heap; it is the caller's to mark.
  [[gnu::noinline]] void remove(uint32_t place) {
    const size_t hole = place & ~kPlaceBit;
    const Entry last = entries_[--size_];
    if (hole == size_) return;
    if (hole > 0 && before(last, entries_[parentOf(hole)])) return siftUp(hole, last);
    siftDown(hole, last);
  }

  // Gives memory back after a burst.
  void releaseIfLarge() {
    if (size_ == 0 && capacity_ > kKeptEntries) clear();
  }

  // The heap must be empty.
  void clear() {
    if (capacity_ != 0) memory_.release(entries_, capacity_ * sizeof(Entry));
    entries_ = nullptr;
    capacity_ = 0;
  }

  // Whether the entries are in heap order and the places know their positions.
  bool consistent() const {
    for (size_t i = 0; i < size_; i++) {
      if (places_[entries_[i].timer.id] != placeOf(i)) return false;
      if (i > 0 && before(entries_[i], entries_[parentOf(i)])) return false;
    }
    return true;
  }

 private:
  struct Entry {
    TimerEntry timer;
    uint64_t order;
  };
  static constexpr size_t kArity = 4;
  static constexpr size_t kKeptEntries = 1024;

  static bool before(const Entry& a, const Entry& b) {
    if (a.timer.deadlineNs != b.timer.deadlineNs) return a.timer.deadlineNs < b.timer.deadlineNs;
    return a.order < b.order;
  }
  static size_t parentOf(size_t position) { return (position - 1) / kArity; }
  static uint32_t placeOf(size_t position) { return static_cast<uint32_t>(position) | kPlaceBit; }

  void put(size_t position, const Entry& entry) {
    entries_[position] = entry;
    places_[entry.timer.id] = placeOf(position);
  }

  void siftUp(size_t position, const Entry& entry) {
    while (position > 0 && before(entry, entries_[parentOf(position)])) {
      put(position, entries_[parentOf(position)]);
      position = parentOf(position);
    }
    put(position, entry);
  }

  void siftDown(size_t position, const Entry& entry) {
    for (size_t child = earliestChild(position); child < size_; child = earliestChild(position)) {
      if (!before(entries_[child], entry)) break;
      put(position, entries_[child]);
      position = child;
    }
    put(position, entry);
  }

  // A position at or beyond the size when there is no child.
  size_t earliestChild(size_t position) const {
    const size_t first = position * kArity + 1;
    size_t best = first;
    for (size_t child = first + 1; child < first + kArity && child < size_; child++) {
      if (before(entries_[child], entries_[best])) best = child;
    }
    return best;
  }

  TimerMemory& memory_;
  TimerPlaces& places_;
  Entry* entries_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  uint64_t nextOrder_ = 0;
};

}  // namespace heddle::loop
