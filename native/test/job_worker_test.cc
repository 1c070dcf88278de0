// Queues whose threads are isolates: starting them, giving and taking back, death in the middle.
#include <cerrno>
#include <cmath>

#include "test/job_workers.h"

namespace heddle::test {
namespace {

CASE("JQ-03 a thread is asked for when there is work, serves, and leaves when the queue drains") {
  HostWorld host;
  const uint32_t number = host.workers(2);
  host.pass();
  CHECK_EQ(host.asked, 0);
  const WorkerBody echo = [](Run& run) { run.result = run.bytes; };
  const uint32_t small = host.run(number, echo, "hello");
  const std::string much(70'000, 'm');
  const uint32_t large = host.run(number, echo, much);
  const WorkerBody fails = [](Run& run) {
    run.outcome = JobOutcome::ERROR;
    run.result = "no";
  };
  const uint32_t failed = host.run(number, fails);
  CHECK(host.finishAll());
  CHECK_EQ(host.done[small].bytes, std::string("hello"));
  CHECK_EQ(host.done[large].bytes, much);
  CHECK_EQ(host.done[failed].outcome, JobOutcome::ERROR);
  CHECK_EQ(host.done[failed].bytes, std::string("no"));
  CHECK(host.asked >= 1 && host.asked <= 2);
  CHECK_EQ(host.stat(number, JobStat::TOTAL), 3.0);
  host.end(number);
  for (const auto& player : host.players) CHECK(player->left);
  // A native function is not for an isolate, nor the other way round.
  const uint32_t other = host.workers(1);
  const uint32_t wrong = host.submit({.queue = other, .target = bodyTarget()}, "");
  CHECK_EQ(host.outcomeOf(wrong), JobOutcome::NO_THREAD);
  host.end(other);
}

CASE("TP-19 threads that are spawned serve without work, and go when fewer are wanted") {
  HostWorld host;
  const uint32_t number = host.workers(3, {.floor = 3});
  const QueueRef queue = job::findQueue(number);
  queue->configure({.spawn = true});
  // Not asked for yet: the host hears of two only.
  queue->configure({.desired = 2, .floor = 2});
  CHECK(host.until([&] { return host.stat(number, JobStat::IDLE) == 2; }));
  CHECK_EQ(host.asked, 2);
  const WorkerBody echo = [](Run& run) { run.result = run.bytes; };
  for (int i = 0; i < 20; i++) host.run(number, echo, "x");
  CHECK(host.finishAll());
  CHECK_EQ(host.asked, 2);
  host.end(number);
  for (const auto& player : host.players) CHECK(player->left);
  // None can be made: that is all.
  host.starts = false;
  const uint32_t none = host.workers(2);
  job::findQueue(none)->configure({.spawn = true});
  CHECK(host.until([&] { return host.stat(none, JobStat::CONCURRENCY) == 0; }));
  host.end(none);
}

CASE(
    "JQ-02 many short jobs go in batches and come back once each, from one worker and from three") {
  for (const uint32_t threads : {1u, 3u}) {
    HostWorld host;
    const uint32_t number = host.workers(threads);
    std::atomic<int> ran{0};
    const WorkerBody body = [&](Run& run) {
      ran++;
      run.result = run.bytes;
    };
    std::map<uint32_t, std::string> expected;
    for (int round = 0; round < 20; round++) {
      for (int i = 0; i < 300; i++) {
        const std::string text = std::to_string(round * 1000 + i);
        expected[host.run(number, body, text)] = text;
      }
      host.pass();
    }
    CHECK(host.finishAll());
    CHECK_EQ(ran.load(), 6000);
    bool same = true;
    for (const auto& [handle, text] : expected) same = same && host.done[handle].bytes == text;
    CHECK(same);
    CHECK_EQ(host.stat(number, JobStat::TOTAL), 6000.0);
    host.end(number);
  }
}

// A worker whose next jobs were given to it behind one that holds it.
struct Batch {
  HostWorld host;
  uint32_t number = host.workers(1);
  Barrier barrier;
  std::mutex lock;
  std::vector<std::string> ran;
  const WorkerBody holds = [this](Run&) { barrier.pass(); };
  const WorkerBody notes = [this](Run& run) {
    const std::lock_guard<std::mutex> guard(lock);
    ran.push_back(run.bytes);
  };
  std::vector<uint32_t> handles;

  // `holds` is as short as the others to the queue: it is guessed from those before.
  Batch() {
    for (int i = 0; i < 50; i++) host.run(number, notes, "");
    CHECK(host.finishAll());
    ran.clear();
    job::findQueue(number)->configure({.paused = 1});
    host.run(number, holds);
    for (const char* name : {"a", "b", "c", "d"}) handles.push_back(host.run(number, notes, name));
    host.flush();
    job::findQueue(number)->configure({.paused = 0});
    barrier.awaitArrivals(1);
  }
  std::string finish() {
    barrier.open();
    CHECK(host.finishAll());
    std::string all;
    for (const std::string& name : ran) all += name;
    host.end(number);
    return all;
  }
};

CASE("JQ-10 what was given and has not begun is backlog, and is listed as waiting") {
  Batch batch;
  CHECK_EQ(batch.host.stat(batch.number, JobStat::INFLIGHT), 1.0);
  CHECK_EQ(batch.host.stat(batch.number, JobStat::BACKLOG), 4.0);
  job::JobInfos infos;
  CHECK_EQ(job::findQueue(batch.number)->jobs(&infos), 0);
  CHECK_EQ(infos.size(), size_t{5});
  int running = 0;
  for (const job::JobInfo& info : infos) running += info.running ? 1 : 0;
  CHECK_EQ(running, 1);
  CHECK_EQ(batch.finish(), std::string("abcd"));
}

CASE("A-JQ-12 removed from a batch it never runs; paused, nothing more of the batch begins") {
  Batch batch;
  batch.host.out(Out::JOB_REMOVE, batch.handles[1], 0);
  CHECK_EQ(batch.host.outcomeOf(batch.handles[1]), JobOutcome::REMOVED);
  const QueueRef queue = job::findQueue(batch.number);
  queue->configure({.paused = 1});
  batch.barrier.open();
  CHECK(batch.host.until([&] { return batch.host.stat(batch.number, JobStat::INFLIGHT) == 0; }));
  batch.host.rest(20);
  CHECK(batch.ran.empty());
  CHECK_EQ(batch.host.stat(batch.number, JobStat::BACKLOG), 3.0);
  queue->configure({.paused = 0});
  CHECK_EQ(batch.finish(), std::string("acd"));
}

CASE("A-JQ-6 a batch is given anew when the order changes") {
  Batch batch;
  job::findQueue(batch.number)->configure({.lifo = 1});
  CHECK_EQ(batch.finish(), std::string("dcba"));
}

CASE("A-JQ-8 a batch is given back when another subqueue comes") {
  Batch batch;
  batch.host.run({.queue = batch.number, .subqueue = 7}, batch.notes, "X");
  batch.host.flush();
  const std::string order = batch.finish();
  CHECK(order.find('X') <= 1);
  CHECK_EQ(order.size(), size_t{5});
}

CASE("JQ-02 an idle thread takes half of what another was given and has not begun") {
  Batch batch;
  job::findQueue(batch.number)->configure({.desired = 2});
  // Two threads: the second runs all of it while the first is held.
  CHECK(batch.host.until([&] {
    for (const uint32_t handle : batch.handles) {
      if (!batch.host.isDone(handle)) return false;
    }
    return true;
  }));
  CHECK_EQ(batch.finish(), std::string("abcd"));
}

CASE("JQ-02 a job that waits for a promise holds its worker: the rest goes to another, or waits") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  Player* player = nullptr;
  uint32_t slot = 0;
  std::atomic<bool> pends{false};
  const WorkerBody promise = [&](Run& run) {
    player = &run.player;
    slot = run.slot;
    run.pends = true;
    pends = true;
  };
  std::atomic<int> ran{0};
  const WorkerBody counts = [&](Run&) { ran++; };
  for (int i = 0; i < 20; i++) host.run(number, counts);
  CHECK(host.finishAll());
  const uint32_t first = host.run(number, promise);
  for (int i = 0; i < 10; i++) host.run(number, counts);
  CHECK(host.until([&] { return pends.load(); }));
  host.rest(30);
  CHECK_EQ(ran.load(), 20);
  CHECK_EQ(host.stat(number, JobStat::INFLIGHT), 1.0);
  CHECK_EQ(host.stat(number, JobStat::BACKLOG), 10.0);
  job::findQueue(number)->configure({.desired = 2});
  CHECK(host.until([&] { return ran == 30; }));
  CHECK(!host.isDone(first));
  player->settle(slot);
  CHECK_EQ(host.outcomeOf(first), JobOutcome::VALUE);
  CHECK_EQ(host.done[first].bytes, std::string("settled"));
  CHECK(host.finishAll());
  host.end(number);
}

CASE("TP-20 A-TP-11 a thread that dies: its job WORKER_DIED, the others run on the next") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  const WorkerBody dies = [](Run& run) { run.dies = true; };
  std::vector<int> ran;
  std::mutex lock;
  const WorkerBody notes = [&](Run& run) {
    const std::lock_guard<std::mutex> guard(lock);
    ran.push_back(std::stoi(run.bytes));
  };
  for (int i = 0; i < 30; i++) host.run(number, notes, "-1");
  CHECK(host.finishAll());
  ran.clear();
  const uint32_t victim = host.run(number, dies);
  for (int i = 0; i < 20; i++) host.run(number, notes, std::to_string(i));
  CHECK(host.finishAll());
  CHECK_EQ(host.done[victim].outcome, JobOutcome::WORKER_DIED);
  CHECK_EQ(host.asked, 2);
  CHECK_EQ(ran.size(), size_t{20});
  CHECK(std::is_sorted(ran.begin(), ran.end()));
  CHECK_EQ(host.stat(number, JobStat::CONCURRENCY), 1.0);
  host.end(number);
}

CASE(
    "A-AS-6 terminate: the worker is ended at the time-out, cleaned up after elsewhere, replaced") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  const auto cleanup = static_cast<uint32_t>(job::targetNumber("test.js", "cleanup"));
  std::atomic<int> cleanups{0};
  std::atomic<int> works{0};
  const WorkerBody stuck = [&](Run& run) {
    if ((run.flags & JobFlag::SKIP_WORK) != 0) {
      cleanups++;
      CHECK_EQ(run.bytes, std::string("argument"));
      return;
    }
    works++;
    run.pends = true;  // never settled
  };
  const uint32_t flags = JobFlag::CANCEL_TERMINATE;
  const uint32_t plain =
      host.run({.queue = number, .flags = flags, .runLimit = 5}, stuck, "argument");
  CHECK_EQ(host.outcomeOf(plain), JobOutcome::RUN_TIMED_OUT);
  // On a busy machine it is not begun before its deadline at the first try.
  for (double ms = 50; works == 1 && ms < 20'000; ms *= 4) {
    cleanups = 0;
    const uint32_t phased = host.run({.queue = number,
                                      .flags = flags | JobFlag::PHASED,
                                      .cleanup = cleanup,
                                      .deadline = host.nowMs() + ms},
                                     stuck, "argument");
    const int32_t outcome = host.outcomeOf(phased);
    CHECK_EQ(outcome, works == 1 ? JobOutcome::TIMED_OUT : JobOutcome::RUN_TIMED_OUT);
  }
  CHECK_EQ(works.load(), 2);
  CHECK_EQ(cleanups.load(), 1);
  const uint32_t aborted = host.run({.queue = number, .flags = flags}, stuck, "argument");
  CHECK(host.until([&] { return works == 3; }));
  host.out(Out::JOB_REMOVE, aborted, 1);
  CHECK_EQ(host.outcomeOf(aborted), JobOutcome::REMOVED);
  const WorkerBody nothing = [](Run&) {};
  const uint32_t after = host.run(number, nothing);
  CHECK_EQ(host.outcomeOf(after), JobOutcome::VALUE);
  CHECK_EQ(host.asked, 4);
  CHECK_EQ(host.stat(number, JobStat::CONCURRENCY), 1.0);
  host.end(number);
}

