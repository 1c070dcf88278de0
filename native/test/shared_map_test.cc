// What a shared map does, seen from one thread: values, keys, modes, time, budget, walks, names.
#include "shared/map.h"

#include <cerrno>
#include <cmath>
#include <set>
#include <vector>

#include "test/shared_fixture.h"

using namespace heddle::test;
namespace mem = heddle::mem;

namespace {

constexpr int64_t kMs = 1'000'000;

MapSpec withClock(uint64_t maxBytes = 0, int64_t ttlNs = 0) {
  return {.maxBytes = maxBytes, .ttlNs = ttlNs, .clock = ManualClock::read};
}

}  // namespace

CASE("SM-09 SipHash gives the published results of its 2-4 form") {
  SipKey key{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
  unsigned char data[64];
  for (unsigned char i = 0; i < 64; i++) data[i] = i;
  CHECK_EQ((sipHash<2, 4>(key, data, 0)), 0x726fdb47dd0e0e31u);
  CHECK_EQ((sipHash<2, 4>(key, data, 8)), 0x93f5f5799a932462u);
  CHECK_EQ((sipHash<2, 4>(key, data, 15)), 0xa129ca6149be45e5u);
}

CASE("SM-09 every kind of value comes back as it went in") {
  const Attached attached;
  {
    const Held map("kinds");
    const Key key = keyOf("k");
    const double numbers[] = {0.0, -0.0, 1.5, -1e300, HUGE_VAL, std::nan("")};
    for (const double number : numbers) {
      CHECK_EQ(map->set(key, Value::of(number), SetMode::kAlways, 0), 1);
      uint64_t bits = 1;
      CHECK(map->read(key, [&](const Node& node) { bits = bitsOf(node.numberNow()); }));
      CHECK_EQ(bits, bitsOf(number));
    }
    for (int kind = 0; kind <= static_cast<int>(ValueKind::kTrue); kind++) {
      CHECK_EQ(map->set(key, Value::constant(static_cast<ValueKind>(kind)), SetMode::kAlways, 0),
               1);
      int found = -1;
      CHECK(map->read(key, [&](const Node& node) { found = static_cast<int>(node.valueKind); }));
      CHECK_EQ(found, kind);
    }
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{7}, size_t{5000}, size_t{5} << 20}) {
      const std::string value(bytes, static_cast<char>('a' + bytes % 26));
      CHECK_EQ(put(*map, "k", value), 1);
      CHECK(readOf(*map, key) == value);
    }
    // An odd key, and then units of 16 bits.
    const char16_t text[] = u"\u4e16\u754c";
    CHECK_EQ(map->set(key, Value::of(ValueKind::kUtf16, text, 4), SetMode::kAlways, 0), 1);
    map->read(key, [&](const Node& node) {
      CHECK_EQ(reinterpret_cast<uintptr_t>(node.valueData()) % alignof(char16_t), 0u);
      CHECK(std::memcmp(node.valueData(), text, 4) == 0);
    });
  }
  checkNothingLeft();
}

