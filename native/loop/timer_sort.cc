#include "loop/timer_sort.h"

#include <array>
#include <cstdint>

namespace heddle::loop {

namespace {

// Up to this length insertion sort on the machine's stack beats two sweeps over the buckets.
constexpr uint32_t kFew = 64;
constexpr unsigned kRadixBits = 10;
constexpr uint32_t kBuckets = 1u << kRadixBits;
// Queues of 2^i times kFew entries; more than there can be positions.
constexpr size_t kMergeRanks = 32;

// How far ahead places are brought into the cache, in entries.
constexpr uint32_t kAhead = 16;

// The entries, then the positions of their blocks: of one more than a queue that begins with a
// block would have.
constexpr size_t roomBytes(size_t entries) {
  return entries * sizeof(TimerEntry) +
         (entries / TimerBlocks::kBlockEntries + 2) * sizeof(uint32_t);
}

constexpr uint32_t lowDigit(int64_t deadlineNs) {
  return static_cast<uint32_t>(deadlineNs) & (kBuckets - 1);
}
constexpr uint32_t highDigit(int64_t deadlineNs) {
  return static_cast<uint32_t>(deadlineNs) >> kRadixBits & (kBuckets - 1);
}

using Buckets = std::array<uint32_t, kBuckets>;

// Counts become the index at which each bucket begins.
void countsToStarts(Buckets& buckets, uint32_t start) {
  for (uint32_t& bucket : buckets) {
    const uint32_t count = bucket;
    bucket = start;
    start += count;
  }
}

bool isSorted(const TimerBlocks& blocks, const TimerQueue& queue) {
  int64_t previous = INT64_MIN;
  return forEachEntry(blocks, queue, [&](const TimerEntry& entry, uint32_t) {
    const bool inOrder = previous <= entry.deadlineNs;
    previous = entry.deadlineNs;
    return inOrder;
  });
}

class FewSorted {
 public:
  void add(const TimerEntry& entry) {
    uint32_t at = count_++;
    for (; at > 0 && entries_[at - 1].deadlineNs > entry.deadlineNs; at--) {
      entries_[at] = entries_[at - 1];
    }
    entries_[at] = entry;
  }
  bool full() const { return count_ == kFew; }
  uint32_t count() const { return count_; }
  const TimerEntry& operator[](uint32_t i) const { return entries_[i]; }

 private:
  std::array<TimerEntry, kFew> entries_;
  uint32_t count_ = 0;
};

}  // namespace

void TimerSorter::sortWithinTick(TimerQueue& queue, uint16_t owner) {
  if (queue.empty()) return;
  if (queue.dead > 0) queue.compact(store_);
  if (isSorted(store_.blocks, queue)) return;
  if (queue.live <= kFew) return sortFew(queue, owner);
  if (!sortByRadix(queue)) sortByMerging(queue, owner);
}

void TimerSorter::sortFew(TimerQueue& queue, uint16_t owner) {
  FewSorted sorted;
  TimerQueueReader reader(store_, queue);
  for (TimerEntry entry; reader.read(entry);) sorted.add(entry);
  for (uint32_t i = 0; i < sorted.count(); i++) queue.append(store_, owner, sorted[i]);
}

// All entries must be alive. False when there is no room for the copy; then nothing has changed.
// Least significant digit first: by the low one into the copy, by the high one back into the queue.
bool TimerSorter::sortByRadix(TimerQueue& queue) {
  if (!reserve(queue.live)) return false;
  TimerBlocks& blocks = store_.blocks;
  Buckets low{};
  Buckets high{};
  forEachEntry(blocks, queue, [&](const TimerEntry& entry, uint32_t) {
    low[lowDigit(entry.deadlineNs)]++;
    high[highDigit(entry.deadlineNs)]++;
    return true;
  });
  countsToStarts(low, 0);
  // The front of the first block may be used up.
  const uint32_t offset = queue.first & TimerBlocks::kBlockMask;
  countsToStarts(high, offset);

  auto* const copy = static_cast<TimerEntry*>(room_);
  forEachEntry(blocks, queue, [&](const TimerEntry& entry, uint32_t) {
    copy[low[lowDigit(entry.deadlineNs)]++] = entry;
    return true;
  });
  auto* const positions = reinterpret_cast<uint32_t*>(copy + capacity_);
  const uint32_t end = offset + queue.live;
  positions[0] = queue.first - offset;
  for (uint32_t i = 1; i * TimerBlocks::kBlockEntries < end; i++) {
    positions[i] = blocks.next(positions[i - 1]);
  }
  const auto positionOf = [&](uint32_t index) {
    return positions[index / TimerBlocks::kBlockEntries] + index % TimerBlocks::kBlockEntries;
  };
  for (uint32_t i = 0; i < queue.live; i++) {
    const TimerEntry& entry = copy[i];
    if (i + kAhead < queue.live) {
      __builtin_prefetch(&store_.places[copy[i + kAhead].id], 1);
    }
    const uint32_t position = positionOf(high[highDigit(entry.deadlineNs)]++);
    blocks.at(position) = entry;
    store_.places[entry.id] = position;
  }
  return true;
}

// Runs of kFew entries are sorted, then merged two of a length at a time, the older one first. Runs
// are whole blocks but for the very last, so three blocks beyond those read cover what is written:
// the last one of the output, and the rest of a block of either input.
void TimerSorter::sortByMerging(TimerQueue& queue, uint16_t owner) {
  std::array<TimerQueue, kMergeRanks> ranks{};
  TimerQueueReader reader(store_, queue);
  TimerEntry entry;
  for (bool more = reader.read(entry); more;) {
    FewSorted sorted;
    for (; more && !sorted.full(); more = reader.read(entry)) sorted.add(entry);
    TimerQueue run;
    for (uint32_t i = 0; i < sorted.count(); i++) run.append(store_, owner, sorted[i]);
    size_t rank = 0;
    for (; !ranks[rank].empty(); rank++) run = merge(ranks[rank], run, owner);
    ranks[rank] = run;
  }
  for (TimerQueue& older : ranks) {
    if (older.empty()) continue;
    queue = queue.empty() ? older : merge(older, queue, owner);
    older = TimerQueue{};
  }
}

// Both become empty.
TimerQueue TimerSorter::merge(TimerQueue& older, TimerQueue& newer, uint16_t owner) {
  TimerQueue merged;
  while (!older.empty() || !newer.empty()) {
    const bool takeNewer =
        older.empty() || (!newer.empty() && store_.blocks.at(newer.first).deadlineNs <
                                                store_.blocks.at(older.first).deadlineNs);
    TimerQueue& from = takeNewer ? newer : older;
    const TimerEntry entry = store_.blocks.at(from.first);
    from.pop(store_.blocks);
    merged.append(store_, owner, entry);
  }
  return merged;
}

void TimerSorter::clear() {
  if (capacity_ == 0) return;
  memory_.release(room_, roomBytes(capacity_));
  room_ = nullptr;
  capacity_ = 0;
}

bool TimerSorter::reserve(size_t entries) {
  if (entries <= capacity_) return true;
  clear();
  const size_t capacity = entries + entries / 4 + TimerBlocks::kBlockEntries;
  room_ = memory_.resize(nullptr, 0, roomBytes(capacity));
  if (room_ == nullptr) return false;
  capacity_ = capacity;
  return true;
}

}  // namespace heddle::loop
