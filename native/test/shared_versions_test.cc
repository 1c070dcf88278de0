// The numbers by which an isolate knows that what it remembers is still so.
#include "shared/versions.h"

#include <thread>
#include <vector>

#include "test/shared_fixture.h"

using namespace heddle::test;

namespace {

// What an isolate does: it looks up once, and answers from memory as long as the number stands.
class Remembering {
 public:
  Remembering(const SharedMap& map, const Key& key)
      : map_(map), key_(key), cell_(Versions::cellOf(key.hash)) {}

  [[nodiscard]] bool isCurrent() const {
    return trusted_ && map_.versions()->read(cell_) == version_;
  }
  [[nodiscard]] double get() {
    if (isCurrent()) {
      hits++;
      return value_;
    }
    value_ = -1;
    map_.readVersioned(key_, &version_, [&](const Node& node) { value_ = node.numberNow(); });
    trusted_ = Versions::isStable(version_);
    return value_;
  }

  uint64_t hits = 0;

 private:
  const SharedMap& map_;
  const Key key_;
  const uint32_t cell_;
  uint32_t version_ = 0;
  bool trusted_ = false;
  double value_ = -1;
};

int setNumber(SharedMap& map, const Key& key, double number) {
  return map.set(key, Value::of(number), SetMode::kAlways, 0);
}

}  // namespace

CASE("SM-09 every change of an entry ends what is remembered of it, and nothing else does") {
  const Attached attached;
  {
    const Held map("versions");
    const Key key = keyOf("k");
    const Value one = Value::of(1.0);
    const Value two = Value::of(2.0);
    Remembering memory(*map, key);
    double out = 0;
    const auto changes = [&](auto&& change) {
      (void)memory.get();
      CHECK(memory.isCurrent());
      change();
      CHECK(!memory.isCurrent());
      (void)memory.get();
      CHECK(memory.isCurrent());
    };
    changes([&] { CHECK_EQ(setNumber(*map, key, 1), 1); });
    CHECK_EQ(memory.get(), 1.0);
    changes([&] { CHECK_EQ(map->compareAndSet(key, &one, &two, 0), 1); });
    CHECK_EQ(memory.get(), 2.0);
    changes([&] { CHECK_EQ(map->increment(key, 3, 0, &out), 0); });
    CHECK_EQ(memory.get(), 5.0);
    changes([&] { CHECK_EQ(map->remove(key), 1); });
    CHECK_EQ(memory.get(), -1.0);
    changes([&] { CHECK_EQ(setNumber(*map, key, 7), 1); });
    changes([&] { map->clear(); });
    CHECK_EQ(memory.get(), -1.0);

    CHECK_EQ(setNumber(*map, key, 8), 1);
    (void)memory.get();
    CHECK_EQ(map->compareAndSet(key, &one, &two, 0), 0);
    CHECK_EQ(map->set(key, one, SetMode::kIfAbsent, 0), 0);
    CHECK(map->has(key));
    for (uint64_t i = 0; i < 100; i++) {
      const std::string name = textOf(i);
      const Key other = keyOf(name);
      if (Versions::cellOf(other.hash) != Versions::cellOf(key.hash)) setNumber(*map, other, 1);
    }
    CHECK(memory.isCurrent());
    CHECK_EQ(memory.get(), 8.0);
  }
  checkNothingLeft();
}

