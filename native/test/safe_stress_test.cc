// Safe blocks under threads: readers dereference in sections while writers free and a collector
// reclaims. Contents are poisoned right before the release, so a reader that is given memory too
// late sees it, with or without sanitizers.
#include <atomic>
#include <thread>
#include <vector>

#include "mem/memtype.h"
#include "mem/safe_block.h"
#include "mem/safe_pin.h"
#include "test/check.h"

using namespace heddle::mem;

namespace {

constexpr uint64_t kAlive = 0x0123456789abcdefu;
constexpr int kPlaces = 64;

struct Payload {
  uint64_t salt;
  uint64_t check;

  void fill(uint64_t value) {
    salt = value;
    check = kAlive ^ value;
  }
  // Volatile: each look is a look.
  [[nodiscard]] bool intact() const {
    const volatile uint64_t* first = &salt;
    const volatile uint64_t* second = &check;
    return (*first ^ *second) == kAlive;
  }
};

SafeRelease poison(void* payload, size_t, void* context) {
  auto* const bytes = static_cast<Payload*>(payload);
  bytes->salt = 0;
  bytes->check = 0;
  // Relaxed: counting.
  static_cast<std::atomic<int64_t>*>(context)->fetch_add(1, std::memory_order_relaxed);
  return SafeRelease::kNow;
}

struct Shelf {
  std::atomic<Payload*> places[kPlaces] = {};
  std::atomic<uint64_t> ids[kPlaces] = {};
  std::atomic<int64_t> ended{0};
  std::atomic<int64_t> wrong{0};
  std::atomic<int64_t> made{0};
  std::atomic<bool> stop{false};

  Payload* make(uint64_t value) {
    void* const block =
        safeAllocate(sizeof(Payload), {.named = true, .cleanup = poison, .context = &ended});
    if (block == nullptr) return nullptr;
    made.fetch_add(1, std::memory_order_relaxed);
    static_cast<Payload*>(block)->fill(value);
    return static_cast<Payload*>(block);
  }
};

void runWriter(Shelf& shelf, uint64_t seed, int rounds) {
  REQUIRE(epochAttachThread() == 0);
  check::Random random(seed);
  for (int i = 0; i < rounds; i++) {
    Payload* const fresh = shelf.make(random.next());
    if (fresh == nullptr) continue;
    const uint32_t place = random.below(kPlaces);
    // Release: an id is handed on with what was written under it since it was given.
    shelf.ids[place].store(SafeBlock::of(fresh)->id, std::memory_order_release);
    // Release: a reader sees the contents. Acquire: the old one is freed after its making.
    Payload* const old = shelf.places[place].exchange(fresh, std::memory_order_acq_rel);
    if (old != nullptr) safeFree(old);
  }
  epochDetachThread();
}

void runReader(Shelf& shelf, uint64_t seed) {
  REQUIRE(epochAttachThread() == 0);
  check::Random random(seed);
  while (!shelf.stop.load(std::memory_order_relaxed)) {
    const EpochScope section;
    const Payload* held[4] = {};
    for (auto& each : held) {
      each = shelf.places[random.below(kPlaces)].load(std::memory_order_acquire);
    }
    const uint64_t id = shelf.ids[random.below(kPlaces)].load(std::memory_order_acquire);
    SafeBlock* const found = id == 0 ? nullptr : safeFind(id);
    for (const Payload* each : held) {
      if (each != nullptr && !each->intact()) shelf.wrong.fetch_add(1);
    }
    if (found != nullptr && !static_cast<Payload*>(found->payload())->intact()) {
      shelf.wrong.fetch_add(1);
    }
  }
  epochDetachThread();
}

// As an isolate: pins what it finds, reads it long after, lets go when it is told.
void runHolder(Shelf& shelf, uint64_t seed) {
  REQUIRE(epochAttachThread() == 0);
  check::Random random(seed);
  while (!shelf.stop.load(std::memory_order_relaxed)) {
    SafeHolder* const holder = SafeHolder::make([](void*) {}, nullptr);
    REQUIRE(holder != nullptr);
    std::vector<SafePin*> pins;
    for (int i = 0; i < 32; i++) {
      bool outOfMemory = false;
      SafePin* const pin = holder->pin(
          shelf.ids[random.below(kPlaces)].load(std::memory_order_acquire), &outOfMemory);
      if (pin != nullptr) pins.push_back(pin);
    }
    for (int i = 0; i < 8; i++) {
      for (SafePin* pin : pins) {
        if (!static_cast<Payload*>(pin->block->payload())->intact()) shelf.wrong.fetch_add(1);
      }
      while (SafePin* const due = holder->takeDue()) {
        std::erase(pins, due);
        SafeHolder::unpin(due);
      }
      std::this_thread::yield();
    }
    holder->close();
    for (SafePin* pin : pins) SafeHolder::unpin(pin);
    holder->unshare();
  }
  epochDetachThread();
}

void expectNothingPending(Shelf& shelf) {
  REQUIRE(epochAttachThread() == 0);
  for (auto& place : shelf.places) safeFree(place.load());
  epochMaintain(MaintainMode::kBarrier);
  const SafeStats stats = safeStats();
  CHECK_EQ(stats.freesRequested, stats.freesCompleted);
  CHECK_EQ(stats.bytesPending, 0u);
  CHECK_EQ(shelf.wrong.load(), 0);
  CHECK_EQ(shelf.ended.load(), shelf.made.load());
  epochDetachThread();
}

}  // namespace

