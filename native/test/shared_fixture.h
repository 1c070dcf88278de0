#pragma once

// Shared by the tests of the map and the counter: keys and values from C++ things, maps that close
// by themselves, a clock that stands still, and the check that nothing is left.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "mem/builtin_types.h"
#include "mem/epoch.h"
#include "shared/counter.h"
#include "shared/map.h"
#include "test/check.h"

namespace heddle::test {

using namespace heddle::shared;

inline Name nameOf(std::string_view text) { return {KeyKind::kLatin1, text.data(), text.size()}; }
inline Key keyOf(std::string_view text) { return Key::latin1(text.data(), text.size()); }
inline Value bytesOf(std::string_view text) {
  return Value::of(ValueKind::kBytes, text.data(), text.size());
}

// The calling thread takes part in the epochs.
class Attached {
 public:
  Attached() : attached_(mem::epochAttachThread() == 0) { CHECK(attached_); }
  ~Attached() { CHECK_EQ(mem::epochDetachThread(), 0); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  const bool attached_;
};

// A hold of a map.
class Held {
 public:
  explicit Held(std::string_view name, const MapSpec& spec = {}) {
    CHECK_EQ(SharedMap::open(nameOf(name), spec, &map_), 0);
  }
  ~Held() { map_->close(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  SharedMap* operator->() const { return map_; }
  SharedMap& operator*() const { return *map_; }

 private:
  SharedMap* map_ = nullptr;
};

// Time for maps that are given `read` as their clock.
struct ManualClock {
  static int64_t read() { return now().load(std::memory_order_relaxed); }
  static std::atomic<int64_t>& now() {
    static std::atomic<int64_t> instance{1};
    return instance;
  }
  static void pass(int64_t ns) { now().fetch_add(ns, std::memory_order_relaxed); }
};

// The text or bytes, or "#" with the number; "" when there is none.
inline std::string readOf(const SharedMap& map, const Key& key) {
  std::string found;
  map.read(key, [&](const Node& node) {
    if (node.valueKind == ValueKind::kNumber) {
      found = "#" + std::to_string(static_cast<int64_t>(node.numberNow()));
    } else {
      found.assign(reinterpret_cast<const char*>(node.valueData()), node.valueBytes);
    }
  });
  return found;
}

inline std::string textOf(uint64_t number) { return "key-" + std::to_string(number); }

inline int put(SharedMap& map, std::string_view key, std::string_view value,
               SetMode mode = SetMode::kAlways, int64_t ttlNs = kDefaultTtl) {
  return map.set(keyOf(key), bytesOf(value), mode, ttlNs);
}

// All keys of a walk from its start.
inline std::multiset<std::string> walkAll(const SharedMap& map) {
  std::multiset<std::string> keys;
  WalkPlace place;
  const auto take = [&](const Node& node) {
    keys.emplace(reinterpret_cast<const char*>(node.keyData()), node.keyBytes);
  };
  while (map.walk(&place, take)) {
  }
  return keys;
}

// What is retired is freed, and nothing of ours is left.
inline void checkNothingLeft() {
  mem::epochMaintain(mem::MaintainMode::kBarrier);
  for (const mem::Builtin type : {mem::Builtin::kSharedMap, mem::Builtin::kSharedTable,
                                  mem::Builtin::kSharedNode, mem::Builtin::kSharedCounter}) {
    CHECK_EQ(mem::usageOf(mem::builtinType(type)).live, 0u);
  }
  const mem::EpochStats stats = mem::epochs().stats();
  CHECK_EQ(stats.requested, stats.completed);
}

}  // namespace heddle::test
