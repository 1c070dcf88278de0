// What is left when threads, loops and hosts end: nothing.
#include <cstdio>
#include <string>
#include <thread>

#include "sys/clock.h"
#include "test/job_workers.h"

namespace heddle::test {
namespace {

// Of the process's memory, in bytes, whether or not it is used.
int64_t mappedBytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long pages = 0;
  const int read = std::fscanf(file, "%ld", &pages);
  std::fclose(file);
  return read == 1 ? int64_t{pages} * 4096 : 0;
}

// An answer of so many bytes, given without a look from the loop.
const Body answersLarge = [](job::NativeCall& call) {
  constexpr size_t kSize = 16'000;
  uint8_t* const room = call.reserve(kSize);
  if (room != nullptr) std::memset(room, 'x', kSize);
};
// So many of them that the slab cannot hold them all in one pass.
constexpr int kMany = 40;

CASE("JQ-02 threads that come and go leave no stacks behind") {
  JobWorld world;
  constexpr int kThreads = 8;
  constexpr size_t kStack = size_t{32} << 20;
  const uint32_t number = world.queue({.desired = kThreads, .stackBytes = kStack});
  const auto comeAndGo = [&] {
    Barrier barrier;
    const Body holds = [&](job::NativeCall&) { barrier.pass(); };
    job::findQueue(number)->configure({.desired = kThreads});
    for (int i = 0; i < kThreads; i++) world.submit(number, holds);
    world.flush();
    barrier.awaitArrivals(kThreads);
    barrier.open();
    CHECK(world.finishAll());
    job::findQueue(number)->configure({.desired = 1});
    CHECK(world.until([&] { return world.stat(number, JobStat::CONCURRENCY) == 1; }));
  };
  comeAndGo();
  const int64_t before = mappedBytes();
  constexpr int kRounds = 20;
  for (int i = 0; i < kRounds; i++) comeAndGo();
  // A few may be on their way out; those of all rounds would be ten times as many.
  CHECK(mappedBytes() - before < int64_t{kRounds} * kThreads * int64_t{kStack} / 4);
  world.end(number);
}

CASE("a loop that ends with answers that its inbox had no room for") {
  JobWorld owner;
  const uint32_t number = owner.queue();
  {
    JobWorld world;
    for (int i = 0; i < kMany; i++) world.submit(number, answersLarge);
    world.submit({.queue = number, .flags = JobFlag::COMPLETES}, answersLarge);
    world.flush();
    CHECK_EQ(owner.desk().drain(number, 1), 0);
    job::findQueue(number)->awaitDrained();
    world.turn();
    CHECK(!world.done.empty() && !world.allDone());
  }
  CHECK(owner.until([&] { return !owner.drained.empty(); }));
  CHECK_EQ(job::destroyQueue(number), 0);
}

CASE("JQ-13 a queue is said to be drained after its last job is said to be over") {
  JobWorld world;
  const uint32_t number = world.queue();
  for (int i = 0; i < kMany; i++) world.submit(number, answersLarge);
  world.flush();
  CHECK_EQ(world.desk().drain(number, 1), 0);
  job::findQueue(number)->awaitDrained();
  CHECK(world.until([&] { return !world.drained.empty(); }));
  CHECK(world.allDone());
  CHECK_EQ(job::destroyQueue(number), 0);
}

// Drains a queue that is about to be over, again and again: each time its jobs are over first.
template <class Begin>
void drainsLast(int rounds, HostWorld* host, Begin&& begin) {
  int early = 0;
  for (int i = 0; i < rounds; i++) {
    const uint32_t number = begin(i);
    host->drained.clear();
    CHECK_EQ(host->desk().drain(number, 1), 0);
    // Without sleeping, so that passes begin and end at any moment of the queue's last ones.
    for (int pass = 0; host->drained.empty() && pass < 10'000'000; pass++) host->pass();
    CHECK(!host->drained.empty());
    if (!host->allDone()) early++;
    CHECK(host->finishAll());
    CHECK_EQ(job::destroyQueue(number), 0);
    host->bury();
    host->log.clear();
  }
  CHECK_EQ(early, 0);
}

CASE("JQ-13 drained is said behind the last job, however close the two are: native threads") {
  HostWorld host;
  const Body nothing = [](job::NativeCall&) {};
  drainsLast(2000, &host, [&](int round) {
    const uint32_t number = host.queue();
    for (int i = 0; i <= round % 16; i++) host.submit(number, nothing);
    return number;
  });
}

CASE("JQ-13 TP-20 drained is said behind the job of a worker that has died") {
  HostWorld host;
  const WorkerBody dies = [](Run& run) { run.dies = true; };
  drainsLast(200, &host, [&](int) {
    const uint32_t number = host.workers(1);
    host.run(number, dies);
    return number;
  });
}

CASE("JQ-13 AS-06 a queue is not drained before the parents that it ran are over") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  const uint32_t leaves = host.queue({.name = "leaves"});
  Barrier barrier;
  const Body held = [&](job::NativeCall&) { barrier.pass(); };
  const WorkerBody adds = [&](Run& run) {
    run.player.world().submit({.queue = leaves, .parent = static_cast<int32_t>(run.slot)}, held);
  };
  const uint32_t parent = host.run(number, adds);
  CHECK(host.until([&] { return barrier.arrivals() == 1; }));
  CHECK_EQ(host.desk().drain(number, 1), 0);
  CHECK(host.until([&] { return host.stat(number, JobStat::CONCURRENCY) == 0; }));
  host.rest(20);
  CHECK(host.drained.empty());
  CHECK_EQ(job::destroyQueue(number), -EBUSY);
  barrier.open();
  CHECK(host.until([&] { return !host.drained.empty(); }));
  CHECK(host.isDone(parent));
  CHECK_EQ(job::destroyQueue(number), 0);
  host.end(leaves);
}