CASE("SM-09 keys of different kinds and lengths are different, and may be empty") {
  const Attached attached;
  {
    const Held map("keys");
    const char16_t wide[] = u"a\u0100";
    const std::string longest(kMaxKeyBytes, 'x');
    const Key keys[] = {Key::latin1("a", 1),
                        Key::ofBytes("a", 1),
                        Key::latin1("", 0),
                        Key::ofBytes("", 0),
                        Key::utf16(wide, 2),
                        Key::latin1("a\0b", 3),
                        Key::latin1(longest.data(), longest.size())};
    double number = 0;
    for (const Key& key : keys) {
      CHECK(!map->has(key));
      CHECK_EQ(map->set(key, Value::of(number++), SetMode::kAlways, 0), 1);
    }
    number = 0;
    for (const Key& key : keys) {
      CHECK_EQ(readOf(*map, key), "#" + std::to_string(static_cast<int>(number++)));
    }
    CHECK_EQ(map->stats().entries, std::size(keys));
    const std::string over(kMaxKeyBytes + 1, 'x');
    const Key tooLong = keyOf(over);
    double sum = 0;
    CHECK_EQ(map->set(tooLong, Value::of(1.0), SetMode::kAlways, 0), -E2BIG);
    CHECK_EQ(map->increment(tooLong, 1, 0, &sum), -E2BIG);
    CHECK(!map->has(tooLong));
    CHECK_EQ(map->remove(tooLong), 0);
    CHECK_EQ(map->set(keys[0], Value::of(ValueKind::kBytes, "", kMaxValueBytes + 1),
                      SetMode::kAlways, 0),
             -E2BIG);
    for (const Key& key : keys) CHECK_EQ(map->remove(key), 1);
    CHECK_EQ(map->remove(keys[0]), 0);
    CHECK_EQ(map->stats().entries, 0u);
    CHECK_EQ(map->stats().bytes, 0u);
  }
  checkNothingLeft();
}

CASE("SM-09 modes, compareAndSet and increment") {
  const Attached attached;
  {
    const Held map("modes");
    const Key key = keyOf("k");
    CHECK_EQ(put(*map, "k", "1", SetMode::kIfPresent), 0);
    CHECK_EQ(put(*map, "k", "2", SetMode::kIfAbsent), 1);
    CHECK_EQ(put(*map, "k", "3", SetMode::kIfAbsent), 0);
    CHECK_EQ(readOf(*map, key), std::string("2"));
    CHECK_EQ(put(*map, "k", "4", SetMode::kIfPresent), 1);

    const Value four = bytesOf("4");
    const Value five = bytesOf("5");
    const Value text = Value::of(ValueKind::kLatin1, "4", 1);
    CHECK_EQ(map->compareAndSet(key, &five, &four, 0), 0);
    CHECK_EQ(map->compareAndSet(key, &text, &five, 0), 0);  // another kind
    CHECK_EQ(map->compareAndSet(key, nullptr, &five, 0), 0);
    CHECK_EQ(map->compareAndSet(key, &four, &five, 0), 1);
    CHECK_EQ(map->compareAndSet(key, &five, nullptr, 0), 1);
    CHECK(!map->has(key));
    CHECK_EQ(map->compareAndSet(key, nullptr, nullptr, 0), 1);
    CHECK_EQ(map->compareAndSet(key, nullptr, &four, 0), 1);

    double sum = 0;
    CHECK_EQ(map->increment(key, 1, 0, &sum), -EINVAL);
    CHECK_EQ(readOf(*map, key), std::string("4"));
    CHECK_EQ(map->increment(keyOf("n"), -0.5, 0, &sum), 0);
    CHECK_EQ(sum, -0.5);
    CHECK_EQ(map->increment(keyOf("n"), 3, 0, &sum), 0);
    CHECK_EQ(sum, 2.5);
    // By Object.is: zeroes differ, NaN is NaN.
    const Value zero = Value::of(0.0);
    const Value minusZero = Value::of(-0.0);
    const Value nan = Value::of(std::nan("1"));
    const Value otherNan = Value::of(-std::nan("2"));
    CHECK_EQ(map->set(key, zero, SetMode::kAlways, 0), 1);
    CHECK_EQ(map->compareAndSet(key, &minusZero, &nan, 0), 0);
    CHECK_EQ(map->compareAndSet(key, &zero, &nan, 0), 1);
    CHECK_EQ(map->compareAndSet(key, &otherNan, &zero, 0), 1);
  }
  checkNothingLeft();
}

