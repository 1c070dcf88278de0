// The marks, the collector, and the process-wide domain.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "mem/epoch.h"
#include "test/epoch_fixture.h"

using namespace epoch_test;
using heddle::mem::CollectorOptions;
using heddle::mem::EpochCollector;

namespace {

constexpr uint64_t kMark = 16 * sizeof(Node);
constexpr uint64_t kLimit = 64 * sizeof(Node);

EpochOptions tight(EpochOptions options) {
  options.highWaterBytes = kMark;
  options.limitBytes = kLimit;
  return options;
}

// Long enough that only marks and tickets make it work.
CollectorOptions lazy() {
  CollectorOptions options;
  options.minLatencyMs = 60'000;
  options.maxLatencyMs = 60'000;
  return options;
}

bool becomes(const auto& condition) {
  for (int i = 0; i < 20'000; i++) {
    if (condition()) return true;
    EpochPlatform::pause(1000);
  }
  return false;
}

// Whether a child that does this dies by SIGABRT.
bool aborts(const auto& action) {
  const pid_t child = fork();
  if (child == 0) {
    (void)!freopen("/dev/null", "w", stderr);
    action();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

CASE("SM-12 below the mark nobody is woken, from the mark on the wake function is called") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(tight(options));
    int woken = 0;
    domain.setWake([](void* count) { ++*static_cast<int*>(count); }, &woken);
    Domain::Thread* thread = domain.attach();
    for (uint64_t i = 0; i < 15; i++) retireNode(domain, thread, new Node(i));
    CHECK_EQ(woken, 0);
    retireNode(domain, thread, new Node(15));
    CHECK_EQ(woken, 1);
    CHECK_EQ(domain.stats().highWaters, 1u);
    CHECK_EQ(domain.maintainBarrier(thread), 16);
    CHECK_EQ(domain.backlogBytes(), 0u);
    domain.detach(thread);
    checkQuiet(domain);
  });
}

CASE("SM-12 a section held long: the writer waits at the limit, nothing is freed too early") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(tight(options));
    Domain::Thread* reader = domain.attach();
    Node* kept = new Node(1);
    reader->enter();
    const int64_t before = reclaimedCount();
    std::atomic<bool> finished{false};
    std::thread writer([&] {
      Domain::Thread* self = domain.attach();
      retireNode(domain, self, kept);
      for (uint64_t i = 0; i < 1000; i++) retireNode(domain, self, new Node(i));
      finished = true;
      domain.detach(self);
    });
    CHECK(becomes([&] { return domain.stats().waits == 1; }));
    for (int i = 0; i < 20; i++) {
      CHECK(kept->intact());
      CHECK(domain.stats().backlogBytes() <= kLimit + kMark / 16 + sizeof(Node));
      EpochPlatform::pause(1000);
    }
    CHECK(!finished);
    CHECK_EQ(reclaimedCount() - before, 0);
    CHECK(reader->leave());
    writer.join();
    CHECK(finished);
    domain.detach(reader);
    domain.maintainBarrier(nullptr);
    CHECK_EQ(reclaimedCount() - before, 1001);
    checkQuiet(domain);
  });
}

CASE("SM-12 in a section retiring never waits and is counted; tryRetire refuses at the limit") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(tight(options));
    Domain::Thread* thread = domain.attach();
    thread->enter();
    for (uint64_t i = 0; i < 100; i++) retireNode(domain, thread, new Node(i));
    CHECK(domain.stats().overruns > 0);
    CHECK_EQ(domain.stats().waits, 0u);
    CHECK(domain.overLimit());
    Node* refused = new Node(5);
    CHECK_EQ(domain.tryRetire(thread, refused, sizeof(Node), Node::end), -EAGAIN);
    CHECK_EQ(domain.stats().requested, 100u);
    CHECK(thread->leave());
    CHECK_EQ(domain.maintainBarrier(thread), 100);
    CHECK_EQ(domain.tryRetire(thread, refused, sizeof(Node), Node::end), 0);
    CHECK_EQ(domain.maintainBarrier(thread), 1);
    domain.detach(thread);
    checkQuiet(domain);
  });
}

