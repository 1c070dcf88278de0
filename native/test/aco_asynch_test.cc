// Asynchronous calls of coroutines, and gates.
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "sys/clock.h"
#include "test/aco_fixture.h"

namespace heddle::test {
namespace {

using aco::asynch;
using aco::AsynchOptions;
using aco::asynchPhased;
using aco::Phase;

// Holds functions on other threads until the test lets them go.
class Barrier {
 public:
  void pass() {
    std::unique_lock<std::mutex> guard(lock_);
    waiting_++;
    arrived_.notify_all();
    left_.wait(guard, [this] { return open_; });
  }
  void open() {
    const std::lock_guard<std::mutex> guard(lock_);
    open_ = true;
    left_.notify_all();
  }
  void awaitArrivals(int count) {
    std::unique_lock<std::mutex> guard(lock_);
    arrived_.wait(guard, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex lock_;
  std::condition_variable arrived_;
  std::condition_variable left_;
  int waiting_ = 0;
  bool open_ = false;
};

int64_t passBarrier(void* barrier) {
  static_cast<Barrier*>(barrier)->pass();
  return 1;
}

int64_t nothing(void*) { return 0; }

// The plain runner's settings, back to what they were at the end.
struct Limits {
  Limits(uint32_t threads, uint32_t backlog) {
    CHECK_EQ(aco::setAsynchLimits(threads, backlog), 0);
  }
  ~Limits() { CHECK_EQ(aco::setAsynchLimits(8, 1024), 0); }
};

CASE("AC-19 a function runs on another thread while others of the loop go on") {
  AcoWorld world;
  Barrier barrier;
  int64_t result = 0;
  static std::thread::id there;
  const int64_t id = world.go([&] {
    CHECK_EQ(asynch(passBarrier, &barrier, {.result = &result}), 0);
    static std::thread::id here;
    here = std::this_thread::get_id();
    int64_t same = -1;
    static int on = 5;
    CHECK_EQ(asynch(
                 [](void* number) -> int64_t {
                   there = std::this_thread::get_id();
                   return *static_cast<int*>(number) + 1;
                 },
                 &on, {.result = &same}),
             0);
    CHECK_EQ(same, 6);
    CHECK(there != here);
  });
  CHECK_EQ(world.stateOf(id), State::kAsynch);
  bool other = false;
  world.go([&] {
    aco::sleep(kMs);
    other = true;
  });
  CHECK(world.until([&] { return other; }));
  CHECK_EQ(world.runtime().live(), size_t{1});
  barrier.open();
  CHECK(world.finishAll());
  CHECK_EQ(result, 1);
}

CASE("AC-19 an argument on the coroutine's stack is refused, a copy goes there and back") {
  AcoWorld world;
  world.go([&] {
    struct Numbers {
      int64_t a, b, sum;
    };
    Numbers numbers{3, 4, 0};
    const auto add = [](void* argument) -> int64_t {
      auto* const n = static_cast<Numbers*>(argument);
      n->sum = n->a + n->b;
      return -n->sum;  // a result is any number
    };
    int64_t result = 0;
    // Sanitizers give each coroutine a stack of its own, where this is right.
    if (!coro::current()->hasOwnStack()) {
      CHECK_EQ(asynch(add, &numbers), -EFAULT);
      Gate* const gate = Gate::make();
      CHECK_EQ(asynch(nothing, nullptr, {.gate = gate, .result = &result}), -EFAULT);
      CHECK_EQ(gate->pending(), 0u);
      CHECK_EQ(gate->free(), 0);
    }
    CHECK_EQ(asynch(add, &numbers, {.copyBytes = sizeof numbers, .result = &result}), 0);
    CHECK_EQ(numbers.sum, 7);
    CHECK_EQ(result, -7);
    CHECK_EQ(asynch(nullptr, nullptr), -EINVAL);
    CHECK_EQ(asynch(nothing, nullptr, {.copyBytes = 8}), -EINVAL);
    CHECK_EQ(asynch(nothing, &numbers, {.copyBytes = aco::kMaxCopyBytes + 1}), -EINVAL);
  });
  // Somebody else uses the stack meanwhile.
  world.go([] {
    for (int i = 0; i < 20; i++) aco::sleep(0);
  });
  CHECK(world.finishAll());
}

struct Phases {
  std::mutex lock;
  std::string text;
  std::thread::id loop;

  static int64_t note(Phase phase, void* self) {
    auto* const phases = static_cast<Phases*>(self);
    const std::lock_guard<std::mutex> guard(phases->lock);
    const bool onLoop = std::this_thread::get_id() == phases->loop;
    CHECK(phase != Phase::kWork || !onLoop);
    CHECK(phase != Phase::kComplete || (onLoop && !aco::isAco()));
    phases->text += phase == Phase::kWork ? 'w' : phase == Phase::kCleanup ? 'c' : 'd';
    return 9;
  }
};

CASE("AC-20 AC-22 the phases come in order, the coroutine after the last") {
  AcoWorld world;
  Phases phases;
  phases.loop = std::this_thread::get_id();
  int64_t result = 0;
  world.go([&] {
    CHECK_EQ(asynchPhased(Phases::note, &phases, {.result = &result}), 0);
    const std::lock_guard<std::mutex> guard(phases.lock);
    phases.text += 'r';
  });
  CHECK(world.finishAll());
  CHECK_EQ(phases.text, std::string("wcdr"));
  CHECK_EQ(result, 9);
}

CASE("AC-21 AC-23 queues, deadlines and tries: each in its place, also together") {
  AcoWorld world;
  const Limits limits(1, 1);
  Barrier barrier;
  Phases late;
  late.loop = std::this_thread::get_id();
  Phases withdrawn;
  withdrawn.loop = late.loop;
  bool tried = false;
  world.go([&] { CHECK_EQ(asynch(passBarrier, &barrier, {.queue = "default"}), 0); });
  barrier.awaitArrivals(1);
  world.go([&] {
    for (const uint64_t subqueue : {uint64_t{0}, uint64_t{7}}) {
      for (const bool tries : {false, true}) {
        CHECK_EQ(asynch(nothing, nullptr,
                        {.queue = "elsewhere", .subqueue = subqueue, .tryOnly = tries}),
                 -ENOENT);
      }
    }
    // The one thread is busy; its deadline comes while it is queued.
    CHECK_EQ(asynchPhased(Phases::note, &withdrawn, {.deadlineNs = sys::monotonicNs() + kMs}),
             -ETIME);
    CHECK_EQ(withdrawn.text, std::string("c"));
    tried = true;
    // Long past, but nobody withdraws it: the runner finds out.
    Gate* const gate = Gate::make();
    CHECK_EQ(asynchPhased(Phases::note, &late, {.deadlineNs = 1, .gate = gate}), 0);
    CHECK_EQ(gate->wait(), 0);
    CHECK_EQ(gate->free(), 0);
    CHECK_EQ(late.text, std::string("c"));
  });
  CHECK(world.until([&] { return tried; }));
  // One waits already, which is the whole backlog.
  bool refused = false;
  world.go([&] {
    Gate* const gate = Gate::make();
    CHECK_EQ(asynch(nothing, nullptr, {.gate = gate, .tryOnly = true}), -EAGAIN);
    CHECK_EQ(gate->pending(), 0u);
    CHECK_EQ(gate->wait(), 0);
    CHECK_EQ(gate->free(), 0);
    CHECK_EQ(asynch(nothing, nullptr, {.subqueue = 3, .deadlineNs = INT64_MAX, .tryOnly = true}),
             -EAGAIN);
    refused = true;
    CHECK_EQ(asynch(nothing, nullptr, {.subqueue = 3, .deadlineNs = INT64_MAX}), 0);
    CHECK_EQ(asynch(nothing, nullptr, {.tryOnly = true}), 0);
  });
  CHECK(refused);
  CHECK_EQ(aco::asynchUsage().queued, 2u);
  CHECK_EQ(aco::asynchUsage().threads, 1u);
  barrier.open();
  CHECK(world.finishAll());
  CHECK_EQ(aco::setAsynchLimits(0, 1), -EINVAL);
  CHECK_EQ(aco::setAsynchLimits(aco::kMaxAsynchThreads + 1, 1), -EINVAL);
}

CASE("AC-24 A-AC-16 a gate waits once for all of its calls, which run beside each other") {
  AcoWorld world;
  Barrier barrier;
  static int64_t results[5];
  bool opened = false;
  world.go([&] {
    Gate* const gate = Gate::make();
    for (int64_t& result : results) {
      result = 0;
      CHECK_EQ(asynch(passBarrier, &barrier, {.gate = gate, .result = &result}), 0);
    }
    CHECK_EQ(gate->pending(), 5u);
    CHECK_EQ(gate->wait(), 0);
    CHECK(opened);
    for (const int64_t result : results) CHECK_EQ(result, 1);
    CHECK_EQ(gate->wait(), -EALREADY);
    CHECK_EQ(asynch(nothing, nullptr, {.gate = gate}), -EALREADY);
    CHECK_EQ(gate->free(), 0);
  });
  barrier.awaitArrivals(5);  // all at the same time
  world.pass();
  CHECK_EQ(world.runtime().live(), size_t{1});
  opened = true;
  barrier.open();
  CHECK(world.finishAll());
}

CASE("AC-24 an empty gate returns at once; one that X fills and Y waits for resumes Y") {
  AcoWorld world;
  Barrier barrier;
  Gate* const gate = Gate::make();
  std::string trace;
  world.go([&] {
    Gate* const empty = Gate::make();
    CHECK_EQ(empty->wait(), 0);
    CHECK(empty->used());
    CHECK_EQ(empty->wait(), -EALREADY);
    CHECK_EQ(empty->free(), 0);
    CHECK_EQ(asynch(passBarrier, &barrier, {.gate = gate}), 0);
    CHECK_EQ(aco::park(nullptr), 0);
    trace += 'X';
  });
  const int64_t waiter = world.go([&] {
    CHECK_EQ(gate->wait(), 0);
    trace += 'Y';
    CHECK_EQ(gate->free(), 0);
    world.runtime().each([&](const aco::TaskInfo& info) {
      if (info.state == State::kPark) world.runtime().unpark(info.id, 0);
    });
  });
  CHECK_EQ(world.stateOf(waiter), State::kGate);
  CHECK_EQ(gate->free(), -EBUSY);
  barrier.open();
  CHECK(world.finishAll());
  CHECK_EQ(trace, std::string("YX"));
}

CASE("AC-24 a gate whose wait ends otherwise, or that is freed early, is ended by its calls") {
  AcoWorld world;
  Barrier barrier;
  world.go([&] {
    Gate* const gate = Gate::make();
    CHECK_EQ(asynch(passBarrier, &barrier, {.gate = gate}), 0);
    CHECK_EQ(gate->wait(kMs), -ETIME);
    CHECK_EQ(gate->free(), 0);
    Gate* const other = Gate::make();
    CHECK_EQ(asynch(passBarrier, &barrier, {.gate = other}), 0);
    CHECK_EQ(other->wait(0), -ETIME);
    CHECK_EQ(other->free(), 0);
  });
  CHECK(world.finishAll());
  barrier.open();
  // Its memory is back when the calls have arrived: the program's last check counts it.
  CHECK(world.until(
      [&] { return mem::usageOf(mem::builtinType(mem::Builtin::kAcoCall)).live == 0; }));
}

CASE("AC-32 cancelling: not begun never runs, on a copy is left alone, borrowed is waited for") {
  AcoWorld world;
  const Limits limits(2, 100);
  Barrier barrier;
  Barrier borrowed;
  std::vector<int> results(3, 1);
  static std::atomic<int> ran{0};
  ran = 0;
  struct Holder {
    Barrier* barrier;
  } holder{&barrier};
  const int64_t onCopy = world.go([&] {
    results[0] = asynch(
        [](void* copy) -> int64_t {
          static_cast<Holder*>(copy)->barrier->pass();
          ran++;
          return 0;
        },
        &holder, {.copyBytes = sizeof holder});
  });
  const int64_t onBorrowed = world.go([&] {
    results[1] = asynch(passBarrier, &borrowed);
    CHECK_EQ(aco::sleep(kMs), -ECANCELED);
  });
  barrier.awaitArrivals(1);
  borrowed.awaitArrivals(1);
  const int64_t queued = world.go([&] {
    results[2] = asynch(
        [](void*) -> int64_t {
          ran = 1000;
          return 0;
        },
        nullptr);
  });
  for (const int64_t id : {onCopy, onBorrowed, queued}) {
    CHECK_EQ(world.runtime().cancel(static_cast<Id>(id)), 0);
  }
  CHECK(world.until([&] { return world.runtime().live() == 1; }));
  CHECK_EQ(results[0], -ECANCELED);
  CHECK_EQ(results[2], -ECANCELED);
  CHECK_EQ(ran.load(), 0);
  // Still there, and once more asked.
  CHECK_EQ(world.stateOf(onBorrowed), State::kAsynch);
  CHECK_EQ(world.runtime().cancel(static_cast<Id>(onBorrowed)), 0);
  world.pass();
  CHECK_EQ(world.stateOf(onBorrowed), State::kAsynch);
  borrowed.open();
  CHECK(world.finishAll());
  CHECK_EQ(results[1], 0);
  barrier.open();
  CHECK(world.until([&] { return ran == 1; }));
}

CASE("AC-13 the end of the loop waits for functions on borrowed memory, and only for them") {
  Barrier copied;
  Barrier borrowed;
  static std::atomic<int> done{0};
  done = 0;
  std::vector<int> results;
  std::thread opener;
  {
    AcoWorld world;
    struct Holder {
      Barrier* barrier;
    } holder{&copied};
    world.go([&] {
      results.push_back(asynch(
          [](void* copy) -> int64_t {
            static_cast<Holder*>(copy)->barrier->pass();
            return 0;
          },
          &holder, {.copyBytes = sizeof holder}));
      aco::exit();
    });
    world.go([&] {
      results.push_back(asynch(
          [](void* barrier) -> int64_t {
            static_cast<Barrier*>(barrier)->pass();
            done++;
            return 0;
          },
          &borrowed));
      CHECK_EQ(done.load(), 1);
    });
    // Nobody waits here, and the gate is left behind to the last call.
    world.go([&] {
      Gate* const gate = Gate::make();
      CHECK_EQ(asynch(passBarrier, &borrowed, {.gate = gate}), 0);
      CHECK_EQ(gate->free(), 0);
    });
    copied.awaitArrivals(1);
    borrowed.awaitArrivals(2);
    opener = std::thread([&] {
      borrowed.open();
      copied.open();  // for the runner's own end
    });
    world.loop().close();
    CHECK_EQ(world.runtime().live(), size_t{0});
  }
  opener.join();
  CHECK(results == (std::vector<int>{-ECANCELED, 0}));
  CHECK_EQ(aco::asynchUsage().threads, 0u);
}

CASE("AC-19 AC-24 AC-31 many calls of loops on several threads all come back, once each") {
  constexpr int kLoops = 3;
  const int rounds = 60 * check::kStressScale;
  std::thread threads[kLoops];
  std::atomic<int> total{0};
  for (std::thread& each : threads) {
    each = std::thread([&] {
      AcoWorld world;
      std::atomic<int> ran{0};
      for (int c = 0; c < 8; c++) {
        world.go([&] {
          for (int i = 0; i < rounds; i++) {
            CHECK_EQ(asynch(
                         [](void* count) -> int64_t {
                           return static_cast<std::atomic<int>*>(count)->fetch_add(1);
                         },
                         &ran),
                     0);
            if (i % 8 != 0) continue;
            Gate* const gate = Gate::make();
            for (int k = 0; k < 3; k++) {
              CHECK_EQ(asynch(
                           [](void* count) -> int64_t {
                             return static_cast<std::atomic<int>*>(count)->fetch_add(1);
                           },
                           &ran, {.gate = gate}),
                       0);
            }
            CHECK_EQ(gate->wait(), 0);
            CHECK_EQ(gate->free(), 0);
          }
        });
      }
      CHECK(world.finishAll());
      total += ran.load();
    });
  }
  for (std::thread& each : threads) each.join();
  CHECK_EQ(total.load(), kLoops * 8 * (rounds + 3 * ((rounds + 7) / 8)));
}

CASE("AC-01 AC-31 starts, values and cancellations of many threads reach their loop") {
  AcoWorld world;
  constexpr int kThreads = 3;
  const int starts = 200 * check::kStressScale;
  static std::atomic<int> begun{0};
  static std::atomic<int> ended{0};
  begun = ended = 0;
  static std::atomic<uint64_t> ids[kThreads];
  std::thread threads[kThreads];
  for (int t = 0; t < kThreads; t++) {
    ids[t] = 0;
    threads[t] = std::thread([&world, t] {
      const uint32_t loopId = world.loop().loopId();
      int64_t index = t;
      for (int i = 0; i < starts; i++) {
        aco::StartOptions options;
        options.argumentBytes = sizeof index;
        options.ended = [](void*, Id, Outcome how) { ended += how == Outcome::kExited ? 1 : 0; };
        const auto main = [](void* which) {
          begun++;
          ids[*static_cast<int64_t*>(which)] = aco::self();
          static_cast<void>(aco::park(nullptr));
          aco::exit();
        };
        int posted = 0;
        while ((posted = aco::startOn(loopId, main, &index, options)) == -ENOBUFS) continue;
        CHECK_EQ(posted, 0);
        Id id = 0;
        while ((id = ids[t].exchange(0)) == 0) std::this_thread::yield();
        CHECK_EQ(i % 2 == 0 ? aco::unparkOn(loopId, id, 1) : aco::cancelOn(loopId, id), 0);
      }
    });
  }
  CHECK(world.until([&] { return ended == kThreads * starts; }));
  for (std::thread& each : threads) each.join();
  CHECK_EQ(begun.load(), kThreads * starts);
}

}  // namespace
}  // namespace heddle::test
