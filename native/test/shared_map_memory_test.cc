// A shared map and a counter with memory refused at every site in turn. The engine is the system's,
// under which each block is asked for one by one, so that each passes the failpoint.
#include <cerrno>
#include <vector>

#include "mem/failpoint.h"
#include "test/shared_fixture.h"

using namespace heddle::test;
namespace mem = heddle::mem;

namespace {

// The system's engine, chosen before anything allocates.
const int engineSet = mem::setEngine("system");

// Takes part. The engine's own tables are grown before, so that they ask for nothing more while a
// case counts.
struct OnSystem {
  OnSystem() {
    CHECK_EQ(engineSet, 0);
    const Held map("grow");
    for (uint64_t i = 0; i < 20'000; i++) put(*map, textOf(i), "v");
  }
  Attached attached;
};

// A key of another shard than that one.
std::string elsewhere(const Key& key) {
  for (uint64_t i = 0;; i++) {
    if (keyOf(textOf(i)).hash % kShards != key.hash % kShards) return textOf(i);
  }
}

// What is in a map, for comparison before and after.
std::multiset<std::string> contentsOf(const SharedMap& map) {
  std::multiset<std::string> all;
  for (const std::string& key : walkAll(map)) all.insert(key + "=" + readOf(map, keyOf(key)));
  return all;
}

// Runs the operation with each request for memory refused in turn, until it passes. Where it fails,
// all entries must be as they were. Returns how often it failed.
template <class Operation>
int refuseInTurn(const SharedMap& map, Operation&& operation) {
  for (int failures = 0; failures < 100; failures++) {
    const std::multiset<std::string> before = contentsOf(map);
    const MapStats stats = map.stats();
    mem::failpoint().countdown.store(failures);
    const int result = operation();
    mem::failpoint().countdown.store(-1);
    if (result != -ENOMEM) {
      CHECK(result >= 0);
      return failures;
    }
    CHECK(contentsOf(map) == before);
    CHECK_EQ(map.stats().entries, stats.entries);
    CHECK_EQ(map.stats().bytes, stats.bytes);
  }
  return -1;
}

}  // namespace

CASE("SM-09 no memory: an operation fails whole, and the map stays as it was") {
  const OnSystem system;
  for (const uint64_t maxBytes : {0u, 1u << 20}) {
    const Held map("refused", {.maxBytes = maxBytes});
    const Key key = keyOf("key");
    const Value value = bytesOf("value");
    const Value other = bytesOf("other");
    const auto set = [&](const Value& to, SetMode mode) {
      return refuseInTurn(*map, [&] { return map->set(key, to, mode, 0); });
    };
    CHECK_EQ(set(value, SetMode::kAlways), 2);  // the node and its shard's first table
    CHECK_EQ(set(other, SetMode::kAlways), 1);
    CHECK_EQ(set(value, SetMode::kIfAbsent), 1);
    CHECK_EQ(set(value, SetMode::kIfPresent), 1);
    CHECK_EQ(refuseInTurn(*map, [&] { return map->compareAndSet(key, &value, &other, 0); }), 1);
    CHECK_EQ(refuseInTurn(*map, [&] { return map->compareAndSet(key, nullptr, &other, 0); }), 1);
    // These need none.
    CHECK_EQ(refuseInTurn(*map, [&] { return map->compareAndSet(key, &other, nullptr, 0); }), 0);
    CHECK_EQ(refuseInTurn(*map, [&] { return map->remove(key); }), 0);
    double sum = 0;
    const std::string counted = elsewhere(key);
    const auto increment = [&] { return map->increment(keyOf(counted), 1, 0, &sum); };
    CHECK_EQ(refuseInTurn(*map, increment), 2);
    CHECK_EQ(refuseInTurn(*map, increment), 0);
    CHECK_EQ(sum, 2.0);
  }
  checkNothingLeft();
}

CASE("SM-09 no memory for larger tables: nothing is lost, and later writes pass") {
  const OnSystem system;
  {
    const Held map("tables", {.clock = ManualClock::read});
    int refused = 0;
    constexpr uint64_t kEntries = 800;
    for (uint64_t i = 0; i < kEntries; i++) {
      const std::string key = textOf(i);
      const int64_t ttlNs = i % 3 == 0 ? 10 : 0;
      const int failures = refuseInTurn(
          *map, [&] { return map->set(keyOf(key), bytesOf(key), SetMode::kAlways, ttlNs); });
      CHECK(failures == 1 || failures == 2);
      if (failures == 2) refused++;
    }
    CHECK(refused >= static_cast<int>(kShards));
    CHECK_EQ(walkAll(*map).size(), kEntries);
    for (uint64_t i = 0; i < kEntries; i++) CHECK(readOf(*map, keyOf(textOf(i))) == textOf(i));
    // Reading and walking ask for nothing.
    const uint64_t requests = mem::failpoint().requests.load();
    CHECK(map->has(keyOf(textOf(1))));
    WalkPlace place;
    while (map->walk(&place, [](const Node&) {})) {
    }
    map->clear();
    CHECK_EQ(mem::failpoint().requests.load(), requests);
  }
  checkNothingLeft();
}

CASE("SM-09 no memory for a map or a counter: nothing is opened, nothing is left") {
  const OnSystem system;
  SharedMap* map = nullptr;
  for (int site = 0; site < 2; site++) {
    mem::failpoint().countdown.store(site);
    CHECK_EQ(SharedMap::open(nameOf("map"), {}, &map), -ENOMEM);
    mem::failpoint().countdown.store(-1);
    checkNothingLeft();
  }
  double value = 0;
  CounterCell cell{.value = &value};
  SharedCounter* counter = nullptr;
  mem::failpoint().countdown.store(0);
  CHECK_EQ(SharedCounter::open(nameOf("counter"), &cell, &counter), -ENOMEM);
  mem::failpoint().countdown.store(-1);
  checkNothingLeft();
  // Their names are free.
  REQUIRE(SharedMap::open(nameOf("map"), {.ttlNs = 1}, &map) == 0);
  map->close();
  REQUIRE(SharedCounter::open(nameOf("counter"), &cell, &counter) == 0);
  counter->close(&cell);
  checkNothingLeft();
}