CASE("SM-09 an expired entry is seen by nobody, counted nowhere and put anew") {
  const Attached attached;
  {
    const Held map("ttl", withClock(0, 10 * kMs));
    const Key key = keyOf("k");
    CHECK_EQ(put(*map, "k", "default"), 1);
    CHECK_EQ(put(*map, "stays", "x", SetMode::kAlways, 0), 1);
    CHECK_EQ(put(*map, "longer", "x", SetMode::kAlways, 20 * kMs), 1);
    CHECK_EQ(map->ttlNs(key), 10 * kMs);
    CHECK_EQ(map->ttlNs(keyOf("stays")), kNever);
    CHECK_EQ(map->ttlNs(keyOf("absent")), -1);
    ManualClock::pass(10 * kMs - 1);
    CHECK_EQ(map->ttlNs(key), 1);
    CHECK_EQ(readOf(*map, key), std::string("default"));
    CHECK_EQ(map->stats().entries, 3u);
    ManualClock::pass(1);
    CHECK(!map->has(key));
    CHECK_EQ(map->ttlNs(key), -1);
    CHECK_EQ(map->stats().entries, 2u);
    CHECK_EQ(walkAll(*map).count("k"), 0u);
    const Value value = bytesOf("default");
    CHECK_EQ(map->compareAndSet(key, &value, &value, 0), 0);
    CHECK_EQ(put(*map, "k", "again", SetMode::kIfPresent), 0);
    CHECK_EQ(map->remove(key), 0);
    CHECK_EQ(put(*map, "k", "again", SetMode::kIfAbsent), 1);
    CHECK_EQ(map->stats().expirations, 1u);
    // The end of what is there stays; a new one is only for a new entry.
    double sum = 0;
    CHECK_EQ(map->increment(keyOf("n"), 1, 5 * kMs, &sum), 0);
    ManualClock::pass(3 * kMs);
    CHECK_EQ(map->increment(keyOf("n"), 1, 5 * kMs, &sum), 0);
    CHECK_EQ(map->ttlNs(keyOf("n")), 2 * kMs);
    ManualClock::pass(2 * kMs);
    CHECK_EQ(map->increment(keyOf("n"), 1, 5 * kMs, &sum), 0);
    CHECK_EQ(sum, 1.0);
    // A time beyond all times is none.
    CHECK_EQ(put(*map, "k", "x", SetMode::kAlways, kNever), 1);
    CHECK_EQ(map->ttlNs(key), kNever);
  }
  checkNothingLeft();
}

CASE("SM-09 writes sweep out what has expired, whatever they write") {
  const Attached attached;
  {
    const Held map("sweep", withClock());
    constexpr uint64_t kEntries = 5000;
    for (uint64_t i = 0; i < kEntries; i++) put(*map, textOf(i), "v", SetMode::kAlways, kMs);
    for (uint64_t i = 0; i < kEntries; i++) {
      put(*map, textOf(i) + "later", "v", SetMode::kAlways, 3 * kMs);
    }
    ManualClock::pass(kMs);
    CHECK_EQ(map->stats().entries, kEntries);
    CHECK_EQ(map->stats().expirations, 0u);
    // A round of each shard's hand: replacing makes no table grow.
    for (int round = 0; round < 8; round++) {
      for (uint64_t i = 0; i < kEntries; i++) {
        put(*map, textOf(i) + "later", "v", SetMode::kAlways, 3 * kMs);
      }
    }
    CHECK_EQ(map->stats().expirations, kEntries);
    CHECK_EQ(map->stats().entries, kEntries);
    CHECK_EQ(walkAll(*map).size(), kEntries);
    ManualClock::pass(3 * kMs);
    CHECK_EQ(map->stats().entries, 0u);
    CHECK_EQ(walkAll(*map).size(), 0u);
  }
  checkNothingLeft();
}

