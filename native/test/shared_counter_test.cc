// A shared counter: cells that one thread each writes, and sums that lose nothing and count nothing
// twice.
#include "shared/counter.h"

#include <thread>
#include <vector>

#include "test/shared_fixture.h"

using namespace heddle::test;

namespace {

// As JavaScript does it: a load and a store, nobody else writes.
void add(double* cell, double by) {
  double value;
  __atomic_load(cell, &value, __ATOMIC_RELAXED);
  value += by;
  __atomic_store(cell, &value, __ATOMIC_RELAXED);
}

struct Holder {
  explicit Holder(std::string_view name) {
    CHECK_EQ(SharedCounter::open(nameOf(name), &cell, &counter), 0);
  }
  ~Holder() { counter->close(&cell); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  double value = 7;  // opening sets it to 0
  CounterCell cell{.value = &value};
  SharedCounter* counter = nullptr;
};

}  // namespace

CASE("SM-09 the sum is that of all holders, those that have left included") {
  const Attached attached;
  {
    Holder first("c");
    CHECK_EQ(first.counter->sum(), 0.0);
    add(&first.value, 2);
    {
      Holder second("c");
      CHECK(second.counter == first.counter);
      add(&second.value, 40);
      CHECK_EQ(first.counter->sum(), 42.0);
      const Holder other("d");
      CHECK_EQ(other.counter->sum(), 0.0);
    }
    CHECK_EQ(first.counter->sum(), 42.0);
    add(&first.value, -0.5);
    CHECK_EQ(first.counter->sum(), 41.5);
  }
  {
    const Holder again("c");
    CHECK_EQ(again.counter->sum(), 0.0);
  }
  checkNothingLeft();
}

CASE("SM-09 a name may be empty, and lie nowhere") {
  double values[2];
  CounterCell cells[2]{{.value = &values[0]}, {.value = &values[1]}};
  SharedCounter* counters[2]{};
  const Name nowhere{KeyKind::kBytes, nullptr, 0};
  for (int i = 0; i < 2; i++) CHECK_EQ(SharedCounter::open(nowhere, &cells[i], &counters[i]), 0);
  CHECK(counters[0] == counters[1]);
  for (int i = 0; i < 2; i++) counters[i]->close(&cells[i]);
}

CASE("SM-09 threads come, add, sum and go; the sum never falls and ends exact") {
  const Attached attached;
  {
    constexpr int kThreads = 4;
    constexpr int kVisits = 200 * check::kStressScale;
    constexpr int kAdds = 500;
    Holder keeper("visits");
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; i++) {
      threads.emplace_back([] {
        const Attached own;
        double before = 0;
        for (int visit = 0; visit < kVisits; visit++) {
          Holder holder("visits");
          for (int n = 0; n < kAdds; n++) add(&holder.value, 1);
          const double sum = holder.counter->sum();
          CHECK(sum >= before + kAdds);
          before = sum;
        }
      });
    }
    double before = 0;
    for (int i = 0; i < 2000; i++) {
      const double sum = keeper.counter->sum();
      CHECK(sum >= before);
      before = sum;
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(keeper.counter->sum(), double{kThreads} * kVisits * kAdds);
  }
  checkNothingLeft();
}
