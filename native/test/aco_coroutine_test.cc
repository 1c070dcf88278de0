// Starting, ending, sleeping, parking, cancelling and listing coroutines of a loop.
#include <sys/wait.h>

#include <cerrno>
#include <thread>

#include "sys/clock.h"
#include "test/aco_fixture.h"
#include "test/child.h"

namespace heddle::test {
namespace {

CASE("AC-01 A-AC-1 a start on the loop's thread runs at once until the first wait") {
  AcoWorld world;
  std::string trace = "a";
  world.go([&] {
    trace += 'b';
    aco::sleep(0);
    trace += 'd';
  });
  trace += 'c';
  CHECK(world.finishAll());
  CHECK_EQ(trace, std::string("abcd"));
}

CASE("AC-01 AC-07 a coroutine that is started by another begins when that one waits") {
  AcoWorld world;
  std::string trace;
  world.go([&] {
    trace += '1';
    const int64_t id = world.go([&] { trace += '3'; });
    CHECK(id > 0);
    trace += '2';
    aco::sleep(0);
    trace += '4';
  });
  CHECK(world.finishAll());
  CHECK_EQ(trace, std::string("1234"));
}

CASE("AC-01 A-AC-1 a start from another thread returns first and runs on the loop's") {
  Loopback world;
  static std::atomic<int> ran{0};
  static std::thread::id where;
  ran = 0;
  const uint32_t id = world.loop().loopId();
  const auto main = [](void* argument) {
    where = std::this_thread::get_id();
    CHECK_EQ(std::string(static_cast<char*>(argument)), std::string("over there"));
    CHECK_EQ(aco::argBytes(), size_t{11});
    ran++;
    aco::exit();
  };
  std::thread other([&] {
    char text[] = "over there";
    aco::StartOptions options;
    options.argumentBytes = sizeof text;
    CHECK_EQ(aco::startOn(id, main, text, options), 0);
    std::memset(text, 'x', sizeof text);
  });
  other.join();
  CHECK_EQ(ran.load(), 0);
  CHECK(world.until([&] { return ran == 1; }));
  CHECK(where == std::this_thread::get_id());
  CHECK_EQ(aco::startOn(id, nullptr, nullptr), -EINVAL);
  CHECK_EQ(aco::startOn(0xffffffff, main, nullptr), -ENOENT);
}

CASE("AC-01 the first loop with a runtime is where threads without a loop start") {
  CHECK_EQ(aco::defaultLoop(), 0u);
  {
    AcoWorld first;
    const AcoWorld second;
    CHECK_EQ(aco::defaultLoop(), first.loop().loopId());
  }
  CHECK_EQ(aco::defaultLoop(), 0u);
}

CASE("AC-02 AC-03 A-AC-2 the argument is the coroutine's; outside there is none") {
  AcoWorld world;
  int argument = 7;
  CHECK(aco::arg() == nullptr);
  CHECK(!aco::isAco());
  CHECK_EQ(aco::self(), Id{0});
  static void* seen;
  static Id self;
  seen = nullptr;
  const int64_t id = world.runtime().start(
      [](void* given) {
        CHECK(aco::isAco());
        CHECK(given == aco::arg());
        CHECK_EQ(aco::argBytes(), size_t{0});
        aco::sleep(0);
        seen = aco::arg();
        self = aco::self();
        aco::exit();
      },
      &argument);
  CHECK(world.finishAll());
  CHECK(seen == &argument);
  CHECK_EQ(self, static_cast<Id>(id));
  CHECK(!aco::isAco());
}

CASE("AC-03 waits outside of a coroutine say that it is none") {
  AcoWorld world;
  CHECK_EQ(aco::sleep(1), -EPERM);
  CHECK_EQ(aco::park(nullptr), -EPERM);
  CHECK_EQ(aco::onEnd([](void*) {}, nullptr), -EPERM);
  CHECK_EQ(aco::enterSection(), -EPERM);
  CHECK_EQ(aco::asynch([](void*) -> int64_t { return 0; }, nullptr), -EPERM);
  Event* event = nullptr;
  CHECK_EQ(Event::adopt(0, &event), -EPERM);
  Gate* const gate = Gate::make();
  CHECK_EQ(gate->wait(), -EPERM);
  CHECK_EQ(gate->free(), 0);
}

CASE("AC-04 A-AC-9 exit from any depth runs clean-ups, newest first, and nothing after it") {
  AcoWorld world;
  static std::string trace;
  trace.clear();
  const int64_t id = world.go([&] {
    CHECK_EQ(aco::onEnd([](void* text) { trace += static_cast<const char*>(text); },
                        const_cast<char*>("1")),
             0);
    CHECK_EQ(aco::onEnd([](void*) { trace += aco::isAco() ? "inside" : "2"; }, nullptr), 0);
    aco::sleep(0);
    struct Deep {
      static void down(int levels, void (*leave)()) {
        if (levels == 0) return leave();
        down(levels - 1, leave);
        trace += "after";
      }
    };
    Deep::down(20, [] { aco::exit(); });
  });
  CHECK(world.finishAll());
  CHECK_EQ(trace, std::string("21"));
  aco::TaskInfo info;
  CHECK_EQ(world.runtime().describe(static_cast<Id>(id), &info), -ESRCH);
}

CASE("AC-04 A-AC-9 a procedure that returns without exit ends the process with its last word") {
  int status = 0;
  const std::string said = childSays(status, [] {
    AcoWorld world;
    static_cast<void>(world.runtime().start([](void*) {}, nullptr));
  });
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK(said.find("last word") != std::string::npos);
}

CASE("AC-02 a coroutine that needs more stack than it may have ends, is reported, and no more") {
  AcoWorld world;
  static int cleaned;
  static Outcome outcome;
  cleaned = 0;
  aco::StartOptions options;
  options.name = "deep";
  options.stack.maxStackBytes = 16 << 10;
  options.ended = [](void*, Id, Outcome how) { outcome = how; };
  const auto deep = [](void*) {
    CHECK_EQ(aco::onEnd([](void*) { cleaned++; }, nullptr), 0);
    struct Deep {
      [[gnu::noinline]] static int down(int levels) {
        volatile char frame[1024];
        frame[levels & 1023] = 1;
        if (levels == 0) return aco::sleep(kMs), 0;
        return down(levels - 1) + frame[levels & 1023];
      }
    };
    Deep::down(100);
    aco::exit();
  };
  for (int i = 1; i <= 3; i++) {
    CHECK(world.runtime().start(deep, nullptr, options) > 0);
    CHECK(world.finishAll());
    CHECK_EQ(cleaned, i);
    CHECK_EQ(outcome, Outcome::kOverflowed);
    CHECK_EQ(world.told(Trouble::kOverflow), static_cast<size_t>(i));
  }
  // Nothing of its wait is left.
  CHECK_EQ(world.runtime().nextDeadlineNs(), INT64_MAX);
}

CASE("AC-08 A-AC-3 sleepers wake after their time, beside each other and the timers") {
  AcoWorld world;
  int wakes[2] = {0, 0};
  int64_t early = 0;
  for (int& count : wakes) {
    world.go([&] {
      for (int i = 0; i < 10; i++) {
        const int64_t before = sys::monotonicNs();
        CHECK_EQ(aco::sleep(5 * kMs), 0);
        early += sys::monotonicNs() - before < 5 * kMs ? 1 : 0;
        count++;
      }
    });
  }
  int ticks = 0;
  world.handler = [&](const Record&) {
    ticks++;
    world.addTimer(1, world.nowMs() + 1);
  };
  world.addTimer(1, world.nowMs());
  CHECK(world.finishAll());
  CHECK_EQ(wakes[0], 10);
  CHECK_EQ(wakes[1], 10);
  CHECK_EQ(early, 0);
  CHECK(ticks > 0);
}

CASE("AC-08 sleep 0 yields once, and those that only yield do not stop the loop") {
  AcoWorld world;
  std::string trace;
  bool stop = false;
  world.go([&] {
    for (int i = 0; i < 3; i++) {
      trace += 'a';
      aco::sleep(0);
    }
  });
  world.go([&] {
    for (int i = 0; i < 3; i++) {
      trace += 'b';
      aco::sleep(-5);
    }
    while (!stop) aco::sleep(0);
  });
  world.addTimer(1, -1);
  CHECK(world.until([&] { return world.count(In::TIMER) == 1 && trace.size() == 6; }));
  CHECK_EQ(trace, std::string("ababab"));
  stop = true;
  CHECK(world.finishAll());
}

CASE("AC-08 many deadlines at once are spread over passes, and all come") {
  AcoWorld world;
  int woken = 0;
  for (int i = 0; i < 5000; i++) {
    world.go([&] {
      CHECK_EQ(aco::sleep(1), 0);
      woken++;
    });
  }
  const int64_t start = sys::monotonicNs();
  while (sys::monotonicNs() < start + kMs) continue;
  world.pass();
  CHECK_EQ(woken, static_cast<int>(Runtime::kDeadlinesPerPass));
  CHECK(world.loop().hasWork());
  CHECK(world.finishAll());
  CHECK_EQ(woken, 5000);
}

CASE("AC-31 park and unpark carry values; one may come first, a second one is refused") {
  AcoWorld world;
  std::vector<uint64_t> got;
  const int64_t id = world.go([&] {
    for (int i = 0; i < 3; i++) {
      uint64_t value = 0;
      CHECK_EQ(aco::park(&value), 0);
      got.push_back(value);
    }
    CHECK_EQ(aco::park(nullptr, 0), -ETIME);
    CHECK_EQ(aco::park(nullptr, 1), -ETIME);
  });
  const Id target = static_cast<Id>(id);
  CHECK_EQ(world.stateOf(id), State::kPark);
  CHECK_EQ(world.runtime().unpark(target, 10), 0);
  CHECK_EQ(world.runtime().unpark(target, 11), -EALREADY);
  CHECK(world.until([&] { return got.size() == 1; }));
  // From inside another one, and from another thread.
  world.go([&] { CHECK_EQ(world.runtime().unpark(target, 12), 0); });
  CHECK(world.until([&] { return got.size() == 2; }));
  std::thread other([&] { CHECK_EQ(aco::unparkOn(world.loop().loopId(), target, 13), 0); });
  CHECK(world.finishAll());
  other.join();
  CHECK(got == (std::vector<uint64_t>{10, 12, 13}));
  CHECK_EQ(world.runtime().unpark(target, 1), -ESRCH);
}

CASE("AC-31 two that wake each other do not stop the loop") {
  AcoWorld world;
  bool stop = false;
  int turns = 0;
  int64_t ids[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    ids[i] = world.go([&, i] {
      while (!stop) {
        CHECK_EQ(aco::park(nullptr), 0);
        turns++;
        world.runtime().unpark(static_cast<Id>(ids[1 - i]), 1);
      }
    });
  }
  world.runtime().unpark(static_cast<Id>(ids[0]), 1);
  world.addTimer(1, world.nowMs() + 2);
  CHECK(world.until([&] { return world.count(In::TIMER) == 1 && turns > 2; }));
  stop = true;
  CHECK(world.finishAll());
}

CASE("AC-32 a cancelled coroutine's wait and all later ones fail, and it can clean up") {
  AcoWorld world;
  std::vector<int> results;
  const int64_t id = world.go([&] {
    results.push_back(aco::sleep(1'000'000 * kMs));
    results.push_back(aco::sleep(0));
    results.push_back(aco::park(nullptr));
    results.push_back(aco::asynch([](void*) -> int64_t { return 0; }, nullptr));
  });
  CHECK(world.runtime().nextDeadlineNs() < INT64_MAX);
  CHECK_EQ(world.runtime().cancel(static_cast<Id>(id)), 0);
  CHECK_EQ(world.runtime().nextDeadlineNs(), INT64_MAX);
  CHECK(results.empty());  // not within the call
  CHECK(world.finishAll());
  CHECK(results == std::vector<int>(4, -ECANCELED));
  CHECK_EQ(world.runtime().cancel(static_cast<Id>(id)), -ESRCH);
}

CASE("AC-32 a cancelled coroutine that goes on waiting is ended, with its clean-ups") {
  AcoWorld world;
  static int cleaned;
  cleaned = 0;
  int sleeps = 0;
  const int64_t id = world.go([&] {
    CHECK_EQ(aco::onEnd([](void*) { cleaned++; }, nullptr), 0);
    while (true) {
      sleeps++;
      aco::sleep(kMs);
    }
  });
  std::thread other(
      [&] { CHECK_EQ(aco::cancelOn(world.loop().loopId(), static_cast<Id>(id)), 0); });
  CHECK(world.finishAll());
  other.join();
  CHECK_EQ(cleaned, 1);
  CHECK(sleeps >= Runtime::kMostRefusals);
}

CASE("AC-32 one that was cancelled before it began finds its first wait refused") {
  AcoWorld world;
  int result = 0;
  world.go([&] {
    const int64_t id = world.go([&] { result = aco::sleep(kMs); });
    CHECK_EQ(world.runtime().cancel(static_cast<Id>(id)), 0);
  });
  CHECK(world.finishAll());
  CHECK_EQ(result, -ECANCELED);
}

CASE("AC-33 the list of live coroutines: name, state, age, stack") {
  AcoWorld world;
  world.go([&] { CHECK_EQ(aco::sleep(50 * kMs), 0); }, "sleeper");
  const int64_t parked = world.go([&] { CHECK_EQ(aco::park(nullptr), 0); }, "parked");
  std::string names;
  world.runtime().each([&](const aco::TaskInfo& info) {
    names += std::string(info.name) + ":" + aco::stateName(info.state) + " ";
    CHECK(info.ageNs >= 0);
    CHECK(info.stackBytes > 0);
    CHECK_EQ(info.resumes, uint64_t{1});
  });
  CHECK_EQ(names, std::string("sleeper:sleep parked:park "));
  CHECK_EQ(world.runtime().live(), size_t{2});
  world.runtime().unpark(static_cast<Id>(parked), 0);
  CHECK(world.finishAll());
}

CASE("AC-06 A-AC-19 each resume is told with the stack in use, large ones flagged") {
  AcoWorld world;
  std::vector<aco::ResumeInfo> told;
  world.runtime().setResumeHook(
      [](void* all, const aco::ResumeInfo& info) {
        CHECK(!aco::isAco());
        static_cast<std::vector<aco::ResumeInfo>*>(all)->push_back(info);
      },
      &told);
  world.go([] { aco::sleep(0); }, "small");
  world.go(
      [] {
        volatile char frame[4096];
        frame[0] = 1;
        aco::sleep(0);
        frame[1] = frame[0];
      },
      "large");
  CHECK(world.finishAll());
  size_t large = 0;
  for (const aco::ResumeInfo& info : told) {
    CHECK_EQ(info.large, info.stackBytes > 2048);
    if (info.large && std::string(info.name) == "large") large++;
  }
  CHECK_EQ(told.size(), size_t{4});
  CHECK_EQ(large, size_t{1});
  world.runtime().setResumeHook(nullptr, nullptr);
}

CASE("AC-02 one that has used too much stack when it lets others run is ended, and not resumed") {
  AcoWorld world;
  static int resumed;
  resumed = 0;
  const auto wasteful = [](void*) {
    // Where stacks are not copied the limit is four times as high.
    volatile char frame[coro::kCopiesStacks ? 8192 : 32768];
    frame[0] = 0;
    frame[sizeof frame - 1] = 0;
    aco::sleep(0);
    resumed++;
    aco::exit();
  };
  aco::StartOptions options;
  options.stack.maxStackBytes = 4096;
  world.go([] { aco::sleep(0); });
  CHECK(world.runtime().start(wasteful, nullptr, options) > 0);
  world.go([] { aco::sleep(0); });
  CHECK(world.finishAll());
  CHECK_EQ(resumed, 0);
  CHECK_EQ(world.told(Trouble::kOverflow), size_t{1});
}

CASE("AC-05 A-AC-18 one that sleeps alone is never copied; two that alternate are") {
  AcoWorld world;
  const auto sleeper = [] {
    for (int i = 0; i < 200; i++) aco::sleep(0);
  };
  world.go(sleeper);
  CHECK(world.finishAll());
  CHECK_EQ(world.runtime().stats().bytesCopied, uint64_t{0});
  CHECK(world.runtime().stats().switches >= 200);
  const int64_t one = world.go([] {
    volatile double kept = 1.5;
    char canary[64];
    std::memset(canary, 0x5a, sizeof canary);
    for (int i = 0; i < 200; i++) {
      aco::sleep(0);
      kept = kept + 1;
      for (const char each : canary) {
        if (each != 0x5a) CHECK(false);
      }
    }
    CHECK_EQ(static_cast<double>(kept), 201.5);
  });
  world.go(sleeper);
  CHECK(one > 0);
  CHECK(world.finishAll());
}

CASE("A-AC-20 a hundred thousand sleepers all wake") {
  AcoWorld world;
  const int count = check::kStressScale > 1 ? 100'000 : 2'000;
  const uint64_t before = mem::usageOf(mem::builtinType(mem::Builtin::kAcoTasks)).bytes;
  static int woken;
  static int started;
  woken = started = 0;
  for (int i = 0; i < count; i++) {
    const int64_t id = world.runtime().start(
        [](void*) {
          started++;
          if (aco::sleep(100 * kMs) == 0) woken++;
          aco::exit();
        },
        nullptr);
    if (id < 0) CHECK(false);
  }
  const uint64_t tasks = mem::usageOf(mem::builtinType(mem::Builtin::kAcoTasks)).bytes - before;
  CHECK(tasks / static_cast<uint64_t>(count) < 256);
  if (check::kStressScale > 1) {
    CHECK((tasks + world.runtime().stats().saveBytes) / static_cast<uint64_t>(count) < 700);
  }
  CHECK(world.finishAll());
  CHECK_EQ(started, count);
  CHECK_EQ(woken, count);
  CHECK(world.runtime().stats().switches >= static_cast<uint64_t>(2 * count));
}

CASE("A-AC-21 errno is each coroutine's own") {
  AcoWorld world;
  int seen[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    world.go([&, i] {
      errno = 100 + i;
      aco::sleep(0);
      seen[i] = errno;
    });
  }
  CHECK(world.finishAll());
  CHECK_EQ(seen[0], 100);
  CHECK_EQ(seen[1], 101);
}

CASE("AC-13 the end of the loop cancels all waits, runs clean-ups, and refuses starts") {
  static int cleaned;
  cleaned = 0;
  std::vector<int> results;
  std::vector<Outcome> outcomes;
  const int before = openDescriptors();
  {
    AcoWorld world;
    const auto sleeper = [&] {
      CHECK_EQ(aco::onEnd([](void*) { cleaned++; }, nullptr), 0);
      results.push_back(aco::sleep(1'000'000 * kMs));
      CHECK_EQ(world.go([] {}), -ESHUTDOWN);
      while (true) results.push_back(aco::park(nullptr));
    };
    for (int i = 0; i < 3; i++) world.go(sleeper);
    aco::StartOptions options;
    options.ended = [](void* all, Id, Outcome how) {
      static_cast<std::vector<Outcome>*>(all)->push_back(how);
    };
    options.endedContext = &outcomes;
    // One that is asked for but has not begun.
    world.go([&] {
      CHECK(world.runtime().start([](void*) { CHECK(false); }, nullptr, options) > 0);
      world.runtime().cancel(aco::self());
      aco::exit();
    });
    world.loop().close();
    CHECK_EQ(cleaned, 3);
    CHECK_EQ(world.go([] {}), -ESHUTDOWN);
    CHECK_EQ(world.runtime().live(), size_t{0});
  }
  for (const int result : results) CHECK_EQ(result, -ECANCELED);
  CHECK(results.size() >= 3);
  CHECK_EQ(openDescriptors(), before);
}

CASE("AC-13 a loop that is never closed ends its coroutines with itself") {
  static int cleaned;
  cleaned = 0;
  {
    Loopback world;
    const auto main = [](void*) {
      CHECK_EQ(aco::onEnd([](void*) { cleaned++; }, nullptr), 0);
      CHECK_EQ(aco::park(nullptr), -ECANCELED);
      aco::exit();
    };
    CHECK(aco::start(world.loop(), main, nullptr) > 0);
  }
  CHECK_EQ(cleaned, 1);
}

// --- AC-30

struct Section {
  Section() { CHECK_EQ(mem::epochAttachThread(), 0); }
  ~Section() { CHECK_EQ(mem::epochDetachThread(), 0); }
};

struct Node : mem::Retired {};

void retire(Node* node, int* reclaimed) {
  static int* count;
  count = reclaimed;
  mem::epochRetire(node, sizeof *node, [](mem::Retired* object) {
    delete static_cast<Node*>(object);
    ++*count;
  });
}

CASE("AC-30 A-AC-24 a coroutine that sleeps in a section holds back what it could have seen") {
  const Section attached;
  int reclaimed = 0;
  {
    AcoWorld world;
    CHECK_EQ(aco::enterSection(), -EPERM);
    const int64_t holder = world.go([&] {
      const mem::EpochScope scope;
      CHECK(mem::epochInSection());
      CHECK_EQ(aco::park(nullptr), 0);
      CHECK(mem::epochInSection());
      CHECK_EQ(reclaimed, 0);
    });
    CHECK(!mem::epochInSection());
    // Another one's section is its own.
    const int64_t other = world.go([&] {
      CHECK(!mem::epochInSection());
      CHECK_EQ(aco::enterSection(), 0);
      CHECK_EQ(aco::park(nullptr), 0);
      CHECK_EQ(aco::leaveSection(), 0);
      CHECK_EQ(aco::leaveSection(), -EPERM);
      CHECK_EQ(aco::park(nullptr), 0);
    });
    retire(new Node, &reclaimed);
    mem::epochMaintain(mem::MaintainMode::kTry);
    CHECK_EQ(reclaimed, 0);
    world.runtime().unpark(static_cast<Id>(other), 0);
    world.pass();
    mem::epochMaintain(mem::MaintainMode::kTry);
    CHECK_EQ(reclaimed, 0);
    world.runtime().unpark(static_cast<Id>(holder), 0);
    world.pass();
    CHECK_EQ(world.runtime().live(), size_t{1});
    mem::epochMaintain(mem::MaintainMode::kBarrier);
    CHECK_EQ(reclaimed, 1);
    world.runtime().unpark(static_cast<Id>(other), 0);
    CHECK(world.finishAll());
    CHECK(world.reports.empty());
  }
  CHECK(mem::epochQuiet());
}

CASE("AC-30 a coroutine that ends inside a section is reported, and the section is left") {
  const Section attached;
  {
    AcoWorld world;
    world.go([] { CHECK_EQ(aco::enterSection(), 0); }, "careless");
    world.go([] {
      CHECK_EQ(aco::enterSection(), 0);
      aco::sleep(0);
    });
    CHECK(world.finishAll());
    CHECK_EQ(world.told(Trouble::kSectionLeak), size_t{2});
    CHECK_EQ(std::string(world.reports[0].name), std::string("careless"));
  }
  CHECK(mem::epochQuiet());
  CHECK_EQ(mem::epochs().stats().sections, uint64_t{0});
}

}  // namespace
}  // namespace heddle::test
