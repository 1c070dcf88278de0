// Readers that dereference while writers retire and a collector reclaims; threads that come and go.
#include <algorithm>
#include <thread>
#include <vector>

#include "mem/epoch_collector.h"
#include "test/epoch_fixture.h"

using namespace epoch_test;
using heddle::mem::CollectorOptions;
using heddle::mem::EpochCollector;

namespace {

constexpr size_t kSlots = 64;

// Cells that always hold a living node.
struct Shared {
  Shared() {
    for (std::atomic<Node*>& slot : slots) slot.store(new Node(1), std::memory_order_relaxed);
  }
  ~Shared() {
    for (std::atomic<Node*>& slot : slots) delete slot.load(std::memory_order_relaxed);
  }
  std::atomic<Node*> slots[kSlots];
};

void replace(Domain& domain, Domain::Thread* self, Shared& shared, check::Random& random) {
  Node* fresh = new Node(random.next());
  // Release: readers see the contents. Acquire: the old one is ours to retire.
  Node* old = shared.slots[random.below(kSlots)].exchange(fresh, std::memory_order_acq_rel);
  retireNode(domain, self, old);
}

// One section of up to three levels; how many nodes were damaged.
int look(Domain::Thread* self, Shared& shared, check::Random& random) {
  int damaged = 0;
  const uint32_t levels = 1 + random.below(3);
  const Node* held[3] = {};
  for (uint32_t i = 0; i < levels; i++) {
    self->enter();
    held[i] = shared.slots[random.below(kSlots)].load(std::memory_order_acquire);
    if (!held[i]->intact()) damaged++;
  }
  if (random.below(200) == 0) EpochPlatform::pause(50);
  for (uint32_t i = levels; i-- > 0;) {
    // All that was found is still there, whatever the inner levels did.
    for (uint32_t each = 0; each < levels; each++) damaged += held[each]->intact() ? 0 : 1;
    if (!self->leave()) damaged++;
  }
  return damaged;
}

EpochOptions small(EpochOptions options) {
  options.highWaterBytes = 256 * sizeof(Node);
  options.limitBytes = 4096 * sizeof(Node);
  return options;
}

}  // namespace

CASE("SM-01 SM-07 SM-09 readers and writers against a collector, a million retirements") {
  inBothForms([](const EpochOptions& form) {
    const int64_t before = reclaimedCount();
    const int writes = 250'000;
    Domain domain(small(form));
    Shared shared;
    CollectorOptions quick;
    quick.minLatencyMs = 1;
    quick.maxLatencyMs = 2;
    EpochCollector collector(domain, quick);
    REQUIRE(collector.start() == 0);
    std::atomic<int> damaged{0};
    std::atomic<int> writing{2};
    std::atomic<uint64_t> highest{0};
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 2; i++) {
      threads.emplace_back([&, i] {
        check::Random random(check::seed() + i);
        Domain::Thread* self = domain.attach();
        for (int n = 0; n < writes; n++) {
          replace(domain, self, shared, random);
          if (n % 512 != 0) continue;
          // Asked for first, done second: never more than was really pending.
          const uint64_t requested = domain.stats().requestedBytes;
          const uint64_t done = domain.stats().completedBytes;
          if (requested > done) highest = std::max(highest.load(), requested - done);
        }
        domain.detach(self);
        writing--;
      });
      threads.emplace_back([&, i] {
        check::Random random(check::seed() + 100 + i);
        Domain::Thread* self = domain.attach();
        while (writing > 0) damaged += look(self, shared, random);
        domain.detach(self);
      });
    }
    for (std::thread& thread : threads) thread.join();
    domain.maintainBarrier(nullptr);
    collector.stop();
    CHECK_EQ(damaged.load(), 0);
    CHECK_EQ(reclaimedCount() - before, 2 * writes);
    // The limit, and twice a sixteenth of the mark for each of the two writers.
    CHECK(highest.load() <= (4096 + 4 * (16 + 1)) * sizeof(Node));
    checkQuiet(domain);
  });
}

CASE("SM-03 threads that come and go, with pending objects and open coroutine sections") {
  inBothForms([](const EpochOptions& form) {
    const int64_t before = reclaimedCount();
    Domain domain(small(form));
    Shared shared;
    CollectorOptions quick;
    quick.minLatencyMs = 1;
    quick.maxLatencyMs = 1;
    EpochCollector collector(domain, quick);
    REQUIRE(collector.start() == 0);
    std::atomic<int> damaged{0};
    std::atomic<int64_t> retired{0};
    const int lives = 60 * check::kStressScale;
    std::vector<std::thread> starters;
    for (uint64_t starter = 0; starter < 4; starter++) {
      starters.emplace_back([&, starter] {
        for (int life = 0; life < lives; life++) {
          std::thread([&, life] {
            check::Random random(check::seed() + starter * 1000 + static_cast<uint64_t>(life));
            Domain::Thread* self = domain.attach();
            Domain::Section* section = domain.makeSection();
            const uint32_t steps = random.below(200);
            for (uint32_t i = 0; i < steps; i++) {
              if (random.below(4) == 0) self->swap(random.below(2) == 0 ? section : nullptr);
              damaged += look(self, shared, random);
              replace(domain, self, shared, random);
              retired++;
            }
            if (random.below(8) == 0) self->enter();
            self->swap(nullptr);
            domain.dropSection(section);
            domain.detach(self);
          }).join();
        }
      });
    }
    for (std::thread& thread : starters) thread.join();
    domain.maintainBarrier(nullptr);
    collector.stop();
    CHECK_EQ(damaged.load(), 0);
    CHECK_EQ(reclaimedCount() - before, retired.load());
    const EpochStats stats = domain.stats();
    CHECK_EQ(stats.threads, 0u);
    CHECK_EQ(stats.sections, 0u);
    checkQuiet(domain);
  });
}

CASE("SM-06 maintaining from many threads at once reclaims each object once") {
  inBothForms([](const EpochOptions& form) {
    const int64_t before = reclaimedCount();
    Domain domain(small(form));
    Shared shared;
    const int rounds = 500 * check::kStressScale;
    std::atomic<int64_t> counted{0};
    std::atomic<int> damaged{0};
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 4; i++) {
      threads.emplace_back([&, i] {
        check::Random random(check::seed() + i);
        Domain::Thread* self = domain.attach();
        for (int n = 0; n < rounds; n++) {
          damaged += look(self, shared, random);
          replace(domain, self, shared, random);
          const uint32_t choice = random.below(20);
          if (choice == 0) counted += domain.maintainBarrier(self);
          if (choice == 1) counted += std::max<int64_t>(0, domain.maintainTry());
          if (choice == 2 && !domain.synchronize(self)) damaged++;
          const EpochStats stats = domain.stats();
          if (stats.requested < stats.completed) damaged++;
        }
        domain.detach(self);
      });
    }
    for (std::thread& thread : threads) thread.join();
    counted += domain.maintainBarrier(nullptr);
    CHECK_EQ(damaged.load(), 0);
    CHECK_EQ(reclaimedCount() - before, 4 * rounds);
    // What threads reclaim while they wait at the limit is in no count of theirs.
    if (domain.stats().waits == 0) CHECK_EQ(counted.load(), 4 * rounds);
    checkQuiet(domain);
  });
}
