// A shared map under threads: a million operations whose history per key is checked, values that
// must never be torn, readers during growth, walks during change, litmus tests of the memory order,
// threads that come and go.
#include <barrier>
#include <thread>
#include <vector>

#include "sys/clock.h"
#include "test/shared_fixture.h"

using namespace heddle::test;
namespace mem = heddle::mem;

namespace {

constexpr int kThreads = 4;

// Threads that take part, each with its number and random sequence.
template <class Body>
void inThreads(int count, Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; i++) {
    threads.emplace_back([i, &body] {
      const Attached attached;
      check::Random random(check::seed() * 1000 + static_cast<uint64_t>(i));
      body(i, random);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The value of a key at a version: its size and every byte follow from both, so that each version
// differs from every other and a mixture of two is none.
class Chain {
 public:
  // 8 bytes to 100 KB, few of them large.
  static size_t bytesAt(uint64_t key, uint64_t version) {
    check::Random random(key * 31 + version);
    const uint32_t scale = random.below(1000);
    if (scale == 0) return 100'000;
    if (scale < 50) return 8 + random.below(5000);
    return 8 + random.below(120);
  }
  const std::string& write(uint64_t key, uint64_t version) {
    bytes_.resize(bytesAt(key, version));
    fill(bytes_.data(), bytes_.size(), key, version);
    return bytes_;
  }
  // The version that a value bears; ~0 when it is not exactly that.
  uint64_t read(uint64_t key, const unsigned char* data, size_t bytes) {
    uint64_t version = ~uint64_t{0};
    if (bytes < sizeof(version)) return version;
    std::memcpy(&version, data, sizeof(version));
    if (bytesAt(key, version) != bytes) return ~uint64_t{0};
    expected_.resize(bytes);
    fill(expected_.data(), bytes, key, version);
    return std::memcmp(expected_.data(), data, bytes) == 0 ? version : ~uint64_t{0};
  }

 private:
  static void fill(char* into, size_t bytes, uint64_t key, uint64_t version) {
    std::memcpy(into, &version, sizeof(version));
    std::memset(into + sizeof(version), static_cast<int>((version * 7 + key) & 0xff),
                bytes - sizeof(version));
  }

  std::string bytes_;
  std::string expected_;
};

constexpr uint64_t kMissing = ~uint64_t{0} - 1;

uint64_t versionOf(const SharedMap& map, uint64_t key, Chain& chain) {
  uint64_t version = kMissing;
  map.read(keyOf(textOf(key)),
           [&](const Node& node) { version = chain.read(key, node.valueData(), node.valueBytes); });
  return version;
}

}  // namespace

CASE("SM-09 A-SM-9 four threads, a million operations: each key's versions only go forward") {
  constexpr uint64_t kKeys = 64;
  constexpr int kOperations = 62'500 * check::kStressScale;
  const Attached attached;
  {
    const Held map("chains");
    Chain first;
    std::atomic<uint64_t> wins[kKeys] = {};
    for (uint64_t key = 0; key < kKeys; key++) put(*map, textOf(key), first.write(key, 0));
    inThreads(kThreads, [&](int, check::Random& random) {
      const Held mine("chains");
      Chain chain;
      Chain next;
      uint64_t seen[kKeys] = {};
      for (int i = 0; i < kOperations; i++) {
        const uint64_t key = random.below(kKeys);
        const uint64_t version = versionOf(*mine, key, chain);
        if (version > kMissing - 1 || version < seen[key]) {
          CHECK(false);  // torn, lost, or gone back
          return;
        }
        seen[key] = version;
        if (i % 4 != 0) continue;
        const std::string text = textOf(key);
        const Value before = bytesOf(chain.write(key, version));
        const Value after = bytesOf(next.write(key, version + 1));
        if (mine->compareAndSet(keyOf(text), &before, &after, 0) == 1) {
          seen[key] = version + 1;
          // Relaxed: read after the threads have been joined.
          wins[key].fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    for (uint64_t key = 0; key < kKeys; key++) {
      CHECK_EQ(versionOf(*map, key, first), wins[key].load());
    }
  }
  checkNothingLeft();
}

CASE("SM-09 increments from all threads sum exactly, and no sum comes twice") {
  constexpr uint64_t kKeys = 8;
  constexpr int kOperations = 20'000 * check::kStressScale;
  const Attached attached;
  {
    const Held map("sums");
    std::vector<std::atomic<uint8_t>> taken(kKeys * kThreads * kOperations + kKeys);
    inThreads(kThreads, [&](int, check::Random& random) {
      double seen[kKeys] = {};
      for (int i = 0; i < kOperations; i++) {
        const uint64_t key = random.below(kKeys);
        double sum = 0;
        CHECK_EQ(map->increment(keyOf(textOf(key)), 1, 0, &sum), 0);
        // Ours is later than what this thread saw, and nobody else's.
        CHECK(sum > seen[key]);
        CHECK_EQ(taken[static_cast<uint64_t>(sum) * kKeys + key].fetch_add(1), 0);
        seen[key] = sum;
        map->read(keyOf(textOf(key)), [&](const Node& node) {
          CHECK(node.numberNow() >= seen[key]);
          seen[key] = node.numberNow();
        });
      }
    });
    double total = 0;
    for (uint64_t key = 0; key < kKeys; key++) {
      map->read(keyOf(textOf(key)), [&](const Node& node) { total += node.numberNow(); });
    }
    CHECK_EQ(total, double{kThreads} * kOperations);
  }
  checkNothingLeft();
}

CASE("SM-09 readers miss no key while tables grow and gaps come and go") {
  constexpr uint64_t kEntries = 30'000 * check::kStressScale;
  const Attached attached;
  for (int round = 0; round < 3; round++) {
    const Held map("grow");
    std::atomic<uint64_t> written{0};
    inThreads(kThreads, [&](int thread, check::Random& random) {
      if (thread == 0) {
        for (uint64_t i = 0; i < kEntries; i++) {
          const std::string text = textOf(i);
          CHECK_EQ(map->set(keyOf(text), Value::of(static_cast<double>(i)), SetMode::kAlways, 0),
                   1);
          // Release: pairs with the readers' acquire.
          written.store(i + 1, std::memory_order_release);
        }
        return;
      }
      // One that makes gaps and fills them; the others only read.
      for (uint64_t i = 0; written.load(std::memory_order_acquire) < kEntries; i++) {
        if (thread == 1) {
          const std::string text = "gap" + std::to_string(random.below(2000));
          put(*map, text, "x");
          CHECK_EQ(map->remove(keyOf(text)), 1);
        }
        const uint64_t known = written.load(std::memory_order_acquire);
        if (known == 0) continue;
        const uint64_t number = i % 2 == 0 ? known - 1 : random.next() % known;
        double found = -1;
        map->read(keyOf(textOf(number)), [&](const Node& node) { found = node.numberNow(); });
        if (found != static_cast<double>(number)) {
          CHECK_EQ(found, static_cast<double>(number));
          return;
        }
      }
    });
    CHECK_EQ(map->stats().entries, kEntries);
  }
  checkNothingLeft();
}

CASE("SM-09 a walk gives what stays exactly once, and others at most once, while others write") {
  constexpr uint64_t kStay = 2000;
  const Attached attached;
  {
    const Held map("walks");
    for (uint64_t i = 0; i < kStay; i++) put(*map, "stay" + textOf(i), "v");
    std::atomic<bool> stop{false};
    inThreads(kThreads, [&](int thread, check::Random& random) {
      if (thread == 0) {
        for (int walk = 0; walk < 20 * check::kStressScale; walk++) {
          const std::multiset<std::string> keys = walkAll(*map);
          const std::set<std::string> once(keys.begin(), keys.end());
          CHECK_EQ(once.size(), keys.size());
          for (uint64_t i = 0; i < kStay; i++) CHECK_EQ(once.count("stay" + textOf(i)), 1u);
        }
        stop.store(true);
        return;
      }
      for (uint64_t i = 0; !stop.load(); i++) {
        // In waves, so that tables grow far beyond what stays, and are rebuilt smaller.
        const std::string text = std::to_string(thread) + textOf(random.below(10'000));
        if (i / 20'000 % 2 == 0) {
          put(*map, text, "w");
        } else {
          map->remove(keyOf(text));
        }
        if (i % 8 == 0) put(*map, "stay" + textOf(random.below(kStay)), "u");
      }
    });
  }
  checkNothingLeft();
}

CASE("SM-09 a budget holds whenever a write has returned, with four writers") {
  constexpr uint64_t kMaxBytes = 200'000;
  // What the others may have added and not yet made up for.
  constexpr uint64_t kInFlight = (kThreads - 1) * 10'400;
  const Attached attached;
  {
    const Held map("budget", {.maxBytes = kMaxBytes});
    Chain check;
    inThreads(kThreads, [&](int, check::Random& random) {
      Chain chain;
      for (int i = 0; i < 15'000 * check::kStressScale; i++) {
        const uint64_t key = random.below(5000);
        const std::string text = textOf(key);
        const std::string value(8 + random.below(i % 100 == 0 ? 10'000 : 200), 'v');
        CHECK_EQ(put(*map, text, value), 1);
        map->read(keyOf(textOf(random.below(5000))), [](const Node& node) {
          for (uint32_t at = 0; at < node.valueBytes; at++) CHECK_EQ(node.valueData()[at], 'v');
        });
        if (i % 50 == 0) CHECK(map->stats().bytes <= kMaxBytes + kInFlight);
      }
    });
    const MapStats stats = map->stats();
    CHECK(stats.bytes <= kMaxBytes);
    CHECK(stats.evictions > 0);
    CHECK_EQ(walkAll(*map).size(), stats.entries);
  }
  checkNothingLeft();
}

CASE("SM-09 nobody sees an entry past its end") {
  const Attached attached;
  {
    const Held map("ends");
    inThreads(kThreads, [&](int, check::Random& random) {
      for (int i = 0; i < 20'000 * check::kStressScale; i++) {
        const std::string text = textOf(random.below(200));
        if (i % 2 == 0) put(*map, text, "v", SetMode::kAlways, 1 + random.below(200'000));
        const int64_t before = heddle::sys::monotonicNs();
        map->read(keyOf(text), [&](const Node& node) { CHECK(node.expiresNs > before); });
        double sum = 0;
        // One that has expired begins anew.
        CHECK_EQ(map->increment(keyOf("n" + text), 1, 1 + random.below(50'000), &sum), 0);
        CHECK(sum >= 1);
      }
    });
  }
  checkNothingLeft();
}

CASE("SM-09 clear and writers: nothing half there, counts exact afterwards") {
  const Attached attached;
  {
    const Held map("clear", {.maxBytes = 10'000'000});
    inThreads(kThreads, [&](int thread, check::Random& random) {
      Chain chain;
      for (int i = 0; i < 10'000 * check::kStressScale; i++) {
        const uint64_t key = random.below(1000);
        if (thread == 0 && i % 500 == 0) map->clear();
        put(*map, textOf(key), chain.write(key, random.below(50)));
        const uint64_t version = versionOf(*map, random.below(1), chain);
        CHECK(version == kMissing || version < 50);
      }
    });
    CHECK_EQ(walkAll(*map).size(), map->stats().entries);
    map->clear();
    CHECK_EQ(map->stats().entries, 0u);
    CHECK_EQ(map->stats().bytes, 0u);
  }
  checkNothingLeft();
}

CASE("SM-09 threads come and go, and the map comes and goes with them") {
  const Attached attached;
  for (int round = 0; round < 25 * check::kStressScale; round++) {
    inThreads(kThreads, [&](int, check::Random& random) {
      for (int visit = 0; visit < 4; visit++) {
        const Held map("visits");
        for (int i = 0; i < 100; i++) {
          const std::string text = textOf(random.below(50));
          double sum = 0;
          CHECK_EQ(map->increment(keyOf(text), 1, 0, &sum), 0);
          CHECK(map->has(keyOf(text)));
          put(*map, "t" + text, std::string(random.below(300), 'v'));
        }
      }
    });
    if (round % 10 == 0) checkNothingLeft();
  }
  checkNothingLeft();
}

namespace {

// Two threads, round after round: each stores one key and then reads the other's. At least one of
// them must see the other's store.
template <class Write>
void storeThenRead(Write write) {
  constexpr int kRounds = 10'000 * check::kStressScale;
  const Held map("litmus");
  double found[2] = {0, 0};
  std::barrier meet(2);
  write(*map, 0, 0);
  write(*map, 1, 0);
  inThreads(2, [&](int thread, check::Random&) {
    for (int round = 1; round <= kRounds; round++) {
      meet.arrive_and_wait();
      write(*map, thread, round);
      map->read(keyOf(textOf(static_cast<uint64_t>(1 - thread))),
                [&](const Node& node) { found[thread] = node.numberNow(); });
      meet.arrive_and_wait();
      if (thread == 0) CHECK(found[0] == round || found[1] == round);
    }
  });
}

}  // namespace

CASE("SM-09 operations on two keys have one order: store, then read") {
  const Attached attached;
  storeThenRead([](SharedMap& map, int which, int round) {
    const std::string text = textOf(static_cast<uint64_t>(which));
    CHECK_EQ(map.set(keyOf(text), Value::of(static_cast<double>(round)), SetMode::kAlways, 0), 1);
  });
  checkNothingLeft();
}

CASE("SM-09 operations on two keys have one order: add, then read") {
  const Attached attached;
  storeThenRead([](SharedMap& map, int which, int round) {
    const std::string text = textOf(static_cast<uint64_t>(which));
    double sum = 0;
    CHECK_EQ(map.increment(keyOf(text), round == 0 ? 0 : 1, 0, &sum), 0);
  });
  checkNothingLeft();
}

CASE("SM-09 who sees a later store sees the earlier one, under another key too") {
  const Attached attached;
  {
    const Held map("causes");
    const auto set = [&](const char* text, int number) {
      CHECK_EQ(map->set(keyOf(text), Value::of(static_cast<double>(number)), SetMode::kAlways, 0),
               1);
    };
    const auto get = [&](const char* text) {
      double found = 0;
      map->read(keyOf(text), [&](const Node& node) { found = node.numberNow(); });
      return found;
    };
    constexpr int kRounds = 50'000 * check::kStressScale;
    inThreads(2, [&](int thread, check::Random&) {
      for (int i = 1; i <= kRounds; i++) {
        if (thread == 0) {
          set("data", i);
          set("flag", i);
        } else {
          const double flag = get("flag");
          CHECK(get("data") >= flag);
        }
      }
    });
  }
  checkNothingLeft();
}
