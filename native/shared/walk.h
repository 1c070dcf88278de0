#pragma once

// A walk over all entries of a map, a step at a time, with nothing held in between: no lock, no
// section, no memory, only the place it has come to.
//
// EXACTLY ONCE. A walk goes shard by shard, and in a shard in the order of hashes. A step takes all
// entries whose hash lies in one interval, and the next step begins where it ended. A key has one
// hash and so is taken in one step only, in which duplicates are dropped; nothing comes twice. And
// a key that is there during the whole walk comes: the step of its interval loads the table's word
// once and then looks at all slots from the first one that a hash of the interval begins at, up to
// the first empty slot behind the last one. The key lies between, in one slot that does not change
// its place (table.h), or, when the table is replaced meanwhile, it lies in the old one, which is
// not changed any more. Growth does not disturb the order, as a key's first slot is given by the
// highest bits of its hash in tables of every size. (One key can be seen twice within a step when
// it is removed behind the step and put back before it.)

#include <cstddef>
#include <cstdint>

#include "shared/shard.h"

namespace heddle::shared {

// Where a walk has come to; a new one is at the start.
struct WalkPlace {
  uint32_t shard = 0;
  uint64_t hash = 0;  // the lowest that has not been taken
};

// One step; lives within a section, as its nodes do. A step looks at about a thousand slots and
// holds up to a few hundred entries; it ends early when it has got a hundred, or a mebibyte of
// them.
class WalkStep {
 public:
  explicit WalkStep(Now now) : now_(now) {}

  // False when the walk is over. True with no entries at all is usual where few are.
  [[nodiscard]] bool take(const Shard* shards, WalkPlace* place);

  class Iterator {
   public:
    explicit Iterator(const Node* const* at) : at_(at) {}
    const Node* operator*() const { return *at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Node* const* at_;
  };
  [[nodiscard]] Iterator begin() const { return Iterator(nodes_); }
  [[nodiscard]] Iterator end() const { return Iterator(nodes_ + count_); }

 private:
  static constexpr size_t kEnoughNodes = 128;
  static constexpr size_t kEnoughSlots = 1024;
  static constexpr size_t kEnoughBytes = 1 << 20;
  static constexpr size_t kSlotsAtOnce = 128;
  static constexpr size_t kCapacity = 512;

  void gather(const Shard& shard, WalkPlace* place);
  [[nodiscard]] bool collect(Table table, uint64_t from, uint64_t through);
  void sortAndDrop(size_t first);
  [[nodiscard]] bool cut(size_t first, WalkPlace* place);

  Now now_;
  size_t count_ = 0;
  size_t slots_ = 0;
  size_t bytes_ = 0;
  const Node* nodes_[kCapacity];
};

}  // namespace heddle::shared