CASE("JQ-13 AS-06 a queue that was left to its threads goes with the last parent that it ran") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  const uint32_t leaves = host.queue({.name = "leaves"});
  Barrier barrier;
  const Body held = [&](job::NativeCall&) { barrier.pass(); };
  const WorkerBody adds = [&](Run& run) {
    run.player.world().submit({.queue = leaves, .parent = static_cast<int32_t>(run.slot)}, held);
  };
  const uint32_t parent = host.run(number, adds);
  CHECK(host.until([&] { return barrier.arrivals() == 1; }));
  CHECK_EQ(job::abandonQueue(number), 0);
  CHECK(host.until([&] { return host.players[0]->isOver(); }));
  CHECK(job::findQueue(number) ? true : false);
  CHECK(!host.isDone(parent));
  barrier.open();
  CHECK_EQ(host.outcomeOf(parent), JobOutcome::VALUE);
  CHECK(host.until([&] { return !job::findQueue(number); }));
  host.end(leaves);
}

// A thread that has left its queue and is not over: who joins it waits.
struct Lingering {
  static inline Barrier* barrier = nullptr;
  bool isNeeded = false;
  ~Lingering() {
    if (isNeeded) barrier->pass();
  }
};

Lingering& lingering() {
  thread_local Lingering mine;
  return mine;
}

// A queue that had two threads; one has left it, and lingers until that is let go.
struct OneLingers {
  OneLingers() {
    Lingering::barrier = &lingers;
    for (int i = 0; i < 2; i++) world.submit(number, stays);
    world.flush();
    both.awaitArrivals(2);
    both.open();
    CHECK(world.finishAll());
    queue->configure({.desired = 1});
    lingers.awaitArrivals(1);
  }

  void awaitThreads(double count) {
    CHECK(world.until([&] { return world.stat(number, JobStat::CONCURRENCY) == count; }));
  }

  Barrier lingers;
  Barrier both;
  const Body stays = [this](job::NativeCall&) {
    lingering().isNeeded = true;
    both.pass();
  };
  JobWorld world;
  const uint32_t number = world.queue({.desired = 2});
  const QueueRef queue = job::findQueue(number);
};

