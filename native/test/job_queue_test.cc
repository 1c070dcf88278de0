// Queues of native jobs: order, limits, threads, ends. No isolate is in the way.
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "mem/epoch.h"
#include "sys/clock.h"
#include "test/job_fixture.h"

namespace heddle::test {
namespace {

CASE("JQ-01 A-JQ-1 a name stands for one queue; numbers of destroyed ones find nothing") {
  JobWorld world;
  const uint32_t first = world.queue({.name = "first"});
  QueueSpec again;
  again.name = "first";
  CHECK_EQ(job::createQueue(again, &world.desk()), -EEXIST);
  CHECK_EQ(job::findQueue("first")->number(), first);
  CHECK(!job::findQueue("First"));
  CHECK(!job::findQueue("nope"));
  again.name = "";
  CHECK_EQ(job::createQueue(again, &world.desk()), -EINVAL);
  CHECK_EQ(job::destroyQueue(first), -EBUSY);
  world.end(first);
  CHECK_EQ(job::destroyQueue(first), -ENOENT);
  const uint32_t second = world.queue({.name = "first"});
  CHECK(second != first);
  CHECK_EQ(world.desk().reserve(first), -ENOENT);
  CHECK_EQ(world.desk().drain(first, 1), -ENOENT);
  const uint32_t lost = world.submit(Order{.queue = first}, Body());
  CHECK_EQ(world.outcomeOf(lost), JobOutcome::SHUTDOWN);
  world.end(second);
}

CASE("JQ-15 each desk has a back queue in the list") {
  JobWorld world;
  JobWorld other;
  const uint32_t number = world.queue();
  job::QueueEntries entries;
  CHECK_EQ(job::listQueues(&entries), 0);
  std::vector<std::string> internal;
  for (const job::QueueEntry& entry : entries) {
    if (entry.internal) internal.emplace_back(entry.name);
    if (!entry.internal) CHECK_EQ(entry.number, number);
  }
  CHECK_EQ(internal.size(), size_t{2});
  const std::string name = "default_back_queue/" + std::to_string(world.loop().loopId());
  CHECK(internal[0] == name || internal[1] == name);
  const Body nothing = [](job::NativeCall&) {};
  for (int i = 0; i < 10; i++) world.submit(number, nothing);
  CHECK(world.finishAll());
  double back[2];
  world.desk().backStats(back);
  CHECK_EQ(back[0], 10.0);
  CHECK(back[1] >= 0);
  world.end(number);
}

CASE(
    "JQ-10 a function's number, output and failure come back; a C function's bytes as it left "
    "them") {
  JobWorld world;
  const uint32_t number = world.queue();
  const Body adds = [](job::NativeCall& call) { call.setNumber(41.5 + 1); };
  const Body writes = [](job::NativeCall& call) {
    std::memcpy(call.reserve(3), "abc", 3);
    std::memcpy(call.reserve(6) + 3, "def", 3);
    call.setSize(5);
    call.setNumber(-1);
  };
  const Body fails = [](job::NativeCall& call) {
    std::memset(call.reserve(100), 'x', 100);
    call.fail(-ENOENT, "/no/such");
  };
  const Body large = [](job::NativeCall& call) {
    std::memset(call.reserve(100'000), 'y', 100'000);
    call.setNumber(7);
  };
  const uint32_t a = world.submit(number, adds);
  const uint32_t b = world.submit(number, writes);
  const uint32_t c = world.submit(number, fails);
  const uint32_t d = world.submit(number, large);
  CHECK(world.finishAll());
  CHECK_EQ(world.done[a].outcome, JobOutcome::VALUE);
  CHECK_EQ(world.done[a].number(), 42.5);
  CHECK_EQ(world.done[a].bytes.size(), size_t{8});
  CHECK_EQ(world.done[b].number(), -1.0);
  CHECK_EQ(world.done[b].bytes.substr(8), std::string("abcde"));
  CHECK_EQ(world.done[c].outcome, JobOutcome::ERROR);
  int32_t error = 0;
  std::memcpy(&error, world.done[c].bytes.data(), 4);
  CHECK_EQ(error, -ENOENT);
  CHECK_EQ(world.done[c].bytes.substr(4), std::string("/no/such"));
  CHECK_EQ(world.done[d].flags & JobFlag::BLOCK, uint32_t{JobFlag::BLOCK});
  CHECK_EQ(world.done[d].bytes.size(), size_t{100'008});
  CHECK_EQ(world.done[d].number(), 7.0);

  CHECK_EQ(aco::registerFunction("test:reverse",
                                 [](void* bytes, size_t size) -> int64_t {
                                   auto* const text = static_cast<char*>(bytes);
                                   std::reverse(text, text + size);
                                   return static_cast<int64_t>(size);
                                 }),
           0);
  const int64_t reverse = job::targetNumber(job::kNativeModule, "test:reverse");
  REQUIRE(reverse > 0);
  CHECK_EQ(job::targetNumber(job::kNativeModule, "test:nope"), -ENOENT);
  const uint32_t e =
      world.submit({.queue = number, .target = static_cast<uint32_t>(reverse)}, "heddle");
  CHECK_EQ(world.outcomeOf(e), JobOutcome::VALUE);
  CHECK_EQ(world.done[e].number(), 6.0);
  CHECK_EQ(world.done[e].bytes.substr(8), std::string("elddeh"));
  // A large argument goes as a block.
  const std::string much(50'000, 'a');
  const int64_t block =
      world.desk().block(reinterpret_cast<const uint8_t*>(much.data()), much.size());
  REQUIRE(block > 0);
  world.out(Out::JOB_ADD, number, 1000, reverse, JobFlag::BLOCK, block, much.size());
  CHECK(world.until([&] { return world.isDone(1000); }));
  CHECK_EQ(world.done[1000].number(), 50'000.0);
  CHECK_EQ(world.done[1000].bytes.size(), size_t{50'008});
  // No such block, no such bytes, no such target: answered, nothing read.
  world.out(Out::JOB_ADD, number, 1001, reverse, JobFlag::BLOCK, block, much.size());
  world.out(Out::JOB_ADD, number, 1002, reverse, 0, 0x7fffffff, 100);
  world.out(Out::JOB_ADD, number, 1003, reverse, 0, 16, -1);
  world.out(Out::JOB_ADD, number, 1004, 0x7fffffff, 0, 0, 0);
  CHECK(world.until([&] { return world.isDone(1004); }));
  for (const uint32_t bad : {1001u, 1002u, 1003u}) {
    CHECK_EQ(world.done[bad].outcome, JobOutcome::NO_MEMORY);
  }
  CHECK_EQ(world.done[1004].outcome, JobOutcome::NO_THREAD);
  world.end(number);
}

CASE("JQ-03 A-JQ-3 no thread before the first job, then as many as there is work, up to desired") {
  JobWorld world;
  const uint32_t number = world.queue();
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 0.0);
  Barrier barrier;
  const Body body = [&](job::NativeCall&) { barrier.pass(); };
  for (int i = 0; i < 10; i++) world.submit(number, body);
  world.pass();
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 1.0);
  const QueueRef queue = job::findQueue(number);
  queue->configure({.desired = 4});
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 4.0);
  barrier.awaitArrivals(4);
  queue->configure({.desired = 64});
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 10.0);  // there is no more work
  barrier.awaitArrivals(10);
  CHECK_EQ(world.stat(number, JobStat::INFLIGHT), 10.0);
  CHECK_EQ(world.stat(number, JobStat::BACKLOG), 0.0);
  barrier.open();
  CHECK(world.finishAll());
  world.end(number);
}

CASE("TP-19 threads are there before the first job where that is asked for, as many as desired") {
  JobWorld world;
  const uint32_t number = world.queue({.desired = 3, .floor = 2});
  const QueueRef queue = job::findQueue(number);
  queue->configure({.spawn = true});
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 3.0);
  CHECK(world.until([&] { return world.stat(number, JobStat::IDLE) == 3; }));
  queue->configure({.desired = 1, .floor = 1, .spawn = true});
  CHECK(world.until([&] { return world.stat(number, JobStat::CONCURRENCY) == 1; }));
  queue->configure({.desired = 2});
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 1.0);  // as ever: for work only
  queue->configure({.spawn = true});
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 2.0);
  const Body nothing = [](job::NativeCall&) {};
  CHECK_EQ(world.outcomeOf(world.submit(number, nothing)), JobOutcome::VALUE);
  CHECK_EQ(world.stat(number, JobStat::TOTAL), 1.0);
  world.end(number);
  const uint32_t large = world.queue({.desired = 2, .stackBytes = size_t{1} << 46});
  job::findQueue(large)->configure({.spawn = true});
  CHECK_EQ(world.stat(large, JobStat::CONCURRENCY), 0.0);
  world.end(large);
}

CASE("JQ-02 A-JQ-2 never more at a time than desired, whatever it is set to; nothing is lost") {
  JobWorld world;
  const uint32_t number = world.queue({.desired = 4});
  const QueueRef queue = job::findQueue(number);
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  Barrier barrier;
  const Body body = [&](job::NativeCall&) {
    const int count = ++now;
    int before = most.load();
    while (before < count && !most.compare_exchange_weak(before, count)) {
    }
    barrier.pass();
    now--;
  };
  for (int i = 0; i < 20; i++) world.submit(number, body);
  world.pass();
  barrier.awaitArrivals(4);
  CHECK_EQ(most.load(), 4);
  queue->configure({.desired = 8});
  barrier.awaitArrivals(8);
  CHECK_EQ(most.load(), 8);
  queue->configure({.desired = 1});
  CHECK_EQ(world.stat(number, JobStat::INFLIGHT), 8.0);
  barrier.let(8);
  barrier.awaitArrivals(9);
  CHECK_EQ(now.load(), 1);
  CHECK(world.until([&] { return world.stat(number, JobStat::CONCURRENCY) == 1; }));
  for (int i = 9; i <= 20; i++) {
    CHECK_EQ(barrier.arrivals(), i);
    CHECK_EQ(now.load(), 1);
    barrier.let(i);
    if (i < 20) barrier.awaitArrivals(i + 1);
  }
  CHECK(world.finishAll());
  CHECK_EQ(world.stat(number, JobStat::TOTAL), 20.0);
  world.end(number);
}

// Jobs that note their numbers, behind one that holds the only thread.
struct Sequence {
  JobWorld world;
  uint32_t number;
  Barrier barrier;
  std::mutex lock;
  std::vector<int> ran;
  uint32_t first = 0;  // the one that holds
  const Body holds = [this](job::NativeCall&) { barrier.pass(); };
  std::vector<std::unique_ptr<Body>> bodies;