CASE("SM-12 a thread does not wait at the limit for its own parked section") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(tight(options));
    Domain::Thread* thread = domain.attach();
    Domain::Section* section = domain.makeSection();
    thread->swap(section);
    thread->enter();
    thread->swap(nullptr);
    for (uint64_t i = 0; i < 200; i++) retireNode(domain, thread, new Node(i));
    CHECK_EQ(domain.stats().waits, 0u);
    CHECK_EQ(domain.dropSection(section), 1u);
    CHECK_EQ(domain.maintainBarrier(thread), 200);
    domain.detach(thread);
    checkQuiet(domain);
  });
}

CASE("SM-12 limit 0: never a wait") {
  EpochOptions options = tight({});
  options.limitBytes = 0;
  Domain domain(options);
  Domain::Thread* reader = domain.attach();
  Domain::Thread* writer = domain.attach();
  reader->enter();
  for (uint64_t i = 0; i < 1000; i++) retireNode(domain, writer, new Node(i));
  CHECK_EQ(domain.stats().waits, 0u);
  CHECK(!domain.overLimit());
  CHECK(reader->leave());
  CHECK_EQ(domain.maintainBarrier(writer), 1000);
  domain.detach(reader);
  domain.detach(writer);
  checkQuiet(domain);
}

CASE("SM-07 the collector reclaims a few objects at its turn") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(options);
    CollectorOptions quick;
    quick.minLatencyMs = 2;
    quick.maxLatencyMs = 5;
    EpochCollector collector(domain, quick);
    REQUIRE(collector.start() == 0);
    CHECK_EQ(collector.start(), -EALREADY);
    Domain::Thread* thread = domain.attach();
    for (uint64_t i = 0; i < 3; i++) retireNode(domain, thread, new Node(i));
    CHECK(becomes([&] { return domain.stats().backlog() == 0; }));
    for (uint64_t i = 0; i < 300; i++) retireNode(domain, thread, new Node(i));
    domain.detach(thread);
    CHECK(becomes([&] { return domain.stats().backlog() == 0; }));
    collector.stop();
    checkQuiet(domain);
  });
}

CASE("SM-07 SM-12 a sleeping collector is woken by the mark and by a ticket") {
  inBothForms([](const EpochOptions& options) {
    Domain domain(tight(options));
    EpochCollector collector(domain, lazy());
    REQUIRE(collector.start() == 0);
    Domain::Thread* thread = domain.attach();
    for (uint64_t i = 0; i < 16; i++) retireNode(domain, thread, new Node(i));
    CHECK(becomes([&] { return domain.stats().completed >= 16; }));
    retireNode(domain, thread, new Node(1));
    CHECK_EQ(domain.stats().backlog(), 1u);
    const uint64_t ticket = domain.maintainAsync();
    CHECK(becomes([&] { return domain.past(ticket); }));
    CHECK_EQ(domain.stats().backlog(), 0u);
    domain.detach(thread);
    collector.stop();
    checkQuiet(domain);
  });
}

CASE("SM-07 stopping leaves what is pending to the next start") {
  Domain domain;
  EpochCollector collector(domain, lazy());
  REQUIRE(collector.start() == 0);
  Domain::Thread* thread = domain.attach();
  retireNode(domain, thread, new Node(1));
  collector.stop();
  CHECK_EQ(domain.stats().backlog(), 1u);
  REQUIRE(collector.start() == 0);
  const uint64_t ticket = domain.maintainAsync();
  CHECK(becomes([&] { return domain.past(ticket); }));
  domain.detach(thread);
  collector.stop();
  checkQuiet(domain);
}

