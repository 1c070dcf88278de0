// Several threads, each with coroutines of its own: nothing is shared but typed memory.
#include <pthread.h>

#include <numeric>

#include "test/coro_fixture.h"

namespace heddle::test {
namespace {

struct Worker {
  pthread_t thread{};
  uint64_t seed = 0;
  uint64_t sum = 0;
  uint64_t switches = 0;
};

void* work(void* argument) {
  auto& worker = *static_cast<Worker*>(argument);
  Crew crew({.count = 2});
  check::Random random(worker.seed);
  std::vector<Coroutine*> all;
  for (uint64_t i = 0; i < 20; i++) {
    all.push_back(crew.make([&worker, i] {
      for (;;) {
        volatile uint64_t mine = i;
        coro::yield();
        worker.sum += mine;
      }
    }));
  }
  for (Coroutine* co : all) crew.resume(co);
  for (int i = 0; i < 20'000; i++) crew.resume(all[random.below(20)]);
  worker.switches = crew.thread().stats().switches;
  return nullptr;
}

CASE("A-AC-17 AC-05 threads run coroutines of their own side by side") {
  Worker workers[4];
  for (Worker& worker : workers) {
    worker.seed = check::seed() + static_cast<uint64_t>(&worker - workers);
    CHECK_EQ(pthread_create(&worker.thread, nullptr, work, &worker), 0);
  }
  for (Worker& worker : workers) {
    pthread_join(worker.thread, nullptr);
    CHECK_EQ(worker.switches, uint64_t{20'020});
    check::Random random(worker.seed);
    uint64_t expected = 0;
    for (int i = 0; i < 20'000; i++) expected += random.below(20);
    CHECK_EQ(worker.sum, expected);
  }
}

CASE("AC-26 two threads' worth of coroutines on one OS thread, one at a time") {
  Crew first;
  Crew second;
  std::string trace;
  Coroutine* const a = first.make([&] {
    trace += "a";
    coro::yield();
    trace += "A";
  });
  Coroutine* const b = second.make([&] {
    trace += "b";
    coro::yield();
    trace += "B";
  });
  first.resume(a);
  second.resume(b);
  first.resume(a);
  second.resume(b);
  CHECK_EQ(trace, "abAB");
}

}  // namespace
}  // namespace heddle::test