  explicit Sequence(const QueueSpec& spec = {}) : number(world.queue(spec)) {
    first = world.submit(number, holds);
    world.pass();
    barrier.awaitArrivals(1);
  }
  uint32_t add(int value, Order order = {}) {
    bodies.push_back(std::make_unique<Body>([this, value](job::NativeCall&) {
      const std::lock_guard<std::mutex> guard(lock);
      ran.push_back(value);
    }));
    order.queue = number;
    return world.submit(order, *bodies.back());
  }
  std::vector<int> finish() {
    world.flush();
    barrier.open();
    CHECK(world.finishAll());
    world.end(number);
    return ran;
  }
};

using Numbers = std::vector<int>;

CASE("JQ-07 A-JQ-6 first in first out, or last, and switched while jobs wait") {
  {
    Sequence fifo;
    for (int i = 1; i <= 5; i++) fifo.add(i);
    CHECK(fifo.finish() == (Numbers{1, 2, 3, 4, 5}));
  }
  {
    Sequence lifo({.lifo = true});
    for (int i = 1; i <= 5; i++) lifo.add(i);
    CHECK(lifo.finish() == (Numbers{5, 4, 3, 2, 1}));
  }
  {
    Sequence both;
    for (int i = 1; i <= 3; i++) both.add(i);
    both.world.flush();
    job::findQueue(both.number)->configure({.lifo = 1});
    for (int i = 4; i <= 6; i++) both.add(i);
    CHECK(both.finish() == (Numbers{6, 5, 4, 3, 2, 1}));
  }
}

CASE("JQ-17 higher priorities first, in order of arrival among their equals") {
  Sequence mixed;
  mixed.add(1);
  mixed.add(2, {.priority = 5});
  mixed.add(3, {.priority = -1});
  mixed.add(4, {.priority = 5});
  mixed.add(5);
  CHECK(mixed.finish() == (Numbers{2, 4, 1, 5, 3}));
}

CASE("JQ-17 A-JQ-12 paused: nothing begins, what runs goes on; a removed one never runs") {
  Sequence sequence;
  const QueueRef queue = job::findQueue(sequence.number);
  sequence.add(1);
  const uint32_t removed = sequence.add(2);
  sequence.add(3);
  sequence.world.flush();
  queue->configure({.paused = 1});
  sequence.barrier.open();
  CHECK(sequence.world.until(
      [&] { return sequence.world.stat(sequence.number, JobStat::INFLIGHT) == 0; }));
  CHECK_EQ(sequence.world.stat(sequence.number, JobStat::BACKLOG), 3.0);
  CHECK(sequence.ran.empty());
  sequence.world.out(Out::JOB_REMOVE, removed, 0);
  CHECK_EQ(sequence.world.outcomeOf(removed), JobOutcome::REMOVED);
  CHECK_EQ(sequence.world.stat(sequence.number, JobStat::BACKLOG), 2.0);
  CHECK(sequence.ran.empty());
  queue->configure({.paused = 0});
  CHECK(sequence.finish() == (Numbers{1, 3}));
  // What has ended, or never was, is not there to be removed.
  sequence.world.out(Out::JOB_REMOVE, removed, 1);
  sequence.world.out(Out::JOB_REMOVE, 12345, 1);
  sequence.world.pass();
}

CASE("JQ-06 AS-05 A-AS-8 a place of the backlog is refused when it is full; plain adds are not") {
  Sequence sequence({.maxBacklog = 2});
  JobWorld& world = sequence.world;
  CHECK_EQ(world.desk().reserve(sequence.number), 0);
  CHECK_EQ(world.desk().reserve(sequence.number), 0);
  CHECK_EQ(world.desk().reserve(sequence.number), -EAGAIN);
  CHECK_EQ(world.desk().unreserve(sequence.number), 0);
  CHECK_EQ(world.desk().reserve(sequence.number), 0);
  sequence.add(1, {.flags = JobFlag::RESERVED});
  sequence.add(2, {.flags = JobFlag::RESERVED});
  world.flush();
  CHECK_EQ(world.desk().reserve(sequence.number), -EAGAIN);
  sequence.add(3);
  world.flush();
  CHECK_EQ(world.stat(sequence.number, JobStat::BACKLOG), 3.0);
  {
    // Places that nobody came for are given back when their loop ends.
    JobWorld other;
    job::findQueue(sequence.number)->configure({.maxBacklog = 4});
    CHECK_EQ(other.desk().reserve(sequence.number), 0);
    CHECK_EQ(world.desk().reserve(sequence.number), -EAGAIN);
  }
  CHECK_EQ(world.desk().reserve(sequence.number), 0);
  CHECK_EQ(world.desk().unreserve(sequence.number), 0);
  CHECK(sequence.finish() == (Numbers{1, 2, 3}));
}

CASE("JQ-12 A-JQ-8 a greedy subqueue has its share and no more while another has work") {
  JobWorld world;
  const uint32_t number = world.queue({.desired = 4});
  std::mutex lock;
  std::vector<int> started;
  std::map<int, int> running;
  int mostGreedy = 0;
  bool bothHaveWork = false;
  Barrier barrier;
  const auto bodyOf = [&](int id) {
    return Body([&, id](job::NativeCall&) {
      {
        const std::lock_guard<std::mutex> guard(lock);
        started.push_back(id);
        running[id]++;
        if (bothHaveWork) mostGreedy = std::max(mostGreedy, running[1]);
      }
      barrier.pass();
      const std::lock_guard<std::mutex> guard(lock);
      running[id]--;
    });
  };
  const Body greedy = bodyOf(1);
  const Body modest = bodyOf(2);
  for (int i = 0; i < 1000; i++) world.submit({.queue = number, .subqueue = 1}, greedy);
  world.flush();
  barrier.awaitArrivals(4);
  for (int i = 0; i < 40; i++) world.submit({.queue = number, .subqueue = 2}, modest);
  world.flush();
  // The four that run end; from then on both have work.
  barrier.let(4);
  barrier.awaitArrivals(8);
  {
    const std::lock_guard<std::mutex> guard(lock);
    CHECK_EQ(running[1], 2);
    CHECK_EQ(running[2], 2);
    bothHaveWork = true;
  }
  job::SubqueueInfos infos;
  CHECK_EQ(job::findQueue(number)->subqueues(&infos), 0);
  REQUIRE(infos.size() == 2);
  for (const job::SubqueueInfo& info : infos) {
    CHECK_EQ(info.inflight, 2u);
    CHECK_EQ(info.backlog, info.id == 1 ? 994u : 38u);
  }
  for (int i = 8; i < 60; i += 4) {
    barrier.let(i);
    barrier.awaitArrivals(i + 4);
  }
  {
    const std::lock_guard<std::mutex> guard(lock);
    CHECK(mostGreedy <= 3);  // one that ended may not have counted itself off yet
    bothHaveWork = false;
    CHECK(std::count(started.begin(), started.end(), 2) >= 24);
  }
  barrier.open();
  CHECK(world.finishAll());
  infos.clear();
  CHECK_EQ(job::findQueue(number)->subqueues(&infos), 0);
  CHECK(infos.empty());
  world.end(number);
}

CASE(
    "AS-08 A-AS-5 past its deadline when it is taken: skipped, the cleanup of a phased one is "
    "not") {
  Sequence sequence;
  JobWorld& world = sequence.world;
  std::atomic<int> works{0};
  std::atomic<int> cleanups{0};
  static std::atomic<int>* cleanupCount = nullptr;
  cleanupCount = &cleanups;
  CHECK_EQ(job::registerFunction("test:cleanup", [](job::NativeCall&) { ++*cleanupCount; }), 0);
  const auto cleanup = static_cast<uint32_t>(job::targetNumber(job::kNativeModule, "test:cleanup"));
  const Body work = [&](job::NativeCall&) { works++; };
  const double past = std::floor(world.nowMs()) - 1;
  const uint32_t plain = world.submit({.queue = sequence.number, .deadline = past}, work);
  const uint32_t phased = world.submit(
      {.queue = sequence.number, .flags = JobFlag::PHASED, .cleanup = cleanup, .deadline = past},
      work);
  const uint32_t moved = world.submit({.queue = sequence.number, .deadline = past}, work);
  const uint32_t inTime = world.submit({.queue = sequence.number,
                                        .flags = JobFlag::PHASED,
                                        .cleanup = cleanup,
                                        .deadline = past + 1e6},
                                       work);
  world.flush();
  CHECK_EQ(world.desk().setDeadline(moved, INFINITY), 0);
  CHECK_EQ(world.desk().setDeadline(sequence.first, INFINITY), -ENOENT);  // it runs
  sequence.barrier.open();
  CHECK(world.finishAll());
  CHECK_EQ(world.done[plain].outcome, JobOutcome::TIMED_OUT);
  CHECK_EQ(world.done[phased].outcome, JobOutcome::TIMED_OUT);
  CHECK_EQ(world.done[moved].outcome, JobOutcome::VALUE);
  CHECK_EQ(world.done[inTime].outcome, JobOutcome::VALUE);
  CHECK_EQ(works.load(), 2);
  CHECK_EQ(cleanups.load(), 2);
  CHECK_EQ(world.stat(sequence.number, JobStat::TIMEOUTS), 2.0);
  CHECK_EQ(world.stat(sequence.number, JobStat::TOTAL), 5.0);
  CHECK_EQ(world.desk().setDeadline(moved, INFINITY), -ENOENT);
  world.end(sequence.number);
}

CASE("JQ-17 AS-09 too long a run is answered when its time is over, and asked to stop") {
  JobWorld world;
  const uint32_t number = world.queue();
  std::atomic<int> begun{0};
  const Body stubborn = [&begun](job::NativeCall& call) {
    begun++;
    while (!call.stopping()) std::this_thread::yield();
    call.setNumber(1);
  };
  const uint32_t slow =
      world.submit({.queue = number, .flags = JobFlag::CANCEL_SIGNAL, .runLimit = 5}, stubborn);
  CHECK_EQ(world.outcomeOf(slow), JobOutcome::RUN_TIMED_OUT);
  // At its deadline one is asked, and its answer is what it makes of it; on a busy machine it is
  // not begun before that at the first try.
  uint32_t late = 0;
  for (double ms = 30; begun == 1 && ms < 20'000; ms *= 4) {
    late = world.submit(
        {.queue = number, .flags = JobFlag::CANCEL_SIGNAL, .deadline = world.nowMs() + ms},
        stubborn);
    const int32_t outcome = world.outcomeOf(late);
    CHECK_EQ(outcome, begun == 1 ? JobOutcome::TIMED_OUT : JobOutcome::VALUE);
  }
  CHECK_EQ(begun.load(), 2);
  CHECK_EQ(world.desk().setDeadline(late, 1), -ENOENT);
  // Aborted while it runs.
  Barrier barrier;
  const Body held = [&](job::NativeCall& call) {
    barrier.pass();
    while (!call.stopping()) std::this_thread::yield();
    call.fail(-ECANCELED);
  };
  const uint32_t aborted = world.submit(number, held);
  world.flush();
  barrier.awaitArrivals(1);
  world.out(Out::JOB_REMOVE, aborted, 1);
  barrier.open();
  CHECK_EQ(world.outcomeOf(aborted), JobOutcome::ERROR);
  const Body nothing = [](job::NativeCall&) {};
  const uint32_t quick = world.submit({.queue = number, .runLimit = 1e9}, nothing);
  world.flush();
  CHECK_EQ(world.outcomeOf(quick), JobOutcome::VALUE);
  CHECK(world.until([&] { return world.stat(number, JobStat::INFLIGHT) == 0; }));
  world.end(number);
}

CASE("JQ-17 AS-09 without a cancel mode too long a run is answered, and it and others left alone") {
  JobWorld world;
  const uint32_t number = world.queue();
  Barrier barrier;
  std::atomic<bool> asked{false};
  const Body slow = [&](job::NativeCall& call) {
    barrier.pass();
    asked = call.stopping();
  };
  const Body nothing = [](job::NativeCall&) {};
  const uint32_t late = world.submit({.queue = number, .runLimit = 5}, slow);
  CHECK_EQ(world.outcomeOf(late), JobOutcome::RUN_TIMED_OUT);
  const uint32_t next = world.submit(number, nothing);
  world.rest(Queue::kWedgeGraceNs / kMs + 200);
  CHECK(!world.isDone(next));
  barrier.open();
  CHECK_EQ(world.outcomeOf(next), JobOutcome::VALUE);
  CHECK(!asked);
  world.end(number);
}

CASE("JQ-17 a late answer leaves the watch of the next job in its place alone") {
  JobWorld world;
  const uint32_t number = world.queue({.desired = 2});
  Barrier first;
  Barrier second;
  const Body late = [&](job::NativeCall&) { first.pass(); };
  const Body later = [&](job::NativeCall&) { second.pass(); };
  const uint32_t a = world.submit({.queue = number, .runLimit = 5}, late);
  CHECK_EQ(world.outcomeOf(a), JobOutcome::RUN_TIMED_OUT);
  const uint32_t b = world.submit({.queue = number, .runLimit = 200}, later);
  CHECK_EQ(a & loop::kHandleIndexMask, b & loop::kHandleIndexMask);
  world.flush();
  second.awaitArrivals(1);
  first.open();
  CHECK(world.until([&] { return world.stat(number, JobStat::TOTAL) == 1; }));
  CHECK_EQ(world.outcomeOf(b), JobOutcome::RUN_TIMED_OUT);
  second.open();
  world.end(number);
}

CASE("AS-09 A-AS-6 every thread stuck in a job that was asked to stop: the others end WEDGED") {
  JobWorld world;
  const uint32_t number = world.queue({.desired = 2});
  Barrier barrier;
  const Body deaf = [&](job::NativeCall&) { barrier.pass(); };
  const Body nothing = [](job::NativeCall&) {};
  world.submit({.queue = number, .flags = JobFlag::CANCEL_SIGNAL, .runLimit = 1}, deaf);
  const uint32_t free = world.submit(number, deaf);
  world.flush();
  barrier.awaitArrivals(2);
  const uint32_t waits = world.submit(number, nothing);
  world.rest(700);
  CHECK(!world.isDone(waits));  // one thread was not asked
  world.out(Out::JOB_REMOVE, free, 1);
  CHECK_EQ(world.outcomeOf(waits), JobOutcome::WEDGED);
  const uint32_t later = world.submit(number, nothing);
  CHECK_EQ(world.outcomeOf(later), JobOutcome::WEDGED);
  barrier.open();
  CHECK(world.until([&] { return world.stat(number, JobStat::INFLIGHT) == 0; }));
  const uint32_t after = world.submit(number, nothing);
  CHECK_EQ(world.outcomeOf(after), JobOutcome::VALUE);
  CHECK(world.finishAll());
  world.end(number);
}

CASE("JQ-13 A-JQ-9 draining refuses, waits for what is there, and ends the threads") {
  Sequence sequence({.desired = 1});
  JobWorld& world = sequence.world;
  sequence.add(1);
  world.flush();
  CHECK_EQ(world.desk().drain(sequence.number, 5), 0);
  CHECK_EQ(world.desk().drain(sequence.number, 6), 0);
  JobWorld other;
  CHECK_EQ(other.desk().drain(sequence.number, 7), 0);
  CHECK_EQ(world.desk().reserve(sequence.number), -ESHUTDOWN);
  const uint32_t refused = sequence.add(2);
  CHECK_EQ(world.outcomeOf(refused), JobOutcome::SHUTDOWN);
  CHECK(world.drained.empty());
  CHECK_EQ(job::destroyQueue(sequence.number), -EBUSY);
  sequence.barrier.open();
  CHECK(world.until([&] { return world.drained.size() == 2; }));
  CHECK(other.until([&] { return other.drained.size() == 1; }));
  CHECK_EQ(world.stat(sequence.number, JobStat::CONCURRENCY), 0.0);
  CHECK_EQ(world.stat(sequence.number, JobStat::STATE), 2.0);
  CHECK_EQ(world.desk().drain(sequence.number, 8), 0);
  CHECK(world.until([&] { return world.drained.size() == 3; }));
  CHECK(sequence.ran == (Numbers{1}));
  CHECK_EQ(job::destroyQueue(sequence.number), 0);
}

CASE("TP-15 what waits is dropped: all of it, or what may be") {
  Sequence sequence;
  JobWorld& world = sequence.world;
  const uint32_t a = sequence.add(1, {.flags = JobFlag::DROPPABLE});
  sequence.add(2);
  const uint32_t c = sequence.add(3, {.flags = JobFlag::DROPPABLE, .priority = 3});
  const uint32_t d = sequence.add(4, {.flags = JobFlag::DROPPABLE, .subqueue = 9});
  world.flush();
  const QueueRef queue = job::findQueue(sequence.number);
  CHECK_EQ(queue->dropWaiting(true), 3u);
  for (const uint32_t dropped : {a, c, d}) CHECK_EQ(world.outcomeOf(dropped), JobOutcome::SHUTDOWN);
  const uint32_t e = sequence.add(5, {.priority = 3, .subqueue = 7});
  const uint32_t f = sequence.add(6, {.priority = -3, .subqueue = 7});
  world.flush();
  CHECK_EQ(queue->dropWaiting(false), 3u);
  CHECK_EQ(world.outcomeOf(e), JobOutcome::SHUTDOWN);
  CHECK_EQ(world.outcomeOf(f), JobOutcome::SHUTDOWN);
  CHECK(sequence.finish().empty());
}

// Counts itself when it is reclaimed.
struct Counted : mem::Retired {
  static inline std::atomic<int> reclaimed{0};
};

CASE("JQ-08 A-JQ-10 gc: the threads reclaim between jobs what was retired, the others do not") {
  // Nobody else does.
  REQUIRE(mem::epochPauseCollector(true) == 0);
  constexpr int kMany = 50;
  JobWorld world;
  const Body retires = [](job::NativeCall&) {
    for (int i = 0; i < kMany; i++) {
      mem::epochRetire(new Counted, sizeof(Counted), [](mem::Retired* object) {
        delete static_cast<Counted*>(object);
        Counted::reclaimed++;
      });
    }
  };
  const Body nothing = [](job::NativeCall&) {};
  for (const auto safety : {job::JobSafety::NONE, job::JobSafety::GC}) {
    Counted::reclaimed = 0;
    const uint32_t number = world.queue({.safety = safety});
    CHECK_EQ(world.outcomeOf(world.submit(number, retires)), JobOutcome::VALUE);
    // Behind the first of these they have passed between two jobs.
    for (int i = 0; i < 2; i++) {
      CHECK_EQ(world.outcomeOf(world.submit(number, nothing)), JobOutcome::VALUE);
    }
    CHECK_EQ(Counted::reclaimed.load(), safety == job::JobSafety::GC ? kMany : 0);
    world.end(number);
    // What the other kind has left.
    REQUIRE(mem::epochAttachThread() == 0);
    static_cast<void>(mem::epochMaintain(mem::MaintainMode::kBarrier));
    CHECK_EQ(mem::epochDetachThread(), 0);
    CHECK_EQ(Counted::reclaimed.load(), kMany);
  }
  CHECK_EQ(mem::epochPauseCollector(false), 0);
}

CASE("JQ-08 A-JQ-10 mode cs: each job is a section; none and gc: it is not") {
  JobWorld world;
  for (const auto safety : {job::JobSafety::NONE, job::JobSafety::CS, job::JobSafety::GC}) {
    const uint32_t number = world.queue({.safety = safety});
    const Body asks = [](job::NativeCall& call) { call.setNumber(mem::epochInSection() ? 1 : 0); };
    const uint32_t handle = world.submit(number, asks);
    CHECK_EQ(world.outcomeOf(handle), JobOutcome::VALUE);
    CHECK_EQ(world.done[handle].number(), safety == job::JobSafety::CS ? 1.0 : 0.0);
    world.end(number);
  }
}

CASE("JQ-10 A-JQ-7 the wait counts from the job's arrival, whichever of its outbox it was") {
  JobWorld world;
  const uint32_t first = world.queue({.name = "first"});
  const uint32_t second = world.queue({.name = "second"});
  Barrier barrier;
  const Body passes = [&](job::NativeCall&) { barrier.pass(); };
  for (int i = 0; i < 3; i++) {
    world.submit(first, passes);
    world.submit(second, passes);
  }
  world.flush();
  for (const uint32_t number : {first, second}) {
    job::JobInfos infos;
    REQUIRE(job::findQueue(number)->jobs(&infos) == 0);
    // Since a moment ago; not since the machine was started, nor from now on.
    for (const job::JobInfo& info : infos) CHECK(info.ageMs >= 0 && info.ageMs < 60'000);
  }
  barrier.open();
  CHECK(world.finishAll());
  for (const uint32_t number : {first, second}) {
    const double wait = world.stat(number, JobStat::AVG_WAIT_MS);
    CHECK(wait >= 0 && wait < 60'000);
    world.end(number);
  }
}

CASE("JQ-11 A-JQ-13 threads bear the queue's short name") {
  JobWorld world;
  const uint32_t number = world.queue({.name = "a-rather-long-name", .stackBytes = 200'000});
  const Body asks = [](job::NativeCall& call) {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    std::memcpy(call.reserve(16), name, 16);
  };
  const uint32_t handle = world.submit(number, asks);
  CHECK_EQ(world.outcomeOf(handle), JobOutcome::VALUE);
  CHECK_EQ(std::string(world.done[handle].bytes.c_str() + 8), std::string("a-rather-long/1"));
  CHECK_EQ(job::findQueue(number)->shortName(), std::string_view("a-rather-long"));
  world.end(number);
}

#ifdef __GLIBC__
CASE("TP-17 A-TP-9 the size of stacks is that of threads to come, not of those that are there") {
  JobWorld world;
  const uint32_t number = world.queue({.stackBytes = 300'000});
  std::map<pthread_t, size_t> sizes;
  std::mutex lock;
  Barrier barrier;
  const Body asks = [&](job::NativeCall&) {
    pthread_attr_t attributes;
    size_t bytes = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &bytes);  // a page of it may be the guard
    pthread_attr_destroy(&attributes);
    {
      const std::lock_guard<std::mutex> guard(lock);
      sizes[pthread_self()] = bytes;
    }
    barrier.pass();
  };
  world.submit(number, asks);
  world.flush();
  barrier.awaitArrivals(1);
  const size_t old = sizes.begin()->second;
  CHECK(old >= 290'000 && old < 1'100'000);
  job::findQueue(number)->configure({.desired = 2, .stackBytes = 1'200'000});
  world.submit(number, asks);
  world.flush();
  barrier.awaitArrivals(2);
  barrier.open();
  CHECK(world.finishAll());
  REQUIRE(sizes.size() == 2);
  size_t most = 0;
  for (const auto& [thread, bytes] : sizes) most = std::max(most, bytes);
  // The C library may give a thread the stack of another, up to four times as large.
  CHECK(most >= 1'100'000 && most < 4'800'000);
  world.end(number);
}
#endif

CASE("JQ-11 the jobs of a queue can be listed, those that run and those that wait") {
  Sequence sequence;
  sequence.add(1, {.priority = 4, .subqueue = 5});
  sequence.world.flush();
  job::JobInfos infos;
  CHECK_EQ(job::findQueue(sequence.number)->jobs(&infos), 0);
  REQUIRE(infos.size() == 2);
  const job::JobInfo& waiting = infos[infos[0].running ? 1 : 0];
  const job::JobInfo& running = infos[infos[0].running ? 0 : 1];
  CHECK(running.running && !waiting.running);
  CHECK_EQ(waiting.priority, 4);
  CHECK_EQ(waiting.subqueue, uint64_t{5});
  CHECK(waiting.ageMs >= 0 && running.ageMs >= waiting.ageMs);
  CHECK_EQ(running.target, bodyTarget());
  sequence.finish();
}

CASE("NO_THREAD where no thread can be made; the next job tries again") {
  JobWorld world;
  const uint32_t number = world.queue({.stackBytes = size_t{1} << 46});
  const Body nothing = [](job::NativeCall&) {};
  const uint32_t a = world.submit(number, nothing);
  const uint32_t b = world.submit({.queue = number, .subqueue = 4}, nothing);
  CHECK_EQ(world.outcomeOf(a), JobOutcome::NO_THREAD);
  CHECK_EQ(world.outcomeOf(b), JobOutcome::NO_THREAD);
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 0.0);
  CHECK_EQ(world.stat(number, JobStat::BACKLOG), 0.0);
  job::findQueue(number)->configure({.stackBytes = 0});
  const uint32_t c = world.submit(number, nothing);
  CHECK_EQ(world.outcomeOf(c), JobOutcome::VALUE);
  world.end(number);
}

CASE("JQ-05 A-JQ-3 after five idle seconds the threads above the floor are gone") {
  JobWorld world;
  const uint32_t number = world.queue({.desired = 3, .floor = 1});
  Barrier barrier;
  const Body body = [&](job::NativeCall&) { barrier.pass(); };
  for (int i = 0; i < 3; i++) world.submit(number, body);
  world.flush();
  barrier.awaitArrivals(3);
  const int64_t before = sys::monotonicNs();
  barrier.open();
  CHECK(world.finishAll());
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 3.0);
  CHECK(world.until([&] { return world.stat(number, JobStat::CONCURRENCY) == 1; }));
  CHECK(sys::monotonicNs() - before >= Queue::kIdleNs);
  world.rest(100);
  CHECK_EQ(world.stat(number, JobStat::CONCURRENCY), 1.0);
  world.submit(number, body);
  CHECK(world.finishAll());
  world.end(number);
}

CASE("JQ-13 a loop may end with jobs under way: one goes on, nobody is told; what waits goes") {
  std::atomic<int> ran{0};
  Barrier barrier;
  const Body body = [&](job::NativeCall& call) {
    barrier.pass();
    ran++;
    static_cast<void>(call.reserve(100'000));
  };
  JobWorld owner;
  const uint32_t number = owner.queue();
  {
    JobWorld world;
    for (int i = 0; i < 5; i++) world.submit(number, body);
    world.submit({.queue = number, .flags = JobFlag::COMPLETES}, body);
    world.flush();
    barrier.awaitArrivals(1);
    world.submit(number, body);  // still in the outbox
  }
  barrier.open();
  owner.end(number);
  CHECK_EQ(ran.load(), 1);
}

}  // namespace
}  // namespace heddle::test