CASE("JQ-03 a thread that cannot be made for a job which another has run and ended meanwhile") {
  OneLingers pair;
  JobWorld& world = pair.world;
  Barrier hold;
  const Body held = [&](job::NativeCall&) { hold.pass(); };
  std::atomic<int> ran{0};
  const Body counts = [&](job::NativeCall&) { ran++; };
  const auto jobOf = [](const Body& body) {
    const std::string bytes = addressOf(body);
    job::Job* const made = job::Job::make(bytes.size());
    made->target = job::findTarget(bodyTarget());
    made->ended = job::Job::destroy;
    made->addedNs = sys::monotonicNs();
    made->size = static_cast<uint32_t>(bytes.size());
    std::memcpy(made->room(), bytes.data(), bytes.size());
    return made;
  };
  // The other is held. One is wanted for the next job: it cannot be made, which is found out when
  // the first one has been joined.
  pair.queue->configure({.desired = 2, .stackBytes = int64_t{1} << 46});
  CHECK_EQ(pair.queue->submitOne(jobOf(held), false), 0);
  hold.awaitArrivals(1);
  std::thread submitter([&] { CHECK_EQ(pair.queue->submitOne(jobOf(counts), false), 0); });
  pair.awaitThreads(2);
  // Meanwhile the other runs the job, and goes.
  hold.open();
  CHECK(world.until([&] { return ran == 1; }));
  pair.queue->configure({.desired = 1});
  pair.awaitThreads(1);
  pair.lingers.open();
  submitter.join();
  pair.awaitThreads(0);
  world.end(pair.number);
}

CASE("JQ-13 who waits for threads to go does not wait for work that comes meanwhile") {
  OneLingers pair;
  JobWorld& world = pair.world;
  const Body goes = [](job::NativeCall&) { lingering().isNeeded = false; };
  // Another thread cannot be made while the one lingers.
  CHECK_EQ(world.outcomeOf(world.submit(pair.number, goes)), JobOutcome::VALUE);
  std::thread spawner([&] { pair.queue->configure({.desired = 2, .spawn = true}); });
  pair.awaitThreads(2);
  std::atomic<bool> isDismissed{false};
  std::thread dismisser([&] {
    pair.queue->dismiss();
    isDismissed = true;
  });
  pair.awaitThreads(1);
  world.submit(pair.number, goes);
  world.flush();
  CHECK(world.until([&] { return isDismissed.load(); }));
  pair.lingers.open();
  spawner.join();
  dismisser.join();
  CHECK(world.finishAll());
  world.end(pair.number);
}

CASE("JQ-14 a host that ends before the threads that it was asked for: nothing waits for them") {
  JobWorld other;
  uint32_t waits = 0;
  uint32_t cleansUp = 0;
  const auto target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
  const WorkerBody dies = [](Run& run) { run.dies = true; };
  {
    HostWorld host;
    const uint32_t number = host.workers(1, {.name = "hosted"});
    // Its worker dies in its work: the cleanup is for the next one, which never comes.
    cleansUp = other.submit(
        {.queue = number, .target = target, .flags = JobFlag::PHASED, .cleanup = target},
        argumentOf(dies));
    other.flush();
    CHECK(host.until([&] { return host.players.size() == 1; }));
    const QueueRef queue = job::findQueue(number);
    CHECK(other.until([&] { return host.players[0]->isOver(); }));
    waits = other.submit({.queue = number, .target = target}, argumentOf(dies));
    other.flush();
    CHECK(!other.isDone(cleansUp));
    host.loop().close();
    CHECK_EQ(other.outcomeOf(waits), JobOutcome::SHUTDOWN);
    CHECK_EQ(other.outcomeOf(cleansUp), JobOutcome::WORKER_DIED);
    CHECK_EQ(queue->state(), Queue::State::kDrained);
  }
  HostWorld next;
  const uint32_t again = next.workers(1, {.name = "hosted"});
  next.end(again);
}

CASE("JQ-14 a host that ends while a thread that it was asked for is on its way") {
  JobWorld other;
  uint32_t waits = 0;
  int32_t claims[job::kClaimCells] = {};
  const auto target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
  const WorkerBody nothing = [](Run&) {};
  uint32_t number = 0;
  {
    JobWorld host;
    QueueSpec spec{.name = "slow", .kind = JobQueueKind::WORKER};
    number = host.queue(spec);
    waits = other.submit({.queue = number, .target = target}, argumentOf(nothing));
    other.flush();
    CHECK(host.until([&] { return !host.wishes.empty(); }));
  }
  CHECK_EQ(other.outcomeOf(waits), JobOutcome::SHUTDOWN);
  // It comes too late, and the name is free.
  CHECK_EQ(other.desk().serve(number, 1, claims), -ENOENT);
  HostWorld next;
  const uint32_t again = next.workers(1, {.name = "slow"});
  next.end(again);
}