CASE("SM-09 eviction ends what is remembered, and spares what is answered from memory") {
  const Attached attached;
  {
    constexpr uint64_t kBudget = 64 * 1024;
    const Held map("versions-evict", {.maxBytes = kBudget});
    const Key hot = keyOf("hot");
    const Key cold = keyOf("cold");
    CHECK_EQ(setNumber(*map, hot, 1), 1);
    CHECK_EQ(setNumber(*map, cold, 1), 1);
    Remembering hotMemory(*map, hot);
    Remembering coldMemory(*map, cold);
    (void)hotMemory.get();
    (void)coldMemory.get();
    auto* const marks = static_cast<uint8_t*>(map->versions()->memory()) + 4 * Versions::kCells;
    for (uint64_t i = 0; i < 20'000; i++) {
      const std::string name = textOf(i);
      // As a view of JavaScript does; a mark is left though nothing is looked up.
      __atomic_store_n(marks + Versions::cellOf(hot.hash), Versions::kMark, __ATOMIC_RELAXED);
      CHECK_EQ(setNumber(*map, keyOf(name), 1), 1);
    }
    CHECK(map->has(hot));
    CHECK(!map->has(cold));
    CHECK(!coldMemory.isCurrent());
    CHECK_EQ(coldMemory.get(), -1.0);
  }
  checkNothingLeft();
}

CASE("SM-09 a mark spares every entry of its class, and wears off") {
  const Attached attached;
  {
    const Held map("versions-class", {.maxBytes = 64 * 1024});
    const Key hot = keyOf("hot");
    std::string mate;
    for (uint64_t i = 0; mate.empty(); i++) {
      const std::string text = "mate" + textOf(i);
      if (Versions::cellOf(keyOf(text).hash) == Versions::cellOf(hot.hash)) mate = text;
    }
    CHECK_EQ(setNumber(*map, hot, 1), 1);
    CHECK_EQ(setNumber(*map, keyOf(mate), 1), 1);
    auto* const marks = static_cast<uint8_t*>(map->versions()->memory()) + 4 * Versions::kCells;
    const auto fill = [&](bool marking) {
      for (uint64_t i = 0; i < 20'000; i++) {
        if (marking) {
          __atomic_store_n(marks + Versions::cellOf(hot.hash), Versions::kMark, __ATOMIC_RELAXED);
        }
        const std::string name = textOf(i);
        CHECK_EQ(setNumber(*map, keyOf(name), 1), 1);
      }
    };
    fill(true);
    CHECK(map->has(hot) && map->has(keyOf(mate)));
    fill(false);
    CHECK(!map->has(hot) && !map->has(keyOf(mate)));
  }
  checkNothingLeft();
}

// A writer says what it has stored only after it has stored it. Nobody who has heard of a number
// may read an older one, from memory or not.
CASE("SM-09 no thread trusts what it remembers beyond a change it has heard of") {
  const Attached attached;
  {
    const Held map("versions-threads");
    const Key key = keyOf("k");
    constexpr int kWrites = 100'000 / check::kStressScale;
    CHECK_EQ(setNumber(*map, key, 0), 1);
    std::atomic<double> announced{0};
    std::atomic<bool> stop{false};
    std::atomic<int> stale{0};
    std::atomic<uint64_t> hits{0};
    // What one has seen or stored, the others hear of.
    const auto announce = [&](double value) {
      double known = announced.load(std::memory_order_relaxed);
      while (known < value &&
             !announced.compare_exchange_weak(known, value, std::memory_order_release,
                                              std::memory_order_relaxed)) {
      }
    };
    const auto reader = [&](bool tells) {
      const Attached self;
      Remembering memory(*map, key);
      while (!stop.load(std::memory_order_relaxed)) {
        const double heard = announced.load(std::memory_order_acquire);
        const double value = memory.get();
        if (value < heard) stale++;
        if (tells) announce(value);
      }
      hits += memory.hits;
    };
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; i++) readers.emplace_back(reader, i > 0);
    for (int i = 1; i <= kWrites; i++) {
      CHECK_EQ(setNumber(*map, key, i), 1);
      if (i % 2 == 0) announce(i);
      // Now and then a pause, in which there is something to remember.
      if (i % 64 == 0) std::this_thread::yield();
    }
    stop = true;
    for (std::thread& thread : readers) thread.join();
    CHECK_EQ(stale.load(), 0);
    CHECK(hits.load() > 0);
  }
  checkNothingLeft();
}