CASE("A-AS-6 AS-01 a phased job whose thread is ended is answered behind its cleanup") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  std::atomic<int> cleanups{0};
  const WorkerBody phases = [&](Run& run) {
    run.pends = (run.flags & JobFlag::SKIP_WORK) == 0;  // never settled
    if (!run.pends) cleanups++;
  };
  const uint32_t flags = JobFlag::CANCEL_TERMINATE | JobFlag::PHASED;
  const uint32_t handle = host.run({.queue = number, .flags = flags, .runLimit = 5}, phases);
  CHECK_EQ(host.outcomeOf(handle), JobOutcome::RUN_TIMED_OUT);
  CHECK_EQ(cleanups.load(), 1);
  CHECK_EQ(host.asked, 2);
  host.end(number);
}

CASE("A-AS-6 AS-09 a cleanup has all the time it needs, whatever limits its job has") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  const WorkerBody nothing = [](Run&) {};
  CHECK_EQ(host.outcomeOf(host.run(number, nothing)), JobOutcome::VALUE);
  Barrier barrier;
  const WorkerBody cleansUp = [&](Run& run) {
    CHECK((run.flags & JobFlag::SKIP_WORK) != 0);
    barrier.pass();
  };
  // Taken at once, by a thread that finds it late; its submitter looks at it later.
  const uint32_t late = host.run({.queue = number,
                                  .flags = JobFlag::CANCEL_TERMINATE | JobFlag::PHASED,
                                  .deadline = host.nowMs() - 1,
                                  .runLimit = 5},
                                 cleansUp);
  host.flush();
  barrier.awaitArrivals(1);
  host.rest(50);
  // Nor does it help to want it no more.
  host.out(Out::JOB_REMOVE, late, 1);
  host.rest(20);
  CHECK_EQ(host.wishes.size(), size_t{1});
  CHECK(!host.isDone(late));
  barrier.open();
  CHECK_EQ(host.outcomeOf(late), JobOutcome::TIMED_OUT);
  CHECK_EQ(host.asked, 1);
  CHECK_EQ(host.players[0]->signals, 0);
  host.end(number);
}