CASE(
    "JQ-13 JQ-14 a native queue ends with its host: its name is free, its last thread takes it "
    "along") {
  JobWorld other;
  Barrier barrier;
  const Body holds = [&](job::NativeCall&) { barrier.pass(); };
  const Body nothing = [](job::NativeCall&) {};
  const Body never = [](job::NativeCall&) { CHECK(false); };
  uint32_t number = 0;
  uint32_t runs = 0;
  uint32_t waits = 0;
  {
    JobWorld host;
    number = host.queue({.name = "theirs", .floor = 1});
    const uint32_t idle = host.queue({.name = "idle", .floor = 1});
    const uint32_t done = host.submit(idle, nothing);
    CHECK_EQ(host.outcomeOf(done), JobOutcome::VALUE);
    runs = other.submit(number, holds);
    waits = other.submit(number, never);
    host.submit(number, never);
    other.flush();
    host.flush();
    barrier.awaitArrivals(1);
    job::findQueue(number)->configure({.paused = 1});
  }
  CHECK_EQ(other.outcomeOf(waits), JobOutcome::SHUTDOWN);
  CHECK(!job::findQueue("theirs"));
  CHECK(!job::findQueue("idle"));
  const uint32_t late = other.submit(number, never);
  CHECK_EQ(other.outcomeOf(late), JobOutcome::SHUTDOWN);
  const uint32_t again = other.queue({.name = "theirs"});
  CHECK(again != number);
  CHECK(!other.isDone(runs));
  barrier.open();
  CHECK_EQ(other.outcomeOf(runs), JobOutcome::VALUE);
  CHECK(other.until([&] { return !job::findQueue(number); }));
  other.end(again);
}

CASE("JQ-13 a queue may be left to its threads at once, but that of the process") {
  JobWorld world;
  Barrier barrier;
  const Body holds = [&](job::NativeCall&) { barrier.pass(); };
  const uint32_t number = world.queue({.name = "left", .desired = 2});
  const uint32_t first = world.submit(number, holds);
  const uint32_t second = world.submit(number, holds);
  world.flush();
  barrier.awaitArrivals(2);
  CHECK_EQ(world.desk().drain(number, 5), 0);
  CHECK(!job::findQueue("left"));
  const QueueSpec spec{.name = "left"};
  CHECK_EQ(job::createQueue(spec, &world.desk()), -EBUSY);
  CHECK_EQ(job::abandonQueue(number), 0);
  CHECK_EQ(job::abandonQueue(number), 0);
  const uint32_t again = world.queue({.name = "left"});
  barrier.let(1);
  CHECK(world.until([&] { return world.done.size() == 1; }));
  CHECK(job::findQueue(number) ? true : false);
  barrier.open();
  CHECK_EQ(world.outcomeOf(first), JobOutcome::VALUE);
  CHECK_EQ(world.outcomeOf(second), JobOutcome::VALUE);
  CHECK(world.until([&] { return world.drained.size() == 1 && !job::findQueue(number); }));
  CHECK_EQ(job::abandonQueue(number), -ENOENT);
  world.end(again);
}

