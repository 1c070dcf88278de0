// The blocks of entries that the timer queues are made of, shared by all queues of a wheel.
//
// A position names an entry: slab, block in the slab, entry in the block, in one number, so that
// the entries of a block have consecutive positions and the first of them is a multiple of 16.
// Blocks come in slabs of 16; a slab whose blocks are all free can be given back. Blocks are taken
// from the slab that lately got one back, so that others may empty.
//
// One thread only. take() cannot fail: room is made before by reserve(), the only call that
// allocates. Failure mode: reserve() returns -ENOMEM and leaves at least what was free before.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "loop/timer_entry.h"
#include "loop/timer_memory.h"

namespace heddle::loop {

class TimerBlocks {
 public:
  static constexpr uint32_t kBlockEntries = 16;
  static constexpr uint32_t kBlockMask = kBlockEntries - 1;
  // All ones, so that it looks like the last entry of a block: there is no place behind it.
  static constexpr uint32_t kNoPosition = UINT32_MAX;

  explicit TimerBlocks(TimerMemory& memory) : memory_(memory) {}
  ~TimerBlocks() { clear(); }
  TimerBlocks(const TimerBlocks&) = delete;
  TimerBlocks& operator=(const TimerBlocks&) = delete;

  TimerEntry& at(uint32_t position) {
    return slabs_[position >> kSlabBits]->entries[position & kSlabMask];
  }
  const TimerEntry& at(uint32_t position) const {
    return slabs_[position >> kSlabBits]->entries[position & kSlabMask];
  }

  // The first position of the block behind that of `position`. Meaningless for a queue's last.
  uint32_t next(uint32_t position) const { return nexts_[position / kBlockEntries]; }
  void setNext(uint32_t position, uint32_t next) { nexts_[position / kBlockEntries] = next; }
  // The position behind this one in a queue, which must go on there.
  uint32_t step(uint32_t position) const {
    return (position & kBlockMask) == kBlockMask ? next(position) : position + 1;
  }

  // The number given when the block was taken.
  uint16_t owner(uint32_t position) const { return owners_[position / kBlockEntries]; }

  // Makes at least that many blocks free. 0 or -ENOMEM.
  [[nodiscard]] int reserve(size_t blocks) { return blocks <= free_ ? 0 : grow(blocks); }
  // The first position of a block that was free; there must be one.
  uint32_t take(uint16_t owner);
  // `position` is any of the block.
  void give(uint32_t position);

  // Frees whole slabs while more blocks are free than in use.
  void trim() {
    if (free_ >= kKeptBlocks && free_ - kSlabBlocks > used_) freeSlabs();
  }
  // Gives memory back after a burst, when no block is in use.
  void releaseIfLarge() {
    if (used_ == 0 && capacity_ > kKeptSlabs) clear();
  }
  // Frees everything; no block may be in use.
  void clear();

  size_t free() const { return free_; }
  size_t used() const { return used_; }
  // Aborts with a message when the counts or the list of slabs are damaged. For tests.
  void checkInvariants() const;

 private:
  static constexpr unsigned kSlabBits = 8;
  static constexpr uint32_t kSlabMask = (1u << kSlabBits) - 1;
  static constexpr uint32_t kSlabBlocks = (1u << kSlabBits) / kBlockEntries;
  static constexpr uint32_t kAllFree = (1u << kSlabBlocks) - 1;
  static constexpr size_t kKeptBlocks = size_t{2} * kSlabBlocks;
  static constexpr uint32_t kKeptSlabs = 16;
  // Positions stay below the bit that marks a place in the heap.
  static constexpr uint32_t kMaxSlabs = 0x80000000u >> kSlabBits;

  struct Slab {
    TimerEntry entries[size_t{1} << kSlabBits];
    // A bit for each free block.
    uint32_t freeMask;
    uint32_t index;
    // Links of the slabs with a free block.
    Slab* before;
    Slab* after;
  };
  // Registered at load, because only here the size is known.
  static const mem::Memtype kSlabType;
  // The parts of the directory that each slab has, all of one kind behind one another: the pointer,
  // its entry in the stack of indices without a slab, the links and the owners of its blocks.
  static constexpr size_t kDirectoryBytes =
      sizeof(Slab*) + sizeof(uint32_t) + kSlabBlocks * (sizeof(uint32_t) + sizeof(uint16_t));

  static uint32_t blockInSlab(uint32_t position) { return (position & kSlabMask) / kBlockEntries; }

  void prefetchFirst() const;
  int grow(size_t blocks);
  bool addSlab();
  bool growDirectory();
  void freeSlabs();
  void freeSlab(Slab* slab);
  void linkFirst(Slab* slab);
  void linkLast(Slab* slab);
  void unlink(Slab* slab);

  TimerMemory& memory_;
  Slab** slabs_ = nullptr;
  uint32_t* vacant_ = nullptr;
  // Apart from the slabs, small enough to stay in the cache: cancelling looks at nothing else than
  // an owner, and walking a queue waits for none of its entries to find the next.
  uint32_t* nexts_ = nullptr;
  uint16_t* owners_ = nullptr;
  uint32_t vacantCount_ = 0;
  uint32_t capacity_ = 0;
  // Slabs with a free block: those partly in use first, those wholly free last.
  Slab* first_ = nullptr;
  Slab* last_ = nullptr;
  size_t free_ = 0;
  size_t used_ = 0;
};

}  // namespace heddle::loop