CASE("A-AS-6 TP-20 a thread that is to be ended is given nothing more, though its job has ended") {
  HostWorld host;
  host.spares = true;
  const uint32_t number = host.workers(1);
  Barrier barrier;
  const WorkerBody held = [&](Run&) { barrier.pass(); };
  const WorkerBody names = [](Run& run) { run.result = std::to_string(run.player.number()); };
  const uint32_t slow =
      host.run({.queue = number, .flags = JobFlag::CANCEL_TERMINATE, .runLimit = 50}, held);
  host.flush();
  CHECK(host.until([&] { return barrier.arrivals() == 1; }));
  const Order bound{.queue = number, .flags = JobFlag::BOUND, .worker = 1};
  const uint32_t before = host.run(bound, names);
  const uint32_t innocent = host.run(number, names);
  CHECK_EQ(host.outcomeOf(slow), JobOutcome::RUN_TIMED_OUT);
  CHECK(host.until([&] { return !host.wishes.empty() && host.wishes.size() == 2; }));
  // What is for this thread only ends with it.
  CHECK_EQ(host.outcomeOf(before), JobOutcome::WORKER_DIED);
  CHECK_EQ(host.outcomeOf(host.run(bound, names)), JobOutcome::WORKER_DIED);
  barrier.open();
  CHECK(host.until([&] { return host.stat(number, JobStat::INFLIGHT) == 0; }));
  host.rest(30);
  CHECK(!host.isDone(innocent));
  CHECK_EQ(host.stat(number, JobStat::BACKLOG), 1.0);
  host.players[0]->kill();
  CHECK_EQ(host.outcomeOf(innocent), JobOutcome::VALUE);
  CHECK_EQ(host.done[innocent].bytes, std::string("2"));
  host.end(number);
}

