#include "loop/timer_queue.h"

namespace heddle::loop {

namespace {

constexpr uint32_t kBlockMask = TimerBlocks::kBlockMask;

}  // namespace

void TimerQueue::clear(TimerBlocks& blocks) {
  cutBehind(blocks, first);
  blocks.give(first);
  *this = TimerQueue{};
}

void TimerQueue::cutBehind(TimerBlocks& blocks, uint32_t newLast) {
  const uint32_t end = last & ~kBlockMask;
  uint32_t block = newLast & ~kBlockMask;
  last = newLast;
  if (block == end) return;
  block = blocks.next(block);
  while (block != end) {
    const uint32_t next = blocks.next(block);
    blocks.give(block);
    block = next;
  }
  blocks.give(end);
}

void TimerQueue::compact(TimerStore store) {
  uint32_t to = TimerBlocks::kNoPosition;
  forEachEntry(store.blocks, *this, [&](const TimerEntry& entry, uint32_t from) {
    uint32_t& place = store.places[entry.id];
    if (place != from) return true;
    to = to == TimerBlocks::kNoPosition ? first : store.blocks.step(to);
    if (to == from) return true;
    place = to;
    store.blocks.at(to) = entry;
    return true;
  });
  dead = 0;
  cutBehind(store.blocks, to);
}

void TimerQueueReader::nextBlock() {
  const uint32_t block = store_.blocks.next(at_);
  store_.blocks.give(at_);
  at_ = block;
  if (block != end_) prefetchBlock(store_.blocks, store_.blocks.next(block));
}

// What is left is dead.
void TimerQueueReader::finish() {
  while ((at_ & ~kBlockMask) != end_) {
    const uint32_t block = store_.blocks.next(at_);
    store_.blocks.give(at_);
    at_ = block;
  }
  store_.blocks.give(end_);
}

}  // namespace heddle::loop
