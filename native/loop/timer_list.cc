#include "loop/timer_list.h"

#include <array>

namespace heddle::loop {

namespace {

// Up to this length insertion sort on the machine's stack beats two sweeps over the buckets.
constexpr size_t kFew = 64;
constexpr unsigned kRadixBits = 10;
constexpr uint32_t kBuckets = 1u << kRadixBits;

// Whether the list is in order; counts its nodes up to just beyond kFew.
bool isSorted(const TimerNodes& nodes, const TimerList& list, size_t& length) {
  length = 0;
  bool sorted = true;
  int64_t previous = INT64_MIN;
  for (uint32_t id = list.head; id != kNoTimer; id = nodes[id].next) {
    const int64_t deadline = nodes[id].deadlineNs;
    sorted = sorted && previous <= deadline;
    previous = deadline;
    length++;
    if (!sorted && length > kFew) return false;
  }
  return sorted;
}

void insertionSort(TimerNodes& nodes, TimerList& list) {
  struct Key {
    int64_t deadlineNs;
    uint32_t id;
  };
  std::array<Key, kFew> keys;
  size_t count = 0;
  for (uint32_t id = list.take(); id != kNoTimer; id = nodes[id].next) {
    const int64_t deadline = nodes[id].deadlineNs;
    size_t at = count++;
    for (; at > 0 && keys[at - 1].deadlineNs > deadline; at--) keys[at] = keys[at - 1];
    keys[at] = Key{deadline, id};
  }
  for (size_t i = 0; i < count; i++) list.append(nodes, keys[i].id);
}

// One step of a radix sort, least significant digit first: a queue per digit value, then all queues
// behind one another. Keeps the order of equal digits. The prev links are left stale.
void sortByDigit(TimerNodes& nodes, TimerList& list, unsigned shift) {
  std::array<TimerList, kBuckets> buckets{};
  for (uint32_t id = list.take(); id != kNoTimer; id = nodes[id].next) {
    const auto key = static_cast<uint64_t>(nodes[id].deadlineNs) >> shift;
    TimerList& bucket = buckets[key & (kBuckets - 1)];
    (bucket.empty() ? bucket.head : nodes[bucket.tail].next) = id;
    bucket.tail = id;
  }
  for (const TimerList& bucket : buckets) {
    if (bucket.empty()) continue;
    (list.empty() ? list.head : nodes[list.tail].next) = bucket.head;
    list.tail = bucket.tail;
  }
  nodes[list.tail].next = kNoTimer;
}

void restorePrev(TimerNodes& nodes, const TimerList& list) {
  uint32_t prev = kNoTimer;
  for (uint32_t id = list.head; id != kNoTimer; id = nodes[id].next) {
    nodes[id].prev = prev;
    prev = id;
  }
}

}  // namespace

void TimerList::sortWithinTick(TimerNodes& nodes) {
  size_t length = 0;
  if (isSorted(nodes, *this, length)) return;
  if (length <= kFew) return insertionSort(nodes, *this);
  sortByDigit(nodes, *this, 0);
  sortByDigit(nodes, *this, kRadixBits);
  restorePrev(nodes, *this);
}

}  // namespace heddle::loop