CASE("JQ-17 a run time-out counts from the beginning, also of a job that was taken back") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  const WorkerBody nothing = [](Run&) {};
  CHECK_EQ(host.outcomeOf(host.run(number, nothing)), JobOutcome::VALUE);
  Player& player = *host.players[0];
  const WorkerBody endless = [](Run& run) {
    while (!run.player.isSignalled(run.slot)) std::this_thread::yield();
  };
  const Order limited{.queue = number, .flags = JobFlag::CANCEL_SIGNAL, .runLimit = 40};
  // Given to a thread that does not get round to it for longer than the job may run.
  player.hold(true);
  const uint32_t patient = host.run({.queue = number, .runLimit = 500}, nothing);
  host.rest(700);
  CHECK(!host.isDone(patient));
  player.hold(false);
  CHECK_EQ(host.outcomeOf(patient), JobOutcome::VALUE);
  // It gets round to it before the limit is over: both times together are longer, each is not.
  player.hold(true);
  std::atomic<uint32_t> slot{0};
  const WorkerBody pends = [&slot](Run& run) {
    slot = run.slot;
    run.pends = true;
  };
  const uint32_t late = host.run({.queue = number, .runLimit = 4000}, pends);
  host.rest(2500);
  const int ran = player.ran;
  player.hold(false);
  CHECK(host.until([&] { return player.ran > ran; }));
  host.rest(2000);
  player.settle(slot);
  CHECK_EQ(host.outcomeOf(late), JobOutcome::VALUE);
  // The same, and paused meanwhile.
  player.hold(true);
  const uint32_t paused = host.run(limited, endless);
  host.rest(10);
  const QueueRef queue = job::findQueue(number);
  queue->configure({.paused = 1});
  host.rest(100);
  CHECK(!host.isDone(paused));
  player.hold(false);
  queue->configure({.paused = 0});
  CHECK_EQ(host.outcomeOf(paused), JobOutcome::RUN_TIMED_OUT);
  host.end(number);
}

