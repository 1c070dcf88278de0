// A queue of timer entries in blocks, oldest first: what a slot of the wheel is.
//
// An entry is alive while the place of its timer is its own position, and dead once the timer was
// cancelled, moved or fired: so cancelling touches no entry, only the place and the queue's counts.
// When the dead outnumber the living the queue is compacted; it never takes much more than twice
// its share however often timers are moved, and each cancelling pays for a constant part of that.
// A dead entry cannot come alive again: its position is given to no other while it is in a queue.
//
// Every block of a queue is full but for the first, of which the front may be used up, and the
// last. Nothing here allocates: append() takes a block that must be free. One thread only.
#pragma once

#include <cstdint>

#include "loop/timer_blocks.h"
#include "loop/timer_places.h"

namespace heddle::loop {

// What all queues of a wheel lie in.
struct TimerStore {
  TimerBlocks& blocks;
  TimerPlaces& places;

  bool alive(uint32_t position) const { return places[blocks.at(position).id] == position; }
};

struct TimerQueue {
  // Dead entries that are left alone, so that short queues are not compacted at each cancelling.
  static constexpr uint32_t kDeadSlack = 16;

  uint32_t first = TimerBlocks::kNoPosition;
  uint32_t last = TimerBlocks::kNoPosition;
  uint32_t live = 0;
  uint32_t dead = 0;

  bool empty() const { return live == 0; }

  // The blocks bear the number of their queue.
  void append(TimerStore store, uint16_t owner, TimerEntry entry) {
    if ((last & TimerBlocks::kBlockMask) == TimerBlocks::kBlockMask) {
      addBlock(store.blocks, owner);
    } else {
      last++;
    }
    live++;
    store.blocks.at(last) = entry;
    store.places[entry.id] = last;
  }

  // To be told when the place of a living entry has become another.
  void noteDeath(TimerStore store) {
    live--;
    dead++;
    if (live == 0) return clear(store.blocks);
    if (dead > live + kDeadSlack) compact(store);
  }

  // Forgets the first entry, which counts as living.
  void pop(TimerBlocks& blocks) {
    live--;
    if (live == 0) return clear(blocks);
    dropFirst(blocks);
  }

  // Forgets dead entries up to the first living one; there must be one.
  void dropDead(TimerStore store) {
    while (dead > 0 && !store.alive(first)) {
      dead--;
      dropFirst(store.blocks);
    }
  }

  // Gives all blocks back.
  [[gnu::noinline]] void clear(TimerBlocks& blocks);

  // Moves the living together, in their order; there must be one.
  [[gnu::noinline]] void compact(TimerStore store);

  // Gives the blocks behind `newLast` back.
  void cutBehind(TimerBlocks& blocks, uint32_t newLast);

 private:
  void addBlock(TimerBlocks& blocks, uint16_t owner) {
    const uint32_t block = blocks.take(owner);
    if (first == TimerBlocks::kNoPosition) {
      first = block;
    } else {
      blocks.setNext(last, block);
    }
    last = block;
  }

  // There must be an entry behind the first.
  void dropFirst(TimerBlocks& blocks) {
    if ((first & TimerBlocks::kBlockMask) != TimerBlocks::kBlockMask) {
      first++;
      return;
    }
    const uint32_t next = blocks.next(first);
    blocks.give(first);
    first = next;
  }
};

// Starts to bring a block's entries into the cache.
inline void prefetchBlock(const TimerBlocks& blocks, uint32_t block) {
  constexpr uint32_t kEntriesPerLine = 64 / sizeof(TimerEntry);
  for (uint32_t i = 0; i < TimerBlocks::kBlockEntries; i += kEntriesPerLine) {
    __builtin_prefetch(&blocks.at(block + i));
  }
}

// Calls visit(entry, position) for each entry of a queue that has some, from the front, dead ones
// as well, and stops when that is false. Reads ahead.
template <class Visit>
bool forEachEntry(const TimerBlocks& blocks, const TimerQueue& queue, Visit&& visit) {
  const uint32_t end = queue.last & ~TimerBlocks::kBlockMask;
  for (uint32_t at = queue.first;; at++) {
    if (!visit(blocks.at(at), at)) return false;
    if (at == queue.last) return true;
    if ((at & TimerBlocks::kBlockMask) != TimerBlocks::kBlockMask) continue;
    const uint32_t block = blocks.next(at);
    if (block != end) prefetchBlock(blocks, blocks.next(block));
    at = block - 1;
  }
}

// Reads the living entries of a queue from its front and gives its blocks back on the way. The
// queue it came from counts as empty. Reads ahead.
class TimerQueueReader {
 public:
  TimerQueueReader(TimerStore store, TimerQueue& queue)
      : store_(store),
        at_(queue.first),
        end_(queue.last & ~TimerBlocks::kBlockMask),
        left_(queue.live),
        dead_(queue.dead) {
    queue = TimerQueue{};
  }
  TimerQueueReader(const TimerQueueReader&) = delete;
  TimerQueueReader& operator=(const TimerQueueReader&) = delete;

  // False at the end; then all blocks have been given back.
  bool read(TimerEntry& entry) {
    if (left_ == 0) return false;
    for (; dead_ > 0 && !store_.alive(at_); dead_--) step();
    entry = store_.blocks.at(at_);
    left_--;
    if (left_ > 0) {
      step();
    } else {
      finish();
    }
    return true;
  }

 private:
  void step() {
    if ((at_ & TimerBlocks::kBlockMask) != TimerBlocks::kBlockMask) {
      at_++;
    } else {
      nextBlock();
    }
  }
  void nextBlock();
  void finish();

  TimerStore store_;
  uint32_t at_;
  uint32_t end_;
  uint32_t left_;
  uint32_t dead_;
};

}  // namespace heddle::loop
