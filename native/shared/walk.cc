#include "shared/walk.h"

#include <algorithm>

namespace heddle::shared {

namespace {

constexpr uint64_t kLastHash = ~uint64_t{0};

bool isSameKey(const Node& a, const Node& b) {
  return a.hash == b.hash && a.keyKind == b.keyKind && a.keyBytes == b.keyBytes &&
         std::memcmp(a.keyData(), b.keyData(), a.keyBytes) == 0;
}

}  // namespace

bool WalkStep::take(const Shard* shards, WalkPlace* place) {
  if (place->shard >= kShards) return false;
  while (place->shard < kShards && count_ < kEnoughNodes && slots_ < kEnoughSlots &&
         bytes_ < kEnoughBytes) {
    gather(shards[place->shard], place);
  }
  return true;
}

void WalkStep::gather(const Shard& shard, WalkPlace* place) {
  const Table table = shard.table();
  uint64_t through = kLastHash;
  const size_t first = count_;
  if (table.exists()) {
    const size_t end = table.home(place->hash) + kSlotsAtOnce;
    if (end < table.slots()) through = table.firstHash(end) - 1;
    // So many in one interval are a rarity; a shorter one will do.
    while (!collect(table, place->hash, through) && through != place->hash) {
      count_ = first;
      through = place->hash + (through - place->hash) / 2;
    }
    sortAndDrop(first);
    if (cut(first, place)) return;
  }
  if (through == kLastHash) {
    place->shard++;
    place->hash = 0;
  } else {
    place->hash = through + 1;
  }
}

// The live nodes with a hash in the interval. False when they do not all fit.
bool WalkStep::collect(Table table, uint64_t from, uint64_t through) {
  const size_t last = table.home(through);
  size_t at = table.home(from);
  // Up to the last hash's first slot whatever lies there, then to the end of the run; around the
  // table once at most.
  size_t until = last - at;
  for (size_t seen = 0; seen < table.slots(); seen++, at = (at + 1) & table.mask()) {
    const uint64_t word = table.slot(at).load(std::memory_order_seq_cst);
    slots_++;
    if (word == kEmpty && seen >= until) break;
    const Node* const node = nodeIn(word);
    if (node == nullptr || node->hash < from || node->hash > through) continue;
    if (now_.isPast(node->expiresNs)) continue;
    if (count_ == kCapacity) return false;
    nodes_[count_++] = node;
  }
  return true;
}

// By hash, which nearly is the order of the slots, so few have to move.
void WalkStep::sortAndDrop(size_t first) {
  for (size_t i = first + 1; i < count_; i++) {
    const Node* const node = nodes_[i];
    size_t to = i;
    for (; to > first && nodes_[to - 1]->hash > node->hash; to--) nodes_[to] = nodes_[to - 1];
    nodes_[to] = node;
  }
  const auto isAgain = [](const Node* a, const Node* b) { return isSameKey(*a, *b); };
  count_ = static_cast<size_t>(std::unique(nodes_ + first, nodes_ + count_, isAgain) - nodes_);
}

// When these are too many bytes for one step, ends it before the entry that is too much; true then.
// Entries of one hash stay together.
bool WalkStep::cut(size_t first, WalkPlace* place) {
  for (size_t i = first; i < count_; i++) {
    const Node& node = *nodes_[i];
    if (bytes_ >= kEnoughBytes && (i == first || nodes_[i - 1]->hash != node.hash)) {
      place->hash = node.hash;
      count_ = i;
      return true;
    }
    bytes_ += node.keyBytes + size_t{node.valueBytes};
  }
  return false;
}

}  // namespace heddle::shared