CASE("JQ-17 a worker that asked in vain for more, and from which all is taken back, gets more") {
  HostWorld host;
  host.starts = false;
  const uint32_t number = host.workers(1);
  const WorkerBody nothing = [](Run&) {};
  int32_t claims[job::kClaimCells] = {};
  const auto given = [&claims] {
    return std::count(std::begin(claims), std::end(claims), int32_t{Claim::GIVEN});
  };
  {
    JobWorld worker;
    const QueueRef queue = job::findQueue(number);
    for (int i = 0; i < 2; i++) host.run(number, nothing);
    host.flush();
    job::Wish wish{};
    REQUIRE(queue->nextWish(&wish));
    CHECK_EQ(worker.desk().serve(number, wish.worker, claims), 0);
    // A thread of another isolate drives its loop: nothing is dispatched between passes.
    const auto passes = [&worker] {
      for (int i = 0; i < 4; i++) worker.loop().collect(0);
    };
    passes();
    CHECK_EQ(given(), 2);
    queue->configure({.paused = 1});
    passes();
    CHECK_EQ(given(), 0);
    queue->configure({.paused = 0});
    passes();
    CHECK_EQ(given(), 2);
  }
  host.starts = true;
  CHECK(host.finishAll());
  host.end(number);
}

CASE("A-AS-6 signal: the claim says so, JOB_SIGNAL follows, the job answers itself") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  Player* player = nullptr;
  std::atomic<uint32_t> slot{99};
  const WorkerBody waits = [&](Run& run) {
    player = &run.player;
    run.pends = true;
    slot = run.slot;
  };
  uint32_t handle = 0;
  // Begun before its deadline: on a busy machine not at the first try.
  for (double ms = 20; slot == 99 && ms < 20'000; ms *= 4) {
    handle = host.run(
        {.queue = number, .flags = JobFlag::CANCEL_SIGNAL, .deadline = host.nowMs() + ms}, waits);
    CHECK(host.until([&] { return slot != 99 || host.isDone(handle); }));
  }
  REQUIRE(slot != 99);
  CHECK(host.until([&] { return player->signals == 1; }));
  CHECK(player->isSignalled(slot));
  player->settle(slot);
  CHECK_EQ(host.outcomeOf(handle), JobOutcome::VALUE);
  host.end(number);
}