CASE("SM-05 retiring twice, or what is no object, aborts") {
  CHECK(aborts([] {
    Domain domain;
    Domain::Thread* thread = domain.attach();
    Node* node = new Node(1);
    retireNode(domain, thread, node);
    retireNode(domain, thread, node);
  }));
  CHECK(aborts([] {
    Domain domain;
    Domain::Thread* thread = domain.attach();
    Node* node = new Node(1);
    node->sequence = 0x12345678;
    retireNode(domain, thread, node);
  }));
  CHECK(!aborts([] {
    Domain domain;
    Domain::Thread* thread = domain.attach();
    retireNode(domain, thread, new Node(1));
    domain.detach(thread);
  }));
}

CASE("SM-01 a domain that ends reclaims all; with a section open it aborts") {
  const int64_t before = reclaimedCount();
  {
    Domain domain;
    Domain::Thread* thread = domain.attach();
    for (uint64_t i = 0; i < 10; i++) retireNode(domain, thread, new Node(i));
    domain.detach(thread);
  }
  CHECK_EQ(reclaimedCount() - before, 10);
  CHECK(aborts([] {
    Domain domain;
    Domain::Thread* thread = domain.attach();
    thread->enter();
    retireNode(domain, thread, new Node(1));
  }));
}

CASE("SM-02 SM-03 SM-06 the process-wide domain") {
  using namespace heddle::mem;
  CHECK(!epochAttached());
  CHECK(!epochInSection());
  CHECK_EQ(epochEnter(), -EPERM);
  CHECK_EQ(epochLeave(), -EPERM);
  CHECK_EQ(epochDetachThread(), -EPERM);
  CHECK(aborts([] { const EpochScope scope; }));
  REQUIRE(epochAttachThread() == 0);
  CHECK_EQ(epochAttachThread(), -EALREADY);
  {
    const EpochScope outer;
    const EpochScope inner;
    CHECK(epochInSection());
    epochRetire(new Node(1), sizeof(Node), Node::end);
    CHECK_EQ(epochMaintain(MaintainMode::kTry), -1);
    CHECK_EQ(epochMaintain(MaintainMode::kBarrier), 0);
  }
  CHECK(!epochInSection());
  {
    // Counted levels within a scope, and a scope within counted levels.
    const EpochScope outer;
    REQUIRE(epochEnter() == 0);
    REQUIRE(epochLeave() == 0);
    CHECK(epochInSection());
    CHECK_EQ(epochLeave(), -EPERM);
    CHECK(epochInSection());
  }
  CHECK(!epochInSection());
  REQUIRE(epochEnter() == 0);
  { const EpochScope inner; }
  CHECK(epochInSection());
  REQUIRE(epochLeave() == 0);
  CHECK(!epochInSection());
  CHECK_EQ(epochLeave(), -EPERM);
  CHECK_EQ(epochMaintain(MaintainMode::kNone), 0);
  CHECK_EQ(epochs().stats().backlog(), 1u);
  CHECK_EQ(epochMaintain(MaintainMode::kBarrier), 1);
  EpochCoroutineSection* section = epochs().makeSection();
  {
    const EpochSwap swap(section);
    REQUIRE(epochEnter() == 0);
  }
  CHECK(!epochInSection());
  {
    const EpochSwap swap(section);
    CHECK(epochInSection());
    REQUIRE(epochLeave() == 0);
  }
  CHECK_EQ(epochs().dropSection(section), 0u);
  REQUIRE(epochStartCollector() == 0);
  REQUIRE(epochStartCollector() == 0);
  epochRetire(new Node(2), sizeof(Node), Node::end);
  CHECK_EQ(epochMaintain(MaintainMode::kBarrierAsync), 0);
  epochStopCollector();
  CHECK(becomes([] { return epochs().stats().backlog() == 0; }));
  epochStopCollector();
  epochStopCollector();
  CHECK_EQ(epochs().stats().threads, 1u);
  CHECK_EQ(epochDetachThread(), 0);
  checkQuiet(epochs());
}
