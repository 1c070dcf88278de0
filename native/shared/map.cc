#include "shared/map.h"

#include <algorithm>
#include <cerrno>
#include <new>

#include "mem/builtin_types.h"
#include "mem/memtype.h"

namespace heddle::shared {

namespace {

constinit NameList maps;  // with its lock held

mem::Memtype memtype() { return mem::builtinType(mem::Builtin::kSharedMap); }

}  // namespace

// --- life

SharedMap::SharedMap(const MapSpec& spec, Versions* versions)
    : clock_(spec.clock), ttlNs_(spec.ttlNs), versions_(versions) {
  budget_.maxBytes = spec.maxBytes;
  for (uint32_t i = 0; i < kShards; i++) shards_[i].belongTo(&budget_, versions, i);
}

int SharedMap::open(const Name& name, const MapSpec& spec, SharedMap** out) {
  if (!mem::epochAttached()) return -EPERM;
  if (name.bytes > kMaxKeyBytes) return -E2BIG;
  const std::lock_guard held(NameList::lock());
  const int prepared = drawSecrets();
  if (prepared < 0) return prepared;
  if (Named* const found = maps.find(name); found != nullptr) {
    auto* const map = static_cast<SharedMap*>(found);
    if (map->budget_.maxBytes != spec.maxBytes || map->ttlNs_ != spec.ttlNs) return -EINVAL;
    map->holders++;
    *out = map;
    return 0;
  }
  void* const block = mem::allocateBytes(memtype(), sizeof(SharedMap) + name.bytes);
  if (block == nullptr) return -ENOMEM;
  Versions* const versions = Versions::make();
  if (versions == nullptr) {
    mem::release(memtype(), block);
    return -ENOMEM;
  }
  *out = new (block) SharedMap(spec, versions);
  maps.add(*out, name, *out + 1);
  return 0;
}

void SharedMap::close() {
  {
    const std::lock_guard held(NameList::lock());
    if (!maps.leave(this)) return;
  }
  // Nobody else is in it. The epochs are only asked to do the freeing, which may be long, on
  // another thread; therefore the bytes are not counted either, at whose limit this thread would
  // wait for it.
  mem::epochRetire(this, sizeof(SharedMap), destroy);
}

void SharedMap::destroy(mem::Retired* retired) {
  auto* const map = static_cast<SharedMap*>(retired);
  for (Shard& shard : map->shards_) shard.destroy();
  map->versions_->drop();
  map->~SharedMap();
  mem::release(memtype(), map);
}

// --- writing

int64_t SharedMap::endOf(int64_t ttlNs, Now& now) const {
  return now.endOf(ttlNs == kDefaultTtl ? ttlNs_ : ttlNs);
}

int SharedMap::check(const Key& key, const Value* value) const {
  if (key.bytes > kMaxKeyBytes) return -E2BIG;
  if (value == nullptr) return 0;
  if (value->bytes > kMaxValueBytes) return -E2BIG;
  const bool fits = !budget_.limited() || costOf(key.bytes, value->bytes) <= budget_.maxBytes;
  return fits ? 0 : -E2BIG;
}

// What all writers have in common: `change(shard, place, garbage)` runs with the shard's lock and
// returns what the operation returns, above zero when it has put `fresh`; otherwise that is dropped
// here.
template <class Change>
int SharedMap::write(const Key& key, Node* fresh, Now& now, Change&& change) {
  // A large shard evicts for itself, but not all that a huge value may need.
  constexpr uint64_t kLarge = 64;
  constexpr int kAtOnce = 4;
  Shard& shard = shardOf(key);
  int result = 0;
  {
    Garbage garbage;
    const std::lock_guard held(shard.lock);
    result = change(shard, shard.locate(key, now, garbage), garbage);
    shard.sweep(now, garbage);
    for (int i = 0; i < kAtOnce && budget_.exceeded() && shard.entries() > kLarge; i++) {
      if (!shard.evict(fresh, false, now, garbage)) break;
    }
  }
  if (result <= 0 && fresh != nullptr) dropNode(fresh);
  makeRoom(result > 0 ? fresh : nullptr, now);
  return result;
}

int SharedMap::set(const Key& key, const Value& value, SetMode mode, int64_t ttlNs) {
  const int checked = check(key, &value);
  if (checked < 0) return checked;
  Now now(clock_);
  Node* const fresh = makeNode(key, value, endOf(ttlNs, now));
  if (fresh == nullptr) return -ENOMEM;
  return write(key, fresh, now, [&](Shard& shard, const Shard::Place& place, Garbage& garbage) {
    if (mode != SetMode::kAlways && (mode == SetMode::kIfPresent) != (place.node != nullptr))
      return 0;
    return shard.put(place, fresh, now, garbage) ? 1 : -ENOMEM;
  });
}

int SharedMap::remove(const Key& key) {
  if (key.bytes > kMaxKeyBytes) return 0;
  Now now(clock_);
  return write(key, nullptr, now, [](Shard& shard, const Shard::Place& place, Garbage& garbage) {
    if (place.node == nullptr) return 0;
    shard.remove(place, garbage);
    return 1;
  });
}

int SharedMap::compareAndSet(const Key& key, const Value* expected, const Value* value,
                             int64_t ttlNs) {
  const int checked = check(key, value);
  if (checked < 0) return checked;
  Now now(clock_);
  Node* const fresh = value != nullptr ? makeNode(key, *value, endOf(ttlNs, now)) : nullptr;
  if (value != nullptr && fresh == nullptr) return -ENOMEM;
  return write(key, fresh, now, [&](Shard& shard, const Shard::Place& place, Garbage& garbage) {
    const bool agrees = expected == nullptr ? place.node == nullptr
                                            : place.node != nullptr && place.node->holds(*expected);
    if (!agrees) return 0;
    if (fresh != nullptr) return shard.put(place, fresh, now, garbage) ? 1 : -ENOMEM;
    if (place.node != nullptr) shard.remove(place, garbage);
    return 1;
  });
}

int SharedMap::increment(const Key& key, double by, int64_t ttlNs, double* out) {
  // Adding in place: readers see the number before or after. A sum too is the one NaN.
  const auto add = [&](Shard& shard, Node* node) {
    if (node->valueKind != ValueKind::kNumber) return -EINVAL;
    const uint64_t sum =
        bitsOf(std::bit_cast<double>(node->number.load(std::memory_order_relaxed)) + by);
    shard.store(node, sum);
    if (budget_.limited()) node->touch();
    *out = std::bit_cast<double>(sum);
    return 0;
  };
  Now now(clock_);
  const Value first = Value::of(0 + by);
  const int checked = check(key, &first);
  if (checked < 0) return checked;
  // Without a node for a new entry first: most of the time there is one.
  constexpr int kMissing = 0;
  constexpr int kPut = 1;
  Node* fresh = nullptr;
  int failure = 0;
  const auto change = [&](Shard& shard, const Shard::Place& place, Garbage& garbage) {
    if (place.node != nullptr) {
      failure = add(shard, place.node);
      return -1;
    }
    if (fresh == nullptr) return kMissing;
    if (shard.put(place, fresh, now, garbage)) return kPut;
    failure = -ENOMEM;
    return -1;
  };
  int result = write(key, nullptr, now, change);
  if (result == kMissing) {
    fresh = makeNode(key, first, endOf(ttlNs, now));
    if (fresh == nullptr) return -ENOMEM;
    result = write(key, fresh, now, change);
    if (result == kPut) *out = std::bit_cast<double>(first.number);
  }
  return failure;
}

void SharedMap::clear() {
  for (Shard& shard : shards_) {
    Garbage garbage;
    const std::lock_guard held(shard.lock);
    shard.clear(garbage);
  }
}

// Goes round the shards, an eviction each, as long as the map is too large. A round takes the marks
// of small shards away; when three in a row have found nothing cold, readers are faster, and
// anything goes.
void SharedMap::makeRoom(const Node* keep, Now& now) {
  constexpr size_t kForcedAfter = 3 * kShards;
  constexpr size_t kNothingAfter = kForcedAfter + kShards;
  for (size_t misses = 0; budget_.exceeded() && misses < kNothingAfter;) {
    // Relaxed: anywhere will do.
    const uint32_t at = evictHand_.fetch_add(1, std::memory_order_relaxed) % kShards;
    Garbage garbage;
    const std::lock_guard held(shards_[at].lock);
    misses = shards_[at].evict(keep, misses >= kForcedAfter, now, garbage) ? 0 : misses + 1;
  }
}

// --- reading

int64_t SharedMap::ttlNs(const Key& key) const {
  int64_t left = -1;
  read(key, [&](const Node& node) {
    // It had not expired when it was found.
    left = node.expiresNs == 0 ? kNever : std::max<int64_t>(node.expiresNs - clock_(), 0);
  });
  return left;
}

MapStats SharedMap::stats() const {
  const mem::EpochScope section;
  Now now(clock_);
  MapStats sum{};
  for (const Shard& shard : shards_) {
    sum.entries += shard.liveEntries(now);
    sum.bytes += shard.bytes();
    sum.evictions += shard.evictions();
    sum.expirations += shard.expirations();
  }
  return sum;
}

}  // namespace heddle::shared