CASE("NO_THREAD where none can be made; a later job asks again") {
  HostWorld host;
  host.starts = false;
  const uint32_t number = host.workers(2);
  const WorkerBody nothing = [](Run&) {};
  const uint32_t a = host.run(number, nothing);
  const uint32_t b = host.run(number, nothing);
  CHECK_EQ(host.outcomeOf(a), JobOutcome::NO_THREAD);
  CHECK_EQ(host.outcomeOf(b), JobOutcome::NO_THREAD);
  CHECK_EQ(host.stat(number, JobStat::CONCURRENCY), 0.0);
  host.starts = true;
  const uint32_t c = host.run(number, nothing);
  CHECK_EQ(host.outcomeOf(c), JobOutcome::VALUE);
  CHECK_EQ(host.desk().workerEnded(number, 4711), 0);
  CHECK_EQ(host.desk().workerEnded(4711, 1), -ENOENT);
  host.end(number);
}

CASE("a job bound to a worker runs there, or ends with it") {
  HostWorld host;
  const uint32_t number = host.workers(2);
  Barrier barrier;
  const WorkerBody holds = [&](Run&) { barrier.pass(); };
  host.run(number, holds);
  host.run(number, holds);
  CHECK(host.until([&] { return barrier.arrivals() == 2; }));
  REQUIRE(host.players.size() == 2);
  const WorkerBody names = [](Run& run) { run.result = std::to_string(run.player.number()); };
  std::vector<uint32_t> bound;
  for (const uint32_t worker : {1u, 2u, 2u, 1u}) {
    bound.push_back(host.run({.queue = number, .flags = JobFlag::BOUND, .worker = worker}, names));
  }
  const uint32_t nobody = host.run({.queue = number, .flags = JobFlag::BOUND, .worker = 99}, names);
  CHECK_EQ(host.outcomeOf(nobody), JobOutcome::WORKER_DIED);
  CHECK_EQ(host.stat(number, JobStat::BACKLOG), 4.0);
  host.out(Out::JOB_REMOVE, bound[2], 0);
  CHECK_EQ(host.outcomeOf(bound[2]), JobOutcome::REMOVED);
  barrier.open();
  CHECK(host.finishAll());
  CHECK_EQ(host.done[bound[0]].bytes, std::string("1"));
  CHECK_EQ(host.done[bound[1]].bytes, std::string("2"));
  CHECK_EQ(host.done[bound[3]].bytes, std::string("1"));
  const WorkerBody dies = [](Run& run) { run.dies = true; };
  job::findQueue(number)->configure({.paused = 1});
  const uint32_t victim = host.run({.queue = number, .flags = JobFlag::BOUND, .worker = 1}, dies);
  const uint32_t heir = host.run({.queue = number, .flags = JobFlag::BOUND, .worker = 1}, names);
  host.flush();
  job::findQueue(number)->configure({.paused = 0});
  CHECK_EQ(host.outcomeOf(victim), JobOutcome::WORKER_DIED);
  CHECK_EQ(host.outcomeOf(heir), JobOutcome::WORKER_DIED);
  CHECK(host.finishAll());
  host.end(number);
}

CASE("JQ-05 an isolate that has been idle for five seconds leaves, unless it is the floor") {
  HostWorld host;
  const uint32_t number = host.workers(2, {.floor = 1});
  Barrier barrier;
  const WorkerBody holds = [&](Run&) { barrier.pass(); };
  host.run(number, holds);
  host.run(number, holds);
  CHECK(host.until([&] { return barrier.arrivals() == 2; }));
  barrier.open();
  CHECK(host.finishAll());
  CHECK(host.until([&] { return host.stat(number, JobStat::CONCURRENCY) == 1; }));
  int left = 0;
  for (const auto& player : host.players) {
    CHECK(host.until([&] { return player->left || host.stat(number, JobStat::IDLE) == 1; }));
    left += player->left ? 1 : 0;
  }
  CHECK_EQ(left, 1);
  host.end(number);
}

