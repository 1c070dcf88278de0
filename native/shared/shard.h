#pragma once

// A sixty-fourth of a map: a table that readers walk without a lock (table.h says why they may),
// and a lock for writers, who change the table, count, remove what has expired and evict. Belongs
// to its map. Who calls a method marked "locked" holds `lock` and a Garbage made before it.

#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/queue.h"
#include "shared/clock.h"
#include "shared/garbage.h"
#include "shared/table.h"
#include "shared/versions.h"

namespace heddle::shared {

// What a map's entries may cost together. Without a limit nothing is added up here: all writers
// would share the line.
struct Budget {
  uint64_t maxBytes = 0;  // 0: none
  std::atomic<uint64_t> heldBytes{0};

  [[nodiscard]] bool limited() const { return maxBytes != 0; }
  // Relaxed: a sum; whoever added sees at least what it added itself.
  [[nodiscard]] bool exceeded() const {
    return limited() && heldBytes.load(std::memory_order_relaxed) > maxBytes;
  }
};

class Shard {
 public:
  // Where a key is, or would be put.
  struct Place {
    size_t at = 0;
    Node* node = nullptr;
  };

  // Before anything else. `index` is this shard's among its map's.
  void belongTo(Budget* budget, Versions* versions, uint32_t index) {
    budget_ = budget;
    versions_ = versions;
    index_ = index;
  }

  // Readers, in a section, and writers.
  [[nodiscard]] Table table() const { return Table(table_.load(std::memory_order_seq_cst)); }

  // Locked. The key's live node. One that has expired is removed on the way.
  [[nodiscard]] Place locate(const Key& key, Now& now, Garbage& garbage);
  // Locked. Publishes the node where locate has found its key, or the place for it. False without
  // memory for a larger table: nothing has changed then, and the node is still the caller's.
  [[nodiscard]] bool put(const Place& place, Node* fresh, Now& now, Garbage& garbage);
  // Locked.
  void remove(const Place& place, Garbage& garbage) { unlink(place.at, place.node, garbage); }
  // Locked. The number there becomes another.
  void store(Node* node, uint64_t number) {
    const Versions::Change change(versions_, node->hash);
    node->number.store(number, std::memory_order_seq_cst);
  }
  // Locked. All entries at once.
  void clear(Garbage& garbage);

  // Locked. Looks at the next few slots for entries that have expired; so as many writes as a table
  // has slots have removed all that had when the first of them began.
  void sweep(Now& now, Garbage& garbage);
  // Locked. Evicts one entry, the next that the hand finds cold; entries that it passes become
  // colder. After kHandSteps of them the coldest so far will do. When the whole shard has been
  // passed before and nothing was cold, false, or with `force` the coldest. Never `keep`.
  [[nodiscard]] bool evict(const Node* keep, bool force, Now& now, Garbage& garbage);
  static constexpr size_t kHandSteps = 64;

  // Any thread, without the lock; the rest relaxed counters. Entries that have not expired: exact
  // when nobody writes.
  [[nodiscard]] uint64_t liveEntries(Now& now) const;
  [[nodiscard]] uint64_t entries() const { return entries_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t expirations() const {
    return expirations_.load(std::memory_order_relaxed);
  }

  // Nobody else is there, nor comes: frees everything.
  void destroy();

 private:
  using Count = std::atomic<uint64_t>;

  static constexpr size_t kSweepSteps = 2;

  [[nodiscard]] Node* nodeAt(size_t at) const { return table().nodeAt(at); }
  void store(size_t at, uint64_t word, uint64_t hash) {
    const Versions::Change change(versions_, hash);
    table().slot(at).store(word, std::memory_order_seq_cst);
  }
  // One writer at a time: no read-modify-write.
  static void change(Count& count, uint64_t by) {
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void charge(const Node* node);
  void discharge(const Node* node);
  void unlink(size_t at, Node* node, Garbage& garbage);
  void expire(size_t at, Node* node, Garbage& garbage);
  [[nodiscard]] bool rebuild(Now& now, Garbage& garbage);
  void noteEnd(int64_t expiresNs);

  // Readers' line.
  alignas(base::kCacheLineBytes) std::atomic<uint64_t> table_{0};

 public:
  alignas(base::kCacheLineBytes) std::mutex lock;

 private:
  // All under the lock; what is atomic is also read without it.
  Budget* budget_ = nullptr;
  Versions* versions_ = nullptr;
  uint32_t index_ = 0;
  size_t used_ = 0;    // slots that are not empty
  size_t mortal_ = 0;  // entries that will expire
  size_t sweepHand_ = 0;
  size_t evictHand_ = 0;
  Count entries_{0};
  Count bytes_{0};
  Count evictions_{0};
  Count expirations_{0};
  // No entry of the table expires before. The sweep finds the exact value for its next round.
  std::atomic<int64_t> earliestEnd_{kNever};
  int64_t earliestOfRound_ = kNever;
};

}  // namespace heddle::shared
