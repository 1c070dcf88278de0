// A queue of timer nodes, linked by index, oldest first. A node is in one list at most; which one
// is the business of its place, which the lists do not look at. One thread only; nothing allocates.
#pragma once

#include <cstdint>

#include "loop/timer_nodes.h"

namespace heddle::loop {

struct TimerList {
  uint32_t head = kNoTimer;
  uint32_t tail = kNoTimer;

  bool empty() const { return head == kNoTimer; }

  void append(TimerNodes& nodes, uint32_t id) {
    TimerNode& node = nodes[id];
    node.next = kNoTimer;
    node.prev = tail;
    if (tail == kNoTimer) {
      head = id;
    } else {
      nodes[tail].next = id;
    }
    tail = id;
  }

  // The node must be in this list.
  void remove(TimerNodes& nodes, uint32_t id) {
    const TimerNode& node = nodes[id];
    if (node.prev == kNoTimer) {
      head = node.next;
    } else {
      nodes[node.prev].next = node.next;
    }
    if (node.next == kNoTimer) {
      tail = node.prev;
    } else {
      nodes[node.next].prev = node.prev;
    }
  }

  // The list empties; its nodes are walked from the result by their next.
  uint32_t take() {
    const uint32_t first = head;
    *this = TimerList{};
    return first;
  }

  // Stable sort by deadline, for deadlines that differ in their lowest 20 bits only (one tick).
  // O(n) for long lists, and one walk when they are in order already.
  void sortWithinTick(TimerNodes& nodes);
};

}  // namespace heddle::loop