CASE("SM-09 A-SM-9 eight threads read, pin, replace and free under a collector") {
  Shelf shelf;
  REQUIRE(epochStartCollector({.minLatencyMs = 1, .maxLatencyMs = 2}) == 0);
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < 3; i++) {
    readers.emplace_back([&shelf, i] { runReader(shelf, check::seed() + i); });
  }
  for (uint64_t i = 0; i < 2; i++) {
    readers.emplace_back([&shelf, i] { runHolder(shelf, check::seed() + 10 + i); });
  }
  std::vector<std::thread> writers;
  for (uint64_t i = 0; i < 3; i++) {
    writers.emplace_back(
        [&shelf, i] { runWriter(shelf, check::seed() + 20 + i, 80'000 * check::kStressScale); });
  }
  for (std::thread& each : writers) each.join();
  shelf.stop.store(true);
  for (std::thread& each : readers) each.join();
  epochStopCollector();
  expectNothingPending(shelf);
  CHECK_EQ(usageOf(memtypeByName("safe:block")).live, 0u);
  CHECK_EQ(usageOf(memtypeByName("safe:pin")).live, 0u);
  CHECK_EQ(usageOf(memtypeByName("safe:holder")).live, 0u);
}

CASE("SM-03 A-SM-6 threads that come and go lose nothing") {
  Shelf shelf;
  REQUIRE(epochStartCollector() == 0);
  std::thread reader([&shelf] { runReader(shelf, check::seed() + 99); });
  for (uint64_t round = 0; round < 20 * check::kStressScale; round++) {
    std::thread one([&shelf, round] { runWriter(shelf, check::seed() + 2 * round, 200); });
    std::thread two([&shelf, round] { runWriter(shelf, check::seed() + 2 * round + 1, 200); });
    one.join();
    two.join();
  }
  shelf.stop.store(true);
  reader.join();
  epochStopCollector();
  expectNothingPending(shelf);
}

CASE("SM-05 of two threads that free one block by its id, one wins") {
  std::atomic<int> won{0};
  std::atomic<int> late{0};
  std::atomic<uint64_t> offered{0};
  std::atomic<int> turns{0};
  const int rounds = 2000 * check::kStressScale;
  const auto free = [&] {
    REQUIRE(epochAttachThread() == 0);
    uint64_t last = 0;
    for (int i = 0; i < rounds; i++) {
      uint64_t id = offered.load(std::memory_order_acquire);
      while (id == last) {
        std::this_thread::yield();
        id = offered.load(std::memory_order_acquire);
      }
      last = id;
      const SafeFault fault = safeFreeById(id);
      (fault == SafeFault::kNone ? won : late).fetch_add(1);
      CHECK(fault == SafeFault::kNone || fault == SafeFault::kDoubleFree);
      turns.fetch_add(1, std::memory_order_release);
    }
    epochDetachThread();
  };
  std::thread one(free);
  std::thread two(free);
  REQUIRE(epochAttachThread() == 0);
  for (int i = 0; i < rounds; i++) {
    void* const block = safeAllocate(8, {.named = true});
    REQUIRE(block != nullptr);
    offered.store(SafeBlock::of(block)->id, std::memory_order_release);
    while (turns.load(std::memory_order_acquire) < 2 * (i + 1)) std::this_thread::yield();
  }
  one.join();
  two.join();
  CHECK_EQ(won.load(), rounds);
  CHECK_EQ(late.load(), rounds);
  epochMaintain(MaintainMode::kBarrier);
  epochDetachThread();
}

CASE("SM-07 a collector that is paused reclaims nothing until it goes on") {
  REQUIRE(epochAttachThread() == 0);
  REQUIRE(epochStartCollector({.minLatencyMs = 1, .maxLatencyMs = 2}) == 0);
  REQUIRE(epochPauseCollector(true) == 0);
  const SafeStats before = safeStats();
  safeFree(safeAllocate(8));
  CHECK_EQ(safeStats().freesCompleted, before.freesCompleted);
  CHECK_EQ(epochMaintain(MaintainMode::kTry), 1);
  CHECK_EQ(safeStats().freesCompleted, before.freesCompleted + 1);
  REQUIRE(epochPauseCollector(false) == 0);
  const uint64_t wanted = before.freesCompleted + 2;
  safeFree(safeAllocate(8));
  while (safeStats().freesCompleted < wanted) std::this_thread::yield();
  epochStopCollector();
  epochDetachThread();
}