CASE("AS-06 A-AS-7 a parent's end waits for its dependents and theirs to be completed") {
  HostWorld host;
  const uint32_t number = host.workers(1);
  const uint32_t leaves = host.queue({.name = "leaves", .desired = 2});
  Barrier barrier;
  const Body held = [&](job::NativeCall&) { barrier.pass(); };
  // The worker's own loop submits them; the one that asks for it is completed later.
  uint32_t first = 0;
  const WorkerBody parent = [&](Run& run) {
    JobWorld& mine = run.player.world();
    for (int i = 0; i < 3; i++) {
      const uint32_t made = mine.submit({.queue = leaves,
                                         .flags = i == 0 ? uint32_t{JobFlag::COMPLETES} : 0,
                                         .parent = static_cast<int32_t>(run.slot)},
                                        held);
      if (i == 0) first = made;
    }
    // One that is refused counts no more once its answer is there.
    mine.submit({.queue = 4711, .parent = static_cast<int32_t>(run.slot)}, held);
  };
  const uint32_t handle = host.run(number, parent);
  CHECK(host.until([&] { return barrier.arrivals() == 2; }));
  host.rest(20);
  CHECK(!host.isDone(handle));
  CHECK(host.until(
      [&] { return host.stat(number, JobStat::INFLIGHT) == 0; }));  // its own work is over
  barrier.open();
  host.rest(50);
  CHECK(!host.isDone(handle));  // one is not completed
  // Though others have its place by now.
  std::atomic<bool> isTaken{false};
  const WorkerBody takesPlaces = [&](Run& run) {
    for (int i = 0; i < 4; i++) {
      const uint32_t other = run.player.world().submit({.queue = leaves}, held);
      if (((other ^ first) & loop::kHandleIndexMask) == 0) isTaken = true;
    }
  };
  host.run(number, takesPlaces);
  host.rest(50);
  CHECK(isTaken);
  CHECK(!host.isDone(handle));
  const WorkerBody completes = [&](Run& run) { run.player.world().out(Out::JOB_COMPLETED, first); };
  host.run(number, completes);
  CHECK_EQ(host.outcomeOf(handle), JobOutcome::VALUE);
  // The end of a submitter completes what it had submitted.
  const WorkerBody leaving = [&](Run& run) {
    JobWorld& mine = run.player.world();
    mine.submit(
        {.queue = leaves, .flags = JobFlag::COMPLETES, .parent = static_cast<int32_t>(run.slot)},
        held);
    mine.flush();
    run.dies = true;
  };
  const uint32_t orphan = host.run(number, leaving);
  CHECK_EQ(host.outcomeOf(orphan), JobOutcome::WORKER_DIED);
  CHECK(host.finishAll());
  host.end(number);
  host.end(leaves);
}

CASE("JQ-14 a host that ends takes its workers along: what waits ends SHUTDOWN for everybody") {
  JobWorld other;
  uint32_t waits = 0;
  {
    HostWorld host;
    const uint32_t number = host.workers(1, {.name = "hosted"});
    Barrier barrier;
    const WorkerBody holds = [&](Run&) { barrier.pass(); };
    host.run(number, holds);
    CHECK(host.until([&] { return barrier.arrivals() == 1; }));
    static const WorkerBody nothing = [](Run&) {};
    const auto target = static_cast<uint32_t>(job::targetNumber("test.js", "body"));
    waits = other.submit({.queue = number, .target = target}, argumentOf(nothing));
    other.flush();
    host.loop().close();
    CHECK_EQ(other.outcomeOf(waits), JobOutcome::SHUTDOWN);
    barrier.open();
  }
  // The name is free again.
  HostWorld next;
  QueueSpec spec;
  spec.name = "hosted";
  const int64_t made = job::createQueue(spec, &next.desk());
  CHECK(made > 0);
  if (made > 0) next.end(static_cast<uint32_t>(made));
}

}  // namespace
}  // namespace heddle::test
