// Threads that read options, call and post hooks of a module, while its configuration changes and
// its isolate ends.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <thread>

#include "test/module_fixture.h"

namespace heddle::test {
namespace {

constexpr int kReaders = 4;
constexpr int kRounds = 500 * check::kStressScale;

CASE("CF-34 readers on other threads always see the values of one configuration") {
  ModuleWorld world(singletonModule);
  Self* const self = Self::make(world.module, "test");
  std::atomic<bool> over{false};
  std::atomic<int> ready{0};
  // What each of them saw last.
  std::atomic<int64_t> seen[kReaders] = {};
  const auto allSaw = [&seen](int64_t least) {
    return std::all_of(std::begin(seen), std::end(seen),
                       [least](const auto& value) { return value.load() >= least; });
  };
  std::vector<std::thread> readers;
  CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, valuesOf({integerValue(0), integerValue(0)})),
           0);
  self->activate();
  for (int i = 0; i < kReaders; i++) {
    readers.emplace_back([&, i, holds = i % 2 == 0] {
      const Attached attached;
      int64_t newest = 0;
      bool isFirst = true;
      while (!over.load()) {
        int64_t a = -1;
        int64_t b = -2;
        const auto look = [&](const heddle_values* values) {
          CHECK_EQ(api().options->int64(values, 0, &a), 0);
          CHECK_EQ(api().options->int64(values, 1, &b), 0);
        };
        if (holds) {
          const heddle_values* const held = api().options->hold(self->handle());
          look(held);
          api().options->release(held);
        } else {
          const mem::EpochScope section;
          look(api().options->current(self->handle()));
        }
        CHECK_EQ(a, b);
        CHECK(a >= newest);
        newest = a;
        seen[i].store(newest);
        if (isFirst) ready++;
        isFirst = false;
      }
    });
  }
  while (ready.load() < kReaders) std::this_thread::yield();
  for (int round = 1; round <= kRounds; round++) {
    if (round == kRounds / 2) {
      while (!allSaw(1)) std::this_thread::yield();
    }
    Values* const values = valuesOf({integerValue(round), integerValue(round)});
    CHECK_EQ(self->extInit({HEDDLE_INIT, 0, nullptr}, values), 0);
    if (round % 3 == 0) {
      self->dropPending();
    } else {
      self->activate();
    }
    if (round % 64 == 0) mem::epochMaintain(mem::MaintainMode::kTry);
  }
  over.store(true);
  for (std::thread& reader : readers) reader.join();
  CHECK(allSaw(1));
  self->release();
}

struct Counted {
  std::atomic<int> calls{0};
  std::atomic<bool> gone{false};
};

CASE("HK-10 threads call a hook while its providers change: none is called after it was settled") {
  ModuleWorld world;
  Self* const self = Self::make(world.module, "test");
  heddle_hook* hook = nullptr;
  world.functions.confSetup = [&hook](heddle_self* at) {
    return api().hooks->declare(at, "s", "h", HEDDLE_HOOK_VOID, &hook);
  };
  REQUIRE(self->confSetup(&api()) == 0);
  const auto count = [](void* closure, const heddle_value*, size_t, heddle_value*) {
    auto* const counted = static_cast<Counted*>(closure);
    CHECK(!counted->gone.load());
    counted->calls++;
    return 0;
  };
  std::atomic<bool> over{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < kReaders; i++) {
    callers.emplace_back([&] {
      const Attached attached;
      while (!over.load()) {
        const int ran = api().hooks->call(hook, nullptr, 0, nullptr);
        CHECK(ran == 1 || ran == 0);
        static_cast<void>(api().hooks->post(hook, nullptr, 0));
        std::this_thread::yield();
      }
    });
  }
  int64_t settled = 0;
  for (int round = 1; round <= 200 * check::kStressScale; round++) {
    auto* const counted = new Counted;
    modules::Plan* const plan = modules::Plan::make(1);
    plan->set(0, {count, counted, self});
    Hook::from(hook)->publish(1, plan);
    // Settled while it is in use: the callers have come to it.
    while (counted->calls.load() == 0) std::this_thread::yield();
    Hook::from(hook)->publish(0, modules::Plan::make(0));
    CHECK_EQ(world.desk->settle(round), 0);
    while (settled < round) {
      mem::epochMaintain(mem::MaintainMode::kBarrier);
      for (modules::Post* post = world.desk->take(); post != nullptr; post = world.desk->take()) {
        if (post->kind == modules::Post::kSettled) settled = post->number;
        Desk::drop(post);
      }
    }
    counted->gone.store(true);
    delete counted;
  }
  // The isolate ends under them.
  world.desk->close();
  over.store(true);
  for (std::thread& caller : callers) caller.join();
  CHECK(world.desk->take() == nullptr);
  self->release();
}

}  // namespace
}  // namespace heddle::test
