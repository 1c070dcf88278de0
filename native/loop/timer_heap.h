// The late timers: those whose deadline is not after the wheel's cursor and which cannot be
// appended to its current slot without breaking the order. An indexed 4-ary heap ordered by
// deadline, then by insertion; each node carries its position, so that cancelling is O(log n).
//
// The order number is 64 bits wide and only grows, so it never wraps. One thread only. push()
// cannot fail: room is made before by reserve(), the only call that allocates.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "loop/timer_nodes.h"

namespace heddle::loop {

class TimerHeap {
 public:
  explicit TimerHeap(TimerNodes& nodes) : nodes_(nodes) {}
  ~TimerHeap() { std::free(entries_); }
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;

  // A node in the heap has this bit in its place, its position in the other bits.
  static constexpr uint32_t kPlaceBit = 0x80000000u;
  static bool holds(const TimerNode& node) {
    return node.place != kIdlePlace && (node.place & kPlaceBit) != 0;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // The heap must not be empty.
  uint32_t topId() const { return entries_[0].id; }
  int64_t topDeadlineNs() const { return entries_[0].deadlineNs; }

  // Makes room for a total of `needed` entries. 0 or -ENOMEM.
  [[nodiscard]] int reserve(size_t needed) {
    if (needed <= capacity_) return 0;
    size_t capacity = capacity_ == 0 ? 32 : capacity_ * 2;
    if (capacity < needed) capacity = needed;
    auto* grown = static_cast<Entry*>(std::realloc(entries_, capacity * sizeof(Entry)));
    if (grown == nullptr) return -ENOMEM;
    entries_ = grown;
    capacity_ = capacity;
    return 0;
  }

  // Room must have been reserved.
  void push(uint32_t id) {
    const Entry entry{nodes_[id].deadlineNs, nextOrder_++, id};
    siftUp(size_++, entry);
  }

  void remove(uint32_t id) {
    const size_t hole = nodes_[id].place & ~kPlaceBit;
    nodes_[id].place = kIdlePlace;
    const Entry last = entries_[--size_];
    if (hole == size_) return;
    if (hole > 0 && before(last, entries_[parentOf(hole)])) return siftUp(hole, last);
    siftDown(hole, last);
  }

  // Gives memory back after a burst; to be called when the heap is empty.
  void releaseIfLarge() {
    if (size_ != 0 || capacity_ <= kKeptEntries) return;
    std::free(entries_);
    entries_ = nullptr;
    capacity_ = 0;
  }

  // Whether the entries are in heap order and the nodes know their positions.
  bool consistent() const {
    for (size_t i = 0; i < size_; i++) {
      const TimerNode& node = nodes_[entries_[i].id];
      if (node.place != placeOf(i) || node.deadlineNs != entries_[i].deadlineNs) return false;
      if (i > 0 && before(entries_[i], entries_[parentOf(i)])) return false;
    }
    return true;
  }

  size_t bytes() const { return capacity_ * sizeof(Entry); }

 private:
  struct Entry {
    int64_t deadlineNs;
    uint64_t order;
    uint32_t id;
  };
  static constexpr size_t kArity = 4;
  static constexpr size_t kKeptEntries = 1024;

  static bool before(const Entry& a, const Entry& b) {
    return a.deadlineNs != b.deadlineNs ? a.deadlineNs < b.deadlineNs : a.order < b.order;
  }
  static size_t parentOf(size_t position) { return (position - 1) / kArity; }
  static uint32_t placeOf(size_t position) { return static_cast<uint32_t>(position) | kPlaceBit; }

  void put(size_t position, const Entry& entry) {
    entries_[position] = entry;
    nodes_[entry.id].place = placeOf(position);
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

  TimerNodes& nodes_;
  Entry* entries_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  uint64_t nextOrder_ = 0;
};

}  // namespace heddle::loop