CASE("SM-09 a map with a budget stays within it, and keeps what is read") {
  const Attached attached;
  for (const uint64_t maxBytes : {uint64_t{4} << 10, uint64_t{64} << 10, uint64_t{4} << 20}) {
    const Held map("budget", withClock(maxBytes));
    const std::string value(100, 'v');
    put(*map, "hot", value);
    for (uint64_t i = 0; i < 40'000; i++) {
      CHECK_EQ(put(*map, textOf(i), value), 1);
      if (map->stats().bytes > maxBytes || !map->has(keyOf("hot"))) {
        CHECK(false);
        return;
      }
    }
    const MapStats stats = map->stats();
    CHECK_EQ(stats.entries + stats.evictions, 40'001u);
    CHECK(stats.evictions > 0);
    CHECK(stats.bytes > maxBytes - maxBytes / 8);
    CHECK_EQ(stats.entries, walkAll(*map).size());
    map->clear();
    CHECK_EQ(map->stats().bytes, 0u);
  }
  checkNothingLeft();
}

CASE("SM-09 what cannot fit is refused, what barely fits drives out the rest") {
  const Attached attached;
  {
    const Held map("fits", withClock(100'000));
    for (uint64_t i = 0; i < 300; i++) put(*map, textOf(i), "v");
    CHECK_EQ(put(*map, "k", std::string(100'000, 'v')), -E2BIG);
    CHECK_EQ(map->stats().evictions, 0u);
    CHECK_EQ(put(*map, "k", std::string(95'000, 'v')), 1);
    CHECK(map->has(keyOf("k")));
    CHECK(map->stats().bytes <= 100'000);
    CHECK(map->stats().evictions >= 250);
    // Growing in place, over and over: its own key is not what makes room.
    for (size_t bytes = 1; bytes < 90'000; bytes += 7001) {
      const std::string large(bytes, 'w');
      CHECK_EQ(put(*map, "k", large, SetMode::kIfPresent), 1);
      CHECK(readOf(*map, keyOf("k")) == large);
    }
    double sum = 0;
    for (uint64_t i = 0; i < 2000; i++)
      CHECK_EQ(map->increment(keyOf("n" + textOf(i)), 1, 0, &sum), 0);
    CHECK(map->stats().bytes <= 100'000);
  }
  {
    const Held tiny("tiny", withClock(1));
    CHECK_EQ(put(*tiny, "k", ""), -E2BIG);
    double sum = 0;
    CHECK_EQ(tiny->increment(keyOf("k"), 1, 0, &sum), -E2BIG);
  }
  checkNothingLeft();
}

CASE("SM-09 expired entries make room before others do") {
  const Attached attached;
  {
    const Held map("expired-first", withClock(64 << 10));
    for (uint64_t i = 0; i < 200; i++) put(*map, textOf(i), "v", SetMode::kAlways, kMs);
    ManualClock::pass(kMs);
    uint64_t more = 200;
    while (map->stats().expirations < 200 && more < 5000) put(*map, textOf(more++), "v");
    CHECK(map->stats().evictions < 100);
  }
  checkNothingLeft();
}

CASE("SM-09 a walk gives every entry once, in steps of bounded size") {
  const Attached attached;
  for (const uint64_t entries : {0u, 1u, 63u, 1000u, 30'000u}) {
    const Held map("walk");
    for (uint64_t i = 0; i < entries; i++) put(*map, textOf(i), "v");
    WalkPlace place;
    std::set<std::string> seen;
    size_t largest = 0;
    size_t steps = 0;
    for (bool more = true; more; steps++) {
      size_t step = 0;
      more = map->walk(&place, [&](const Node& node) {
        step++;
        CHECK(seen.emplace(reinterpret_cast<const char*>(node.keyData()), node.keyBytes).second);
      });
      largest = std::max(largest, step);
    }
    CHECK_EQ(seen.size(), entries);
    CHECK(largest <= 512);
    CHECK(steps <= 2 * (entries / 64) + kShards + 2);
    size_t again = 0;
    CHECK(!map->walk(&place, [&](const Node&) { again++; }));
    CHECK_EQ(again, 0u);
  }
  checkNothingLeft();
}

CASE("SM-09 a walk cuts its steps by bytes too") {
  const Attached attached;
  {
    const Held map("heavy");
    for (uint64_t i = 0; i < 100; i++) put(*map, textOf(i), std::string(300'000, 'v'));
    WalkPlace place;
    size_t largest = 0;
    std::multiset<std::string> keys;
    for (bool more = true; more;) {
      size_t bytes = 0;
      more = map->walk(&place, [&](const Node& node) {
        bytes += node.valueBytes;
        keys.emplace(reinterpret_cast<const char*>(node.keyData()), node.keyBytes);
      });
      largest = std::max(largest, bytes);
    }
    CHECK_EQ(keys.size(), 100u);
    CHECK_EQ((std::set<std::string>(keys.begin(), keys.end()).size()), 100u);
    CHECK(largest <= (1u << 20) + 300'000);
  }
  checkNothingLeft();
}

CASE("SM-09 entries that stay come exactly once while tables grow, shrink and fill with gaps") {
  const Attached attached;
  check::Random random(check::seed());
  for (int round = 0; round < 20; round++) {
    const Held map("walk-change");
    constexpr uint64_t kStay = 500;
    for (uint64_t i = 0; i < kStay; i++) put(*map, "stay" + textOf(i), "v");
    std::multiset<std::string> keys;
    WalkPlace place;
    uint64_t made = 0;
    while (map->walk(&place, [&](const Node& node) {
      keys.emplace(reinterpret_cast<const char*>(node.keyData()), node.keyBytes);
    })) {
      const uint32_t what = random.below(4);
      for (uint64_t i = 0; i < 2000; i++) {
        if (what == 0) put(*map, textOf(made++), "w");
        if (what == 1 && made > 0) map->remove(keyOf(textOf(--made)));
        if (what == 2) put(*map, "stay" + textOf(random.below(kStay)), "x");
        if (what == 3) {
          const std::string key = textOf(random.below(100));
          put(*map, key, "y");
          map->remove(keyOf(key));
        }
      }
    }
    for (uint64_t i = 0; i < kStay; i++) CHECK_EQ(keys.count("stay" + textOf(i)), 1u);
    for (const std::string& key : keys) CHECK_EQ(keys.count(key), 1u);
  }
  checkNothingLeft();
}

CASE("SM-09 a map is found by name and options, and goes with its last holder") {
  const Attached attached;
  {
    const Held first("name", withClock(1000, 5));
    SharedMap* second = nullptr;
    CHECK_EQ(SharedMap::open(nameOf("name"), {.maxBytes = 1000}, &second), -EINVAL);
    CHECK_EQ(SharedMap::open(nameOf("name"), {.ttlNs = 5}, &second), -EINVAL);
    REQUIRE(SharedMap::open(nameOf("name"), {.maxBytes = 1000, .ttlNs = 5}, &second) == 0);
    CHECK(second == &*first);
    const Held other("name2");
    // As a text of another kind.
    SharedMap* third = nullptr;
    REQUIRE(SharedMap::open({KeyKind::kUtf16, "name", 4}, {}, &third) == 0);
    CHECK(third != second);
    third->close();
    put(*first, "k", "v");
    second->close();
    CHECK_EQ(readOf(*first, keyOf("k")), std::string("v"));
    const std::string tooLong(kMaxKeyBytes + 1, 'n');
    CHECK_EQ(SharedMap::open(nameOf(tooLong), {}, &third), -E2BIG);
  }
  const Held again("name");
  CHECK(!again->has(keyOf("k")));
}

CASE("SM-09 a thread that takes no part in the epochs opens nothing") {
  SharedMap* map = nullptr;
  CHECK_EQ(SharedMap::open(nameOf("outside"), {}, &map), -EPERM);
}

CASE("SM-09 nothing is left of all these maps") {
  const Attached attached;
  checkNothingLeft();
}
