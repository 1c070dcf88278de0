#pragma once

// A map that all isolates of the process see: found by name, read without locks, written under the
// lock of one of 64 shards. Lives while it is held open; what it had goes with the last holder,
// through the epochs.
//
//   SharedMap* map = nullptr;
//   if (SharedMap::open(name, {}, &map) < 0) …
//   map->set(Key::latin1("a", 1), Value::of(1.0), SetMode::kAlways, kDefaultTtl);
//   map->read(key, [&](const Node& node) { … copy out … });
//   map->close();
//
// THREADS. Any that takes part in the epochs may call anything between its open and its close. A
// thread never waits for another while it holds a lock, and is never stopped in the middle of a
// call (an isolate that is terminated leaves its native call first), so the map stays whole and
// usable whoever ends.
//
// ONE KEY. Operations on one key are linearizable, and on several keys too, except `clear` and
// walks, which go shard by shard. Writers of a key are ordered by its shard's lock; for readers see
// table.h.
//
// TIME TO LIVE. An entry that has expired is found by nobody. It leaves memory when a writer meets
// it, by the sweep that each write does a little of, or when its table is rebuilt.
//
// BUDGET. With maxBytes a write that has made the map too large evicts until it is not, before it
// returns: in its own shard if that is large, else where a hand that goes round all shards stands,
// one lock at a time. The choice is CLOCK: reading marks an entry, the hand takes a mark away, and
// evicts what has none. What cannot fit alone is refused.
//
// FAILURE. -ENOMEM leaves every entry as it was. -E2BIG: the key, the value, or what both cost is
// beyond the limits.

#include <cstdint>

#include "mem/epoch.h"
#include "shared/names.h"
#include "shared/shard.h"
#include "shared/walk.h"
#include "sys/clock.h"

namespace heddle::shared {

struct MapSpec {
  uint64_t maxBytes = 0;  // keys, values and overhead; 0: no limit
  int64_t ttlNs = 0;      // of entries that are not given another; 0: none
  Clock clock = sys::monotonicNs;
};

enum class SetMode { kAlways, kIfAbsent, kIfPresent };

// For a call's ttlNs: the map's. 0 is never.
constexpr int64_t kDefaultTtl = -1;

struct MapStats {
  uint64_t entries;
  uint64_t bytes;
  uint64_t evictions;
  uint64_t expirations;
};

class SharedMap final : private mem::Retired, private Named {
 public:
  // Finds the map of that name or makes it; a hold of it, to be given back by close. -EINVAL: it
  // has other options. -EPERM: the thread takes no part in the epochs. -ENOMEM, -E2BIG (the name),
  // or what the source of randomness says.
  [[nodiscard]] static int open(const Name& name, const MapSpec& spec, SharedMap** out);
  // Once for each open, by any thread; the map is the caller's no more.
  void close();

  // Calls `use(const Node&)` in a section when the key is there; true then. The node is valid until
  // `use` returns. It must not write to the map.
  template <class Use>
  bool read(const Key& key, Use&& use) const {
    const mem::EpochScope section;
    const Node* const node = shardOf(key).table().find(key);
    if (node == nullptr) return false;
    if (node->expiresNs != 0 && node->expiresNs <= clock_()) [[unlikely]]
      return false;
    if (budget_.limited()) node->touch();
    use(*node);
    return true;
  }
  // As read, for a caller that remembers values (versions.h): before the look-up it stores the
  // number of the key's class into `version`.
  template <class Use>
  bool readVersioned(const Key& key, uint32_t* version, Use&& use) const {
    *version = versions_->read(Versions::cellOf(key.hash));
    return read(key, use);
  }
  [[nodiscard]] Versions* versions() const { return versions_; }
  // Whether it has a budget.
  [[nodiscard]] bool isLimited() const { return budget_.limited(); }
  [[nodiscard]] bool has(const Key& key) const {
    return read(key, [](const Node&) {});
  }
  // Nanoseconds, kNever for an entry that stays, -1 when there is none.
  [[nodiscard]] int64_t ttlNs(const Key& key) const;

  // 1 stored, 0 not by the mode.
  [[nodiscard]] int set(const Key& key, const Value& value, SetMode mode, int64_t ttlNs);
  // 1 or 0.
  int remove(const Key& key);
  // Stores only over a value encoded as the expected one; nullptr: only where there is none. A
  // value of nullptr removes. 1, or 0 when another value is there.
  [[nodiscard]] int compareAndSet(const Key& key, const Value* expected, const Value* value,
                                  int64_t ttlNs);
  // Adds to a number, 0 where there is none. The end of an entry that is there stays; `ttlNs` is
  // for one that is made. -EINVAL: the value is no number.
  [[nodiscard]] int increment(const Key& key, double by, int64_t ttlNs, double* out);
  void clear();

  // The next entries of a walk, see walk.h: calls `use(const Node&)` for each, in a section. False
  // when the walk had come to its end before.
  template <class Use>
  bool walk(WalkPlace* place, Use&& use) const {
    const mem::EpochScope section;
    WalkStep step(Now{clock_});
    if (!step.take(shards_, place)) return false;
    for (const Node* node : step) use(*node);
    return true;
  }

  [[nodiscard]] MapStats stats() const;

 private:
  SharedMap(const MapSpec& spec, Versions* versions);
  static void destroy(mem::Retired* retired);

  [[nodiscard]] const Shard& shardOf(const Key& key) const {
    return shards_[key.hash & (kShards - 1)];
  }
  [[nodiscard]] Shard& shardOf(const Key& key) { return shards_[key.hash & (kShards - 1)]; }
  [[nodiscard]] int64_t endOf(int64_t ttlNs, Now& now) const;
  // 0, or -E2BIG.
  [[nodiscard]] int check(const Key& key, const Value* value) const;
  template <class Change>
  [[nodiscard]] int write(const Key& key, Node* fresh, Now& now, Change&& change);
  void makeRoom(const Node* keep, Now& now);

  const Clock clock_;
  const int64_t ttlNs_;
  Versions* const versions_;
  Budget budget_;
  // The shard that evicts next.
  std::atomic<uint32_t> evictHand_{0};
  Shard shards_[kShards];
};

}  // namespace heddle::shared