CASE(
    "JQ-13 the native queue of the process is nobody's: loops that end take out what waits of "
    "theirs") {
  JobWorld other;
  Barrier barrier;
  std::atomic<int> ran{0};
  const Body holds = [&](job::NativeCall&) { barrier.pass(); };
  const Body counts = [&](job::NativeCall&) { ran++; };
  QueueSpec spec{.name = job::kNativeQueue, .kind = JobQueueKind::WORKER};
  CHECK_EQ(job::createQueue(spec, &other.desk()), -EEXIST);
  const QueueRef queue = job::nativeQueue();
  const uint32_t number = queue->number();
  CHECK_EQ(job::findQueue(job::kNativeQueue)->number(), number);
  CHECK(queue->kind() == JobQueueKind::NATIVE);
  queue->configure({.desired = 1});
  uint32_t mine = 0;
  {
    JobWorld first;
    first.submit(number, holds);
    first.flush();
    barrier.awaitArrivals(1);
    mine = other.submit(number, counts);
    for (int i = 0; i < 20; i++) first.submit(number, counts);
    other.flush();
    first.flush();
    CHECK_EQ(first.stat(number, JobStat::BACKLOG), 21.0);
  }
  CHECK_EQ(other.stat(number, JobStat::BACKLOG), 1.0);
  CHECK_EQ(job::abandonQueue(number), -EPERM);
  CHECK_EQ(job::destroyQueue(number), -EBUSY);
  CHECK_EQ(other.desk().drain(number, 1), -EPERM);
  barrier.open();
  CHECK_EQ(other.outcomeOf(mine), JobOutcome::VALUE);
  CHECK_EQ(ran.load(), 1);
  queue->configure({.desired = 4});
}

CASE("the bytes of a job that is refused are freed") {
  JobWorld world;
  const uint32_t number = world.queue();
  const std::vector<uint8_t> bytes(20'000);
  const auto native =
      static_cast<uint32_t>(job::targetNumber(job::kNativeModule, "heddle:nothing"));
  const auto module = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
  const auto refused = [&](uint32_t queue, uint32_t target, int32_t outcome) {
    const int64_t block = world.desk().block(bytes.data(), bytes.size());
    static uint32_t handle = 1000;
    world.out(Out::JOB_ADD, queue, ++handle, target, JobFlag::BLOCK, block, bytes.size());
    CHECK_EQ(world.outcomeOf(handle), outcome);
    CHECK(world.desk().takeBlock(static_cast<uint32_t>(block)).empty());
  };
  refused(number, module, JobOutcome::NO_THREAD);
  refused(number, 0, JobOutcome::NO_THREAD);
  refused(12'345, native, JobOutcome::SHUTDOWN);
  const int64_t result = world.desk().block(bytes.data(), bytes.size());
  world.out(Out::JOB_RESULT, 3, 0, JobFlag::BLOCK, result, bytes.size());
  world.flush();
  CHECK(world.desk().takeBlock(static_cast<uint32_t>(result)).empty());
  world.end(number);
}

CASE("a cleanup that the queue's threads cannot call is none") {
  JobWorld world;
  const uint32_t number = world.queue();
  std::atomic<int> ran{0};
  const Body counts = [&](job::NativeCall&) { ran++; };
  const auto module = static_cast<uint32_t>(job::targetNumber("test.js", "cleanup"));
  const uint32_t handle =
      world.submit({.queue = number, .flags = JobFlag::PHASED, .cleanup = module}, counts);
  CHECK_EQ(world.outcomeOf(handle), JobOutcome::VALUE);
  CHECK_EQ(ran.load(), 1);
  world.end(number);
}

CASE("a worker whose claims say that nothing is free gets nothing, and writes nowhere else") {
  HostWorld host;
  host.starts = false;
  const uint32_t number = host.workers(1);
  struct {
    int32_t claims[job::kClaimCells];
    int32_t behind;
  } cells{};
  for (int32_t& claim : cells.claims) claim = Claim::RUNNING;
  cells.behind = Claim::FREE;
  JobWorld world;
  const WorkerBody nothing = [](Run&) {};
  const auto target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
  const QueueRef queue = job::findQueue(number);
  const uint32_t waits = world.submit({.queue = number, .target = target}, argumentOf(nothing));
  world.flush();
  job::Wish wish{};
  REQUIRE(queue->nextWish(&wish));
  CHECK_EQ(world.desk().serve(number, wish.worker, cells.claims), 0);
  for (int i = 0; i < 3; i++) world.turn(1);
  CHECK_EQ(cells.behind, int32_t{Claim::FREE});
  CHECK(!world.isDone(waits));
  CHECK_EQ(world.stat(number, JobStat::BACKLOG), 1.0);
  world.loop().close();
  host.loop().close();
}

}  // namespace
}  // namespace heddle::test
